"""What is measured and drawn of a trained run: the table of ``evaluate.py``'s flags.

Each entry is a module of the same name with one function,

    run(context) -> list of the files written

and, where it does not apply to every run, ``why_not(context)``, which returns the reason
or None. This file imports no TensorFlow.
"""

EVALUATIONS = {
    "reconstruct": "test images beside their reconstructions, and the latent map",
    "generate": "images decoded from samples of the prior",
    "latent": "posterior means of test and training images, by class",
    "manifold": "images decoded over a grid in the plane of two latent dimensions",
    "curves": "losses over epochs, training and validation",
    "metrics": "ELBO, KL of each dimension, active units, errors: a table and JSON",
}
