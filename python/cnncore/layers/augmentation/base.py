"""The base classes of layers that change images, and checks of their arguments.

A layer that uses random numbers implements ``transform(images, u, generator)``, which changes a batch of images. ``u``
has ``draws`` uniform random numbers for each image. These numbers depend only on the seed of the layer, the seed and
the step of the caller, and the place of the image in the batch. So the results are the same at any number of threads
and in any order of calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnncore import _checks, _core
from cnncore._random import next_seed
from cnncore.differentiation import Traced, seen
from cnncore.graph.tensor import Array, is_symbolic
from cnncore.layers.base import Layer

__all__ = ["Augmentation", "ImageLayer"]

Images = np.ndarray
_MASK = (1 << 64) - 1


class ImageLayer(Layer):
    """Base class of layers that change whole images, both when they are called on arrays and in a model."""

    changes_labels = False

    # --- what a subclass says -----------------------------------------------------------------------------------
    def process(self, images: Images, seed: int, step: int, training: bool) -> Images:
        """Compute the result for images (n, height, width, channels) of uint8 or float32, which have been checked."""
        raise NotImplementedError(f"{type(self).__name__} must implement process(images, seed, step, training)")

    # --- calls on arrays ----------------------------------------------------------------------------------------
    _arrays_train = False  # whether a call on arrays without an argument ``training`` means training
    _calls = 0

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Apply the layer to a symbolic tensor, to images, or to a dict with "images" and "labels".

        Parameters
        ----------
        *args
            A symbolic tensor; an array with one image (height, width, channels) or a batch of images; or a dict with
            such an array.
        training : bool, optional
            Whether to change the images at random, differently in each call; False returns them unchanged. As in Keras,
            it is True by default when a layer that uses random numbers is called on arrays.

        Returns
        -------
        KerasTensor, Array or dict
            The changed images, in the form of the argument. Images of uint8 stay uint8; all others become float32.
        """
        if len(args) != 1 or kwargs or is_symbolic(args) or self._is_differentiated(args[0]):
            return super().__call__(*args, training=training, **kwargs)
        training = self._arrays_train if training is None else bool(training)
        self._calls += 1
        return self._on_arrays(args[0], self._calls - 1, training)

    def _is_differentiated(self, images: Any) -> bool:
        """Whether a tape watches a batch of images, and the layer has a gradient."""
        return np.ndim(images) == 4 and isinstance(seen(images), Traced) and self._gradient() is not None

    def _on_arrays(self, data: Any, step: int, training: bool) -> Any:
        labels = None
        if isinstance(data, dict):
            unknown = set(data) - {"images", "labels"}
            if unknown or "images" not in data:
                raise ValueError(
                    f'[{type(self).__name__}] expected a dict with "images" and "labels". Received: {sorted(data)}'
                )
            labels = data.get("labels")
        given = data["images"] if isinstance(data, dict) else data
        images = as_images(given, type(self).__name__)
        result = self.process(images, 0, step, training)
        result = (result if np.ndim(given) == 4 else result[0]).view(Array)
        if not isinstance(data, dict):
            return result
        if labels is None:
            return {"images": result}
        return {"images": result, "labels": self._labels(labels, images, step, training)}

    def _labels(self, labels: Any, images: Images, step: int, training: bool) -> Any:
        return labels

    # --- in a model ---------------------------------------------------------------------------------------------
    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the input."""
        self._expect_rank(input_shape, "batch, height, width, channels")
        return input_shape

    def lower(self, graph: Any, inputs: Sequence[int]) -> Any:
        """Add an op that calls this layer in each step.

        This is not used for layers at the beginning of a model. There another thread changes the images before they
        reach the network.
        """
        shape = self.compute_output_shape((None, *graph.output_shape(inputs[0])))[1:]
        is_inference = graph.is_inference

        def forward(arrays: Sequence[np.ndarray], training: bool) -> np.ndarray:
            self._calls += 1
            images = as_images(arrays[0], self.name)
            return self.process(images, 0, self._calls - 1, training and not is_inference)

        return graph.add("host", inputs, self.name, forward=forward, backward=self._gradient(), shape=shape)

    def _gradient(self) -> Callable[[Sequence[np.ndarray], np.ndarray], list[np.ndarray]] | None:
        """Return a function that computes the gradient of the images, or None if there is none.

        Most layers need none, since they are the first ones of a model.
        """
        return None


class Augmentation(ImageLayer):
    """Base class of layers that change training images at random and keep their shape.

    Parameters
    ----------
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.
    """

    draws = 0  # how many uniform numbers each image needs
    _arrays_train = True

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        check_data_format(kwargs, type(self).__name__)
        super().__init__(**kwargs)
        self.seed = None if seed is None else _checks.integer(seed, "seed", type(self).__name__, minimum=0)
        self._own_seed = next_seed() if self.seed is None else self.seed

    def _kept_in_files(self) -> list[str]:
        return [*super()._kept_in_files(), "_own_seed", "_calls"]

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        """Change images by uniform random numbers ``u`` in [0, 1), of shape (n, draws)."""
        raise NotImplementedError(f"{type(self).__name__} must implement transform(images, u, generator)")

    def process(self, images: Images, seed: int, step: int, training: bool) -> Images:
        """Return the changed images in training, and the images themselves otherwise."""
        return self.augment(images, seed, step) if training else images

    def augment(self, images: Any, seed: int = 0, step: int | None = None) -> Images:
        """Change a batch of images.

        Parameters
        ----------
        images : array_like, shape (n, height, width, channels)
            Images of uint8 stay uint8; all others become float32.
        seed : int, default 0
            How an image is changed depends on this seed, the seed of the layer, the step, and the place in the batch.
        step : int, optional
            By default the number of calls of the layer so far.

        Returns
        -------
        numpy.ndarray
            New images of the same shape.
        """
        x = as_images(images, type(self).__name__)
        if step is None:
            step = self._calls
            self._calls += 1
        return self.transform(x, self.draw(len(x), seed, step), self._key(seed, step))

    def draw(self, n: int, seed: int, step: int) -> np.ndarray:
        """Return the uniform random numbers (n, draws) that ``augment(images, seed, step)`` uses."""
        return _core.augment_uniform(*self._key(seed, step), n, self.draws)

    def augment_labels(self, labels: Any, images: Any, seed: int, step: int) -> Any:
        """Return the labels for the result of ``augment(images, seed, step)``. Most layers do not change them."""
        return labels

    def _labels(self, labels: Any, images: Images, step: int, training: bool) -> Any:
        return self.augment_labels(labels, images, 0, step) if training else labels

    def _key(self, seed: int, step: int) -> RandomKey:
        mixed = (self._own_seed * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03) & _MASK
        return mixed, step & _MASK

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor as a dict that can be written as JSON."""
        return {**super().get_config(), "seed": self.seed}


