"""Input: where a graph of layers begins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cnncore import _checks
from cnncore.graph.tensor import KerasTensor, Node
from cnncore.layers.base import Layer, registry

__all__ = ["Input", "InputLayer"]


@registry.register()
class InputLayer(Layer):
    """The beginning of a graph: it has no input, and its output is a tensor of the given shape. See :func:`Input`.

    Parameters
    ----------
    shape : tuple of int or None
        Shape of one sample, or () for samples that are single numbers. None stands for any size, which may differ from
        batch to batch.
    batch_size : int, optional
        Accepted for compatibility with Keras: any number of samples is taken.
    dtype : str, default "float32"
        Accepted for compatibility with Keras: images of dtype uint8 are taken as they are, everything else as float32.
    batch_shape : tuple, optional
        The shape with the batch axis in front, in place of ``shape``. ``batch_input_shape`` and ``input_shape`` are
        older names of both.
    name : str, optional

    Raises
    ------
    ValueError
        If the shape is missing, or not a tuple of positive integers and None.
    """

    def __init__(
        self,
        shape: Iterable[int | None] | int | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        batch_shape: Iterable[int | None] | None = None,
        name: str | None = None,
        *,
        input_shape: Iterable[int | None] | None = None,
        batch_input_shape: Iterable[int | None] | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.input_dtype = "float32" if dtype is None else str(getattr(dtype, "name", dtype))
        self.batch_size = batch_size
        with_batch = batch_shape if batch_shape is not None else batch_input_shape
        if with_batch is not None:
            if not isinstance(with_batch, Iterable) or isinstance(with_batch, (str, bytes)):
                raise ValueError(f"[Input] expected `batch_shape` as a tuple. Received: batch_shape={with_batch!r:.80}")
            sizes: Any = list(with_batch)
            shape = sizes[1:]
        elif shape is None:
            shape = input_shape
        if shape is None:
            raise ValueError("[Input] expected the shape of a sample, such as (28, 28, 1). Received: shape=None")
        if isinstance(shape, int):
            shape = (shape,)
        single = isinstance(shape, (tuple, list)) and not shape
        self.declared_input_shape = () if single else _checks.shape_of_sample(shape, "shape", "Input")
        self.built = True
        Node(self, (), {}, KerasTensor((None, *self.declared_input_shape), self.input_dtype, self.name))

    @property
    def sample_shape(self) -> tuple[Any, ...]:
        """Shape of one sample."""
        assert self.declared_input_shape is not None
        return self.declared_input_shape

    @property
    def input(self) -> Any:
        """The output of this layer, which is also its input."""
        return self.output

    def compute_output_shape(self, input_shape: Any = None) -> Any:
        return (None, *self.sample_shape)

    def get_config(self) -> dict[str, Any]:
        return {"shape": list(self.sample_shape), "dtype": self.input_dtype, "name": self.name}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            f'Layer "{self.name}" is where a graph begins and cannot be called: use Input(...), which returns its '
            "tensor."
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        Node(self, (), {}, KerasTensor((None, *self.sample_shape), self.input_dtype, self.name))


def Input(  # noqa: N802 (Keras' name)
    shape: Iterable[int | None] | int | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    batch_shape: Iterable[int | None] | None = None,
    name: str | None = None,
) -> KerasTensor:
    """A tensor without values from which a graph of layers begins.

    Parameters
    ----------
    shape : tuple of int or None
        Shape of one sample, without the batch axis: (height, width, channels), (height, width), (features,), ... None
        stands for any size, which may differ from batch to batch: (None, None, 3) are colour images of all sizes.
    batch_size : int, optional
        Accepted for compatibility with Keras: any number of samples is taken.
    dtype : str, default "float32"
        Accepted for compatibility with Keras.
    batch_shape : tuple, optional
        The shape with the batch axis in front, in place of ``shape``.
    name : str, optional

    Returns
    -------
    KerasTensor
        To call layers on, or to be the first element of a :class:`cnncore.Sequential`.

    Raises
    ------
    ValueError
        If the shape is missing, or not a tuple of positive integers and None.

    Examples
    --------
    >>> from cnncore import Model
    >>> from cnncore.layers import Conv2D, Flatten
    >>> x = Input((28, 28, 1))
    >>> y = Flatten()(Conv2D(32, 3)(x))
    >>> Model(x, y).output_shape
    (None, 21632)
    >>> Conv2D(32, 3)(Input((None, None, 3))).shape
    (None, None, None, 32)
    """
    layer = InputLayer(shape, batch_size, dtype, batch_shape, name)
    tensor: KerasTensor = layer.output
    return tensor
