"""The half of a model that trains, up to the methods of users, which are in :mod:`cnncore.models.fitting`.

``compiled`` keeps what ``compile`` was given, and ``compile_plan`` spreads it over the outputs. ``preparation`` makes
sources of batches of the arguments of ``fit``, and ``loop`` goes through epochs and batches. Each batch is one of
``steps``; ``batch_objective`` and ``factors`` are for optimizers that compute more than a gradient. ``meter`` and
``measuring`` compute what is reported, ``training_error`` explains losses that are not finite, and ``advice`` warns.
"""

__all__ = [
    "advice",
    "batch_objective",
    "claim",
    "compile_plan",
    "compiled",
    "factors",
    "fit_options",
    "interrupts",
    "loop",
    "measuring",
    "meter",
    "own_loss",
    "preparation",
    "steps",
    "training_error",
]
