"""LambdaCallback: a callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cnncore._suggestions import nearest
from cnncore.callbacks.base import HOOKS, Callback

__all__ = ["LambdaCallback"]


class LambdaCallback(Callback):
    """A callback made of functions.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end : callable, optional
        Functions of ``(epoch, logs)``.
    on_train_begin, on_train_end : callable, optional
        Functions of ``(logs)``.
    on_train_batch_begin, on_train_batch_end : callable, optional
        Functions of ``(batch, logs)``.
    **hooks : callable
        Any other hook of :class:`Callback`, with the same arguments.

    Raises
    ------
    ValueError
        If there is no such hook.
    TypeError
        If an argument is not a function.

    Examples
    --------
    >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> callback.on_epoch_end(0, {"loss": 0.5})
    0 0.5
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **hooks: Callable[..., Any],
    ) -> None:
        super().__init__()
        named = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        }
        for name, hook in {**named, **hooks}.items():
            if name not in HOOKS:
                raise ValueError(
                    f"[LambdaCallback] expected names of hooks: {', '.join(HOOKS)}.{nearest(name, HOOKS)} "
                    f"Received: {name}"
                )
            if hook is not None:
                if not callable(hook):
                    raise TypeError(f"[LambdaCallback] expected `{name}` to be a function. Received: {hook!r}")
                setattr(self, name, hook)
