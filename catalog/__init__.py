"""Tables of all named choices, from which the command line, the models and the results are made.

A table maps names to rows. A row describes the choice and lists the flags that it reads, each
with its type, default, help text and abbreviation, so that adding a prior, a network or an
evaluation takes one row here and one module elsewhere.

    models, networks, likelihoods, priors, objectives, schedules    the parts of a model
    datasets, tfds_names                                            what is read
    evaluations, metrics, exports, classifiers                      what is drawn, measured, written
    training                                                        flags that belong to no part
    run_flags                                                       which flags each part reads
    flags, values                                                   flags and types of their values

Nothing here imports TensorFlow or another package of the project.
"""

from catalog.run_flags import PARTS, READERS, RUN_FLAGS, read_by

__all__ = ["PARTS", "READERS", "RUN_FLAGS", "read_by"]
