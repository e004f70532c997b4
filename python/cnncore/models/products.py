"""Products with the curvature of a model's loss: Hessian, Gauss-Newton and Fisher matrix times a vector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cnncore import _checks
from cnncore._checks import Float32
from cnncore.losses.targets import finite
from cnncore.models.fitting import Fitting
from cnncore.models.training.batch_objective import require_second_derivatives

__all__ = ["CurvatureProduct", "Products"]


class CurvatureProduct:
    """Multiplies vectors by one kind of curvature of a model's loss on fixed data.

    The data are checked once. Each call reads the weights that the model has then.

    Parameters
    ----------
    model : Model
        A compiled model.
    kind : {"hessian", "gauss_newton", "fisher"}
        The matrix.
    data : (x, y, sample_weight)
        As for ``fit``.
    owner : str
        The function that messages name.
    """

    def __init__(self, model: Any, kind: str, data: tuple[Any, Any, Any], owner: str) -> None:
        if not isinstance(model, Fitting):
            raise TypeError(f"[{owner}] expected a Model. Received: model={model!r} of type {type(model).__name__}")
        model._require_loss(owner)
        self._samples = model._samples(data, owner)
        self._model: Any = model
        self._kind, self._owner = kind, owner

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the trained weights, in the order of ``model.trainable_weights``."""
        return [tuple(variable.shape) for variable in self._model.trainable_variables]

    @property
    def size(self) -> int:
        """The length of a flat vector."""
        return sum(math.prod(shape) for shape in self.shapes)

    def __call__(self, v: Any) -> Any:
        """The product, in the form of ``v``: one flat array, or a list of arrays of the weights' shapes."""
        if isinstance(v, (list, tuple)) and not _is_flat(v):
            product = self._of(self._as_flat(v))
            return self._as_list(product)
        flat = _checks.float32_array(v, "v", self._owner)
        if flat.shape != (self.size,):
            raise ValueError(
                f"[{self._owner}] expected v of shape ({self.size},), a number for each trained weight, or a list of "
                f"{len(self.shapes)} arrays of the shapes of model.trainable_weights. Received: an array of shape "
                f"{flat.shape}"
            )
        return self._of(flat)

    def _of(self, flat: Float32) -> Float32:
        """The product with a vector of all trained weights in the order of the model."""
        finite(flat, "v", self._owner)
        model, samples = self._model, self._samples
        with model.step_lock:
            network = model._network_for_use()
            outputs = model._described_outputs()
            losses = [None if output.loss is None else output.loss.core(output.shape) for output in outputs]
            require_second_derivatives(losses, self._owner)
            places = self._places(network)
            direction = np.zeros(network.parameter_count, np.float32)
            product = np.empty_like(direction)
            for own, place in places:
                direction[place] = flat[own]
            network.curvature_product(
                self._kind,
                samples.x,
                samples.y,
                losses,
                [output.loss_weight for output in outputs],
                samples.weight,
                v=direction,
                out=product,
            )
        result = np.zeros_like(flat)
        for own, place in places:
            result[own] = product[place]
        return result

    def _places(self, network: Any) -> list[tuple[slice, slice]]:
        """For each trained weight, its place in a vector without gaps, and its place in the network's vector."""
        begins, at = {}, 0
        for variable in self._model.trainable_variables:
            begins[variable.trace_key] = at
            at += math.prod(variable.shape)
        found = []
        for slot in network.slots:
            if slot.trainable:
                begin, size = begins[self._model.variable_of(slot).trace_key], math.prod(slot.shape)
                found.append((slice(begin, begin + size), slice(slot.offset, slot.offset + size)))
        return found

    def _as_flat(self, v: Sequence[Any]) -> Float32:
        arrays = [_checks.float32_array(array, f"v[{i}]", self._owner) for i, array in enumerate(v)]
        received = [array.shape for array in arrays]
        if received != self.shapes:
            raise ValueError(
                f"[{self._owner}] expected v to be a list of arrays of the shapes of model.trainable_weights, "
                f"{self.shapes}, or one flat array of {self.size} numbers. Received: arrays of shapes {received}"
            )
        return np.concatenate([np.zeros(0, np.float32), *(array.ravel() for array in arrays)])

    def _as_list(self, flat: Float32) -> list[Float32]:
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])
        return [part.reshape(shape) for part, shape in zip(np.split(flat, ends[:-1]), self.shapes, strict=True)]


def _is_flat(v: Sequence[Any]) -> bool:
    """Whether a list holds plain numbers."""
    return bool(v) and all(np.ndim(item) == 0 for item in v)


