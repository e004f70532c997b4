"""Exceptions of the package beyond ValueError and TypeError."""

__all__ = ["TrainingError"]


class TrainingError(ValueError):
    """Training stopped because the loss, the weights or the optimizer's state are no longer finite.

    If the loss was the first value that is not finite, the model keeps the weights it had before the step that failed.
    The message says which weights the model has.

    Attributes
    ----------
    epoch, step : int
        The epoch and the step in it where it happened, counted from 1.
    loss : float
        The loss of that step.
    """

    def __init__(self, message: str, *, epoch: int, step: int, loss: float) -> None:
        super().__init__(message)
        self.epoch, self.step, self.loss = epoch, step, loss
