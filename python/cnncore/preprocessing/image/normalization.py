"""The normalization of ``ImageDataGenerator``: centring, division by standard deviations, and ZCA whitening."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from cnncore import _checks

__all__ = ["Normalization"]

_OWNER = "ImageDataGenerator"


class Normalization:
    """The normalization of images after their random changes. ``ImageDataGenerator`` describes the attributes."""

    featurewise_center: bool
    samplewise_center: bool
    featurewise_std_normalization: bool
    samplewise_std_normalization: bool
    zca_whitening: bool
    zca_epsilon: float
    rescale: float | None
    preprocessing_function: Callable[[np.ndarray], np.ndarray] | None
    mean: np.ndarray | None = None
    std: np.ndarray | None = None
    zca_whitening_matrix: np.ndarray | None = None
    _random: Any

    def _changed(self, images: np.ndarray, random: Any) -> np.ndarray:
        raise NotImplementedError("a subclass changes images at random")

    def _settle_normalization(self) -> None:
        """As in Keras, set the options that follow from other options, with a warning."""

        def imply(condition: bool, name: str, value: bool, cause: str) -> None:
            if condition and getattr(self, name) != value:
                setattr(self, name, value)
                warnings.warn(f"[{_OWNER}] {cause} sets {name}={value}", stacklevel=4)

        imply(self.zca_whitening, "featurewise_center", True, "zca_whitening=True")
        imply(self.zca_whitening, "featurewise_std_normalization", False, "zca_whitening=True")
        cause = "featurewise_std_normalization=True"
        imply(self.featurewise_std_normalization, "featurewise_center", True, cause)
        cause = "samplewise_std_normalization=True"
        imply(self.samplewise_std_normalization, "samplewise_center", True, cause)

    def standardize(self, x: Any) -> np.ndarray:
        """Normalize one image or a batch, without random changes.

        Parameters
        ----------
        x : array_like, shape (height, width, channels) or (n, height, width, channels)

        Returns
        -------
        numpy.ndarray of float32
        """
        given = np.asarray(x, np.float32)
        images = given[None] if given.ndim == 3 else given
        if self.preprocessing_function is not None:
            images = np.stack([np.asarray(self.preprocessing_function(image), np.float32) for image in images])
        else:
            images = images.copy()
        if self.rescale:
            images *= self.rescale
        if self.samplewise_center:
            images -= images.mean(axis=(1, 2, 3), keepdims=True)
        if self.samplewise_std_normalization:
            images /= images.std(axis=(1, 2, 3), keepdims=True) + 1e-6
        if self.featurewise_center and self._fitted(self.mean, "featurewise_center"):
            assert self.mean is not None
            images -= self.mean
        if self.featurewise_std_normalization and self._fitted(self.std, "featurewise_std_normalization"):
            assert self.std is not None
            images /= self.std + 1e-6
        if self.zca_whitening and self._fitted(self.zca_whitening_matrix, "zca_whitening"):
            assert self.zca_whitening_matrix is not None
            images = (images.reshape(len(images), -1) @ self.zca_whitening_matrix).reshape(images.shape)
        result: np.ndarray = images[0] if given.ndim == 3 else images
        return result

    @staticmethod
    def _fitted(value: Any, name: str) -> bool:
        if value is None:
            warnings.warn(f"[{_OWNER}] {name}=True has no effect before fit(x) is called", stacklevel=4)
        return value is not None

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Compute from training images what featurewise normalization and ZCA whitening need.

        Parameters
        ----------
        x : array_like, shape (n, height, width, channels)
        augment : bool, default False
            Whether to use randomly changed images.
        rounds : int, default 1
            With ``augment``, the number of changed images that are made of each image.
        seed : int, optional
            The seed of these changes.
        """
        images = _checks.float32_array(x, "x", f"{_OWNER}.fit", 4, "n, height, width, channels")
        images = images * np.float32(self.rescale) if self.rescale else images.copy()
        if augment:
            random = self._random if seed is None else np.random.RandomState(seed)
            rounds = _checks.integer(rounds, "rounds", f"{_OWNER}.fit")
            images = np.concatenate([self._changed(images, random) for _ in range(rounds)])
        if self.featurewise_center:
            self.mean = images.mean(axis=(0, 1, 2)).reshape(1, 1, -1)
            images -= self.mean
        if self.featurewise_std_normalization:
            self.std = images.std(axis=(0, 1, 2)).reshape(1, 1, -1)
            images /= self.std + 1e-6
        if self.zca_whitening:
            flat = images.reshape(len(images), -1)
            u, s, _ = np.linalg.svd(flat.T, full_matrices=False)
            self.zca_whitening_matrix = (u * (np.sqrt(len(images)) / (s + self.zca_epsilon))) @ u.T
