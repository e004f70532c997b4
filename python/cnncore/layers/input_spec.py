"""InputSpec, with which layers of one's own describe what they take."""

from __future__ import annotations

from typing import Any

from cnncore import _checks

__all__ = ["InputSpec"]


class InputSpec:
    """A description of an input of a layer, as layers that users write keep it in ``input_spec``.

    It describes only: ``compute_output_shape`` or ``call`` of the layer checks its input.

    Parameters
    ----------
    dtype : str, optional
    shape : tuple of int, optional
        With the batch axis; None stands for any size.
    ndim, max_ndim, min_ndim : int, optional
        The number of axes, with that of the batch.
    axes : dict of int to int, optional
        The sizes of some axes.
    allow_last_axis_squeeze, optional : bool, default False
    name : str, optional

    Examples
    --------
    >>> InputSpec(shape=(None, 28, 28, 1)).ndim
    4
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, Any] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = dtype
        self.shape = None if shape is None else _checks.symbolic_shape(shape, "InputSpec")
        self.ndim = len(self.shape) if self.shape is not None else ndim
        for key, value in (("ndim", self.ndim), ("max_ndim", max_ndim), ("min_ndim", min_ndim)):
            if value is not None:
                _checks.integer(value, key, "InputSpec", minimum=0)
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        if axes is not None and not isinstance(axes, dict):
            raise TypeError(f"[InputSpec] expected `axes` to be a dict of sizes by axis. Received: axes={axes!r}")
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze, self.name, self.optional = allow_last_axis_squeeze, name, optional

    def __repr__(self) -> str:
        return f"InputSpec(shape={self.shape}, ndim={self.ndim})"
