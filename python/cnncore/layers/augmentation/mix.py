"""Layers that combine two images of a batch, and their labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnncore import _checks, _core
from cnncore._random import generator as numpy_generator
from cnncore.layers.augmentation.base import Augmentation, Images, RandomKey, between, factor_range
from cnncore.layers.augmentation.color import random_boxes
from cnncore.layers.base import registry

__all__ = ["CutMix", "MixUp"]


class _Mixing(Augmentation):
    """A layer that replaces a part of each image by that of another one, and the same part of its label."""

    changes_labels = True

    def plan(self, shape: tuple[int, ...], key: RandomKey) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return for each image the index of the other one, the share of the label that is kept, and a box or None."""
        raise NotImplementedError(f"{type(self).__name__} must implement plan(shape, key)")

    def augment_labels(self, labels: Any, images: Any, seed: int, step: int) -> np.ndarray:
        """Mix labels in the way in which ``augment(images, seed, step)`` mixes images.

        Parameters
        ----------
        labels : array_like, shape (n, classes)
            One-hot rows.
        images : array_like, shape (n, height, width, channels)
            The images before or after they are mixed. Only their shape is used.
        seed, step : int
            As given to ``augment``.

        Returns
        -------
        numpy.ndarray of float32, shape (n, classes)
        """
        owner = type(self).__name__
        rows = _checks.numeric_array(labels, "labels", owner)
        is_class = rows.dtype.kind in "iub" and (rows.ndim == 1 or rows.shape[-1] == 1)
        if is_class or rows.ndim < 2 or len(rows) != len(images):
            raise ValueError(
                f"[{owner}] expected one-hot labels of shape ({len(images)}, classes), since labels are mixed like "
                "images; cnncore.utils.to_categorical makes them from class numbers. "
                f"Received: {rows.dtype} of shape {rows.shape}"
            )
        order, weight, _ = self.plan(np.shape(images), self._key(seed, step))
        values = rows.astype(np.float32)
        share = weight.reshape(-1, *[1] * (values.ndim - 1))
        mixed: np.ndarray = share * values + (1 - share) * values[order]
        return mixed


@registry.register()
class MixUp(_Mixing):
    """Mix each image of a batch, and its label, with another one: y = w x + (1 - w) x'.

    For each image, w is drawn from a beta distribution whose two parameters are ``alpha``.

    Parameters
    ----------
    alpha : float, default 0.2
        With small values, w is nearly 0 or 1 for most images. With 1, its distribution is uniform.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Notes
    -----
    Labels must be one-hot. Call the layer on ``{"images": x, "labels": y}``, or train a model whose first layer it is.
    Zhang et al., "mixup: beyond empirical risk minimization", 2018, arXiv:1710.09412.

    Examples
    --------
    >>> images, labels = np.ones((4, 2, 2, 1), np.float32), np.eye(4, dtype=np.float32)
    >>> MixUp(seed=1)({"images": images, "labels": labels})["labels"].sum(axis=1)
    array([1., 1., 1., 1.], dtype=float32)
    """

    def __init__(self, alpha: float = 0.2, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.alpha = _checks.number(alpha, "alpha", "MixUp")
        if self.alpha <= 0:
            raise ValueError(f"[MixUp] expected `alpha` above 0. Received: alpha={alpha!r}")

    def plan(self, shape: tuple[int, ...], key: RandomKey) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        draw = numpy_generator(*key)
        order = draw.permutation(shape[0])
        return order, draw.beta(self.alpha, self.alpha, shape[0]).astype(np.float32), None

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        order, weight, _ = self.plan(images.shape, generator)
        return _core.augment_mix(images, order, weight)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


@registry.register()
class CutMix(_Mixing):
    """Replace a box of each image by that of another image, and the same share of its label.

    Parameters
    ----------
    factor : float or two floats in [0, 1], default 1.0
        The bounds between which a number alpha is drawn for each batch. f stands for (0, f). The share of an image that
        is kept is drawn from a beta distribution whose two parameters are alpha.
    seed : int, optional
        Layers with the same seed change images in the same way. By default each layer has its own seed.
    **kwargs
        See :class:`cnncore.layers.Layer`.

    Notes
    -----
    Labels must be one-hot. Call the layer on ``{"images": x, "labels": y}``, or train a model whose first layer it is.
    Yun et al., "CutMix: regularization strategy to train strong classifiers with localizable features", 2019,
    arXiv:1905.04899.

    Examples
    --------
    >>> images, labels = np.ones((4, 2, 2, 1), np.float32), np.eye(4, dtype=np.float32)
    >>> CutMix(seed=1)({"images": images, "labels": labels})["labels"].sum(axis=1)
    array([1., 1., 1., 1.], dtype=float32)
    """

    draws = 2

    def __init__(self, factor: Any = 1.0, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed, **kwargs)
        self.factor = factor
        self._alpha = factor_range(factor, "factor", "CutMix", least=0.0)

    def plan(self, shape: tuple[int, ...], key: RandomKey) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        n = shape[0]
        draw = numpy_generator(*key)
        order = draw.permutation(n)
        alpha = float(between(draw.random(1), self._alpha)[0]) + 1e-6
        sides = np.sqrt(1 - draw.beta(alpha, alpha, n))[:, None]
        u = _core.augment_uniform(*key, n, self.draws)
        boxes = random_boxes(np.repeat(sides, 2, axis=1), u, shape)
        area = (boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2])
        return order, (1 - area / (shape[1] * shape[2])).astype(np.float32), boxes

    def transform(self, images: Images, u: np.ndarray, generator: RandomKey) -> Images:
        order, _, boxes = self.plan(images.shape, generator)
        assert boxes is not None
        return _core.augment_paste(images, order, boxes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}