RandomKey = tuple[int, int]  # the seed and the step from which the core makes random numbers


def as_images(value: Any, owner: str) -> Images:
    """Convert images to a batch that the core takes: uint8 or float32 in C order. One image becomes a batch of one."""
    array = _checks.numeric_array(value, "images", owner)
    if array.ndim not in (3, 4):
        raise ValueError(
            f"[{owner}] expected images (batch, height, width, channels), or one image without the batch axis. "
            f"Received: shape {array.shape}"
        )
    if array.ndim == 3:
        array = array[None]
    return _checks.contiguous(array, np.uint8 if array.dtype == np.uint8 else np.float32)


def check_data_format(kwargs: dict[str, Any], owner: str) -> None:
    """Remove ``data_format`` from ``kwargs``. It must be "channels_last" or None."""
    _checks.data_format(kwargs.pop("data_format", None), owner)


def factor_range(value: Any, name: str, owner: str, least: float = -1.0, most: float = 1.0) -> tuple[float, float]:
    """Return an argument that is two numbers or one number f as (low, high). f stands for (-f, f), or (least, f)."""
    bounds = f"in [{least:g}, {most:g}]"
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise ValueError(f"[{owner}] expected `{name}` to be a number or two of them {bounds}. Received: {value!r}")
        numbers = sorted(_checks.number(item, name, owner) for item in value)
    else:
        magnitude = abs(_checks.number(value, name, owner))
        numbers = [max(-magnitude, least), magnitude]
    if not least <= numbers[0] <= numbers[1] <= most:
        raise ValueError(f"[{owner}] expected `{name}` {bounds}. Received: {value!r}")
    return numbers[0], numbers[1]


def checked_value_range(value: Any, owner: str) -> tuple[float, float]:
    """Return the lowest and the highest value that a pixel can have, from an argument of two numbers."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"[{owner}] expected `value_range` to be two numbers. Received: {value!r}")
    low, high = sorted(_checks.number(item, "value_range", owner) for item in value)
    if low == high:
        raise ValueError(f"[{owner}] expected `value_range` to be two different numbers. Received: {value!r}")
    return low, high


def between(u: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """Turn uniform numbers in [0, 1) into numbers between two bounds, in float64."""
    low, high = bounds
    return low + u.astype(np.float64) * (high - low)


def radians(factor: np.ndarray) -> np.ndarray:
    """Convert shares of a full turn to angles in radians."""
    return 2 * math.pi * factor