class Products(Fitting):
    """The part of a model that multiplies vectors with the curvature of its loss."""

    def hessian_vector_product(self, x: Any, y: Any, v: Any, sample_weight: Any = None) -> Any:
        r"""The matrix of second derivatives of the loss times a vector, exactly and without the matrix.

        With :math:`L(w)` the loss that ``compile`` describes, averaged over the samples and with the penalties of
        regularizers, this is

        .. math:: H v = \frac{d}{dt} \nabla L(w + t v) \Big|_{t=0}, \quad H_{ij} = \frac{\partial^2 L}{\partial w_i
            \partial w_j}.

        It takes about as long as three gradients on the same samples: derivatives along v go forward through the
        network together with the values, and then back. Nothing in the model changes. Layers behave as in inference:
        Dropout drops nothing, and BatchNormalization uses its moving statistics. All arithmetic is float32.

        Parameters
        ----------
        x, y : array_like, or lists or dicts of them
            Samples and targets, as for :meth:`fit`; any number of samples.
        v : array_like, shape (trained weights,), or list of array_like
            One number for each trained weight, in the order of ``model.trainable_weights``; or a list of arrays of
            their shapes.
        sample_weight : array_like, optional
            As for :meth:`fit`.

        Returns
        -------
        numpy.ndarray or list of numpy.ndarray
            float32, in the form of ``v``.

        Raises
        ------
        ValueError
            If the second derivatives of a layer or a loss are not known, because it is written in Python: the message
            names it. Also if shapes do not fit.

        Notes
        -----
        Pearlmutter, "Fast exact multiplication by the Hessian", 1994. At the kink of a relu, and where the
        largest value occurs twice in a window of a max-pool, second derivatives do not exist. There, those of the
        smooth piece that the forward pass chose are used.

        Examples
        --------
        >>> from cnncore import Sequential
        >>> from cnncore.layers import Dense
        >>> model = Sequential([Dense(1, input_shape=(2,))])
        >>> model.compile(loss="mse")
        >>> model.hessian_vector_product([[1.0, 2.0]], [[0.0]], [1.0, 0.0, 0.0])  # d^2 (w1 + 2 w2 + b)^2
        array([2., 4., 2.], dtype=float32)
        """
        return CurvatureProduct(self, "hessian", (x, y, sample_weight), "hessian_vector_product")(v)

    def gauss_newton_vector_product(self, x: Any, y: Any, v: Any, sample_weight: Any = None) -> Any:
        r"""The generalized Gauss-Newton matrix of the loss times a vector, without the matrix.

        .. math:: G v = \frac{1}{N} \sum_n J_n^T H_n J_n v + (\text{second derivatives of the penalties}) v

        :math:`J_n` is the Jacobian of the network's output z for sample n and :math:`H_n` the matrix of second
        derivatives of the sample's loss with respect to z. If the last activation is a softmax or a sigmoid, and the
        loss is the cross-entropy that belongs to it, z is the input of this activation. G has no negative eigenvalues,
        and equals the Hessian where the network is linear in its weights or fits the data exactly. It takes about as
        long as two gradients. Layers behave as in :meth:`hessian_vector_product`.

        Parameters
        ----------
        x, y, v, sample_weight
            As for :meth:`hessian_vector_product`.

        Returns
        -------
        numpy.ndarray or list of numpy.ndarray
            float32, in the form of ``v``.

        Raises
        ------
        ValueError
            As for :meth:`hessian_vector_product`.

        Notes
        -----
        Schraudolph, "Fast curvature matrix-vector products for second-order gradient descent", 2002;
        Martens, "Deep learning via Hessian-free optimization", 2010. For losses that are not convex in the output,
        :math:`H_n` has only terms that are never negative. For mean_squared_logarithmic_error and cosine_similarity, it
        leaves out the second derivatives of the logarithm and of the direction. For focal losses, it has the positive
        part of each term.

        Examples
        --------
        >>> from cnncore import Sequential
        >>> from cnncore.layers import Dense
        >>> model = Sequential([Dense(1, input_shape=(2,))])
        >>> model.compile(loss="mse")
        >>> kernel, bias = model.gauss_newton_vector_product([[1.0, 2.0]], [[0.0]], [[[1.0], [0.0]], [0.0]])
        >>> kernel.tolist(), bias.tolist()
        ([[2.0], [4.0]], [2.0])
        """
        return CurvatureProduct(self, "gauss_newton", (x, y, sample_weight), "gauss_newton_vector_product")(v)

    def fisher_vector_product(self, x: Any, y: Any, v: Any, sample_weight: Any = None) -> Any:
        r"""The Fisher information matrix of the model times a vector, without the matrix.

        .. math:: F v = \frac{1}{N} \sum_n J_n^T \, \mathrm{E}_{t \sim p(t|z_n)} [H_n(t)] \, J_n v
            + (\text{second derivatives of the penalties}) v

        The loss is regarded as the negative logarithm of a likelihood p. The expectation is over targets t that have
        the probabilities which the model predicts; the given y only decides how the loss is averaged. For
        cross-entropies of logits, for cross-entropies of the activation that belongs to them, and for
        mean_squared_error it is the Gauss-Newton matrix. Layers behave as in :meth:`hessian_vector_product`.

        Parameters
        ----------
        x, y, v, sample_weight
            As for :meth:`hessian_vector_product`.

        Returns
        -------
        numpy.ndarray or list of numpy.ndarray
            float32, in the form of ``v``.

        Raises
        ------
        ValueError
            As for :meth:`hessian_vector_product`. Also if the loss is not the negative logarithm of a likelihood. The
            cross-entropies, mean_squared_error, kl_divergence and poisson are.

        Notes
        -----
        Amari, "Natural gradient works efficiently in learning", 1998; Martens, "New insights and perspectives on the
        natural gradient method", 2014.

        Examples
        --------
        >>> from cnncore import Sequential
        >>> from cnncore.layers import Dense
        >>> model = Sequential([Dense(1, activation="sigmoid", kernel_initializer="zeros", input_shape=(1,))])
        >>> model.compile(loss="binary_crossentropy")
        >>> model.fisher_vector_product([[1.0]], [[1.0]], [4.0, 0.0])  # p (1 - p) = 1/4
        array([1., 1.], dtype=float32)
        """
        return CurvatureProduct(self, "fisher", (x, y, sample_weight), "fisher_vector_product")(v)
