"""What ``--model`` and ``--network`` can name: name → one line for ``--help``.

Importing the package ``models`` imports TensorFlow and registers its classes with Keras,
which is what ``keras.saving.load_model`` needs. The command line must answer without
TensorFlow, so it runs this file by itself (``options.py``). Each model is a module of the
same name with a function ``build``, each network one with the classes ``Encoder`` and
``Decoder``.
"""

MODELS = {
    "vae": "variational autoencoder (Kingma and Welling, 2014)",
}

NETWORKS = {
    "mlp": "fully connected hidden layers",
}
