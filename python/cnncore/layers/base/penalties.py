"""What a layer adds to the loss of a model: penalties on its weights, and what its ``call`` adds by ``add_loss``."""

from __future__ import annotations

import functools
from typing import Any

from cnncore.graph.loss_terms import add_loss, collect_values, values_are_collected
from cnncore.layers.base.measured import Measured

__all__ = ["Penalized"]


class Penalized(Measured):
    """The part of a layer that adds to the loss."""

    def add_loss(self, loss: Any, inputs: Any = None) -> None:
        """Add a loss to that of the model, inside ``call``.

        Parameters
        ----------
        loss : symbolic loss
            Computed from the arguments of ``call`` with NumPy, :mod:`cnncore.backend` or :mod:`cnncore.ops`. It is
            one number, a mean or sum over the batch, or one value for each sample, of which the mean is taken.
        inputs : optional
            Accepted for compatibility with Keras 2, and not used.

        Raises
        ------
        ValueError
            If it is called outside of ``call``, or with a loss that does not depend on symbolic tensors. Pass
            ``regularizer=`` to ``add_weight`` for a penalty on a weight.
        """
        add_loss(type(self).__name__, loss)

    @property
    def losses(self) -> list[Any]:
        """The present penalties on the trained weights of this layer and of layers inside it, one for each regularizer.

        They are followed by the losses that ``add_loss`` added in the last call of this layer on arrays.

        Examples
        --------
        >>> from cnncore.layers import Dense
        >>> layer = Dense(1, kernel_initializer="ones", kernel_regularizer="l2")
        >>> layer.build((None, 3))
        >>> layer.losses
        [0.03]
        """
        variables = self.trainable_variables if self.built else []
        penalties = [item.spec.regularizer(item) for item in variables if item.spec.regularizer is not None]
        return penalties if self._call_losses is None else penalties + self._call_losses()

    _call_losses: Any = None  # what the last call on arrays added to the loss, if it added something

    def note_losses(self, losses: list[Any]) -> None:
        """Keep what a call added to the loss, for :attr:`losses`."""
        if losses or self._call_losses is not None:
            self._call_losses = functools.partial(list, losses) if losses else None

    def note_losses_of_call(self, lowered: Any, arrays: list[Any]) -> None:
        """Keep what :attr:`losses` needs of a call on arrays: the network, and the arrays, if it adds to the loss."""
        if lowered.losses and values_are_collected():
            collect_values(lowered.each_added_loss(arrays))
        if lowered.losses or self._call_losses is not None:
            self._call_losses = functools.partial(lowered.each_added_loss, arrays) if lowered.losses else None
