"""Exceptions of the package beyond ValueError and TypeError."""


class TrainingError(ValueError):
    """Training stopped because the loss is no longer a finite number.

    The model keeps the weights it had before the step that failed.

    Attributes
    ----------
    epoch, step : int
        Where it happened, counted from 1.
    loss : float
    """

    def __init__(self, message: str, *, epoch: int, step: int, loss: float) -> None:
        super().__init__(message)
        self.epoch, self.step, self.loss = epoch, step, loss
