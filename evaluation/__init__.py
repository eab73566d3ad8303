"""Evaluation: what evaluate.py draws and measures of a trained run.

    session           a run opened for evaluation: its model, its images, where results go
    batching          a model applied to many images, in batches
    trained_model     a model loaded from its run's folder
    statistics/       arrays in, numbers out
    comparison        several runs side by side: --compare
    report_several    several runs as one page: --compare with --report
    index             the list of all results: result/index.html

Each row of ``catalog.evaluations`` is a flag and a module here of the same name, with

    run(session) -> list of the paths written

and, if the row says so, ``check(session)``, which is called before TensorFlow is imported and
raises ``RequestError``; ``--all`` leaves an evaluation out that is ``NotApplicable``. A new
evaluation is a new module and a row. This file imports no TensorFlow.
"""


class RequestError(Exception):
    """The flags request something that a run does not have; the message is one line."""


class NotApplicable(RequestError):
    """The evaluation has no meaning for the run's model."""
