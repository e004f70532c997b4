"""Layers that users write, with ``build`` and ``call``, using other layers or plain NumPy.

``call`` is first called with symbolic tensors. If it only calls layers, or adds and multiplies tensors, the ops of
these layers take its place, and it is not called again. If it computes with NumPy, it becomes an op that calls it in
every step. In training, its gradient is found by recording what it does (:mod:`cnncore.differentiation`). A layer can
also compute the gradient itself, in a method ``backward``. This is faster, and ``call`` may then use all of NumPy::

    class Softplus(Layer):
        def call(self, x):                       # x: an array, the batch axis in front
            return np.log1p(np.exp(x))

        def backward(self, x, dy):               # dy: gradient of the loss with respect to what call returned
            return dy / (1 + np.exp(-x))         # the gradient of the loss with respect to x

    class Scale(Layer):
        def build(self, input_shape):
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")

        def call(self, x):
            return x * self.factor

        def backward(self, x, dy):               # with weights: (dx, list with a gradient for each trained weight)
            axes = tuple(range(x.ndim - 1))
            return dy * self.factor, [(dy * x).sum(axis=axes)]

A layer of several inputs gets a list of arrays as ``x``, and its ``backward`` returns a list of gradients. The ``call``
of a layer with ``backward`` always gets arrays, never symbolic tensors. ``cnncore.testing.check_gradients`` compares
``backward`` with differences of ``call``.

A ``call`` that assigns to weights, as in ``self.total.assign(...)``, runs in Python as a whole for each batch, together
with the layers that it calls (:mod:`cnncore.layers.custom.whole_call`). Metrics that are attributes of the layer, and
that its ``call`` updates, are reported by ``fit`` and ``evaluate`` (:mod:`cnncore.layers.base.measured`).
"""

from cnncore.layers.custom.planning import Plan, fill_shapes, follow, output_shape, plan

__all__ = ["Plan", "fill_shapes", "follow", "output_shape", "plan"]
