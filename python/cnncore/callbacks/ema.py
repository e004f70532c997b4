"""SwapEMAWeights: evaluate with the moving averages of the weights."""

from __future__ import annotations

from typing import Any

from cnncore.callbacks.base import Callback, Logs

__all__ = ["SwapEMAWeights"]


class SwapEMAWeights(Callback):
    """Evaluate with the optimizer's moving averages of the weights, but train with the weights themselves.

    Parameters
    ----------
    swap_on_epoch : bool, default False
        Whether to use the averages from the end of each epoch to the beginning of the next one, so that checkpoints
        contain them, too.

    Raises
    ------
    ValueError
        At the start of training, if the optimizer was not made with ``use_ema=True``.

    Examples
    --------
    >>> callback = SwapEMAWeights(swap_on_epoch=True)
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        optimizer: Any = self.model.optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "[SwapEMAWeights] expected an optimizer with use_ema=True. "
                f"Received: {type(optimizer).__name__} without it"
            )

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._swapped = False  # `fit` has given the model its averages for good

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._use_averages(False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._use_averages(True)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._use_averages(True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._use_averages(False)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._use_averages(True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._use_averages(False)

    def _use_averages(self, wanted: bool) -> None:
        if wanted != self._swapped:
            self.model.optimizer.swap_ema_weights(self.model.core_network)
            self._swapped = wanted
