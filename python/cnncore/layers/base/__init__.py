"""The base class of all layers, and those of layers with an activation, a kernel or a window.

``layer`` has the class :class:`Layer`. Its parts are ``described`` (name and config), ``connected`` (calls on symbolic
tensors), ``penalties`` (what it adds to the loss), ``measured`` (metrics) and, in :mod:`cnncore.layers.weights`, its
weights. ``arguments`` checks the arguments that every layer takes, ``activity`` adds penalties on outputs, ``weighted``
has base classes of layers with kernels and windows, and ``activation_op`` adds the op of an ``activation=``.

How to write a layer over ops of the core (:mod:`cnncore.layers.dense` is the pattern)::

    @registry.register()
    class Scale(Layer):
        def __init__(self, factor, **kwargs):            # Layer takes name, trainable, dtype, input_shape, ...
            super().__init__(**kwargs)
            self.factor = factor

        def compute_output_shape(self, input_shape):     # shapes have the batch axis, None, in front;
            return input_shape                           # a layer of several inputs gets a list of them

        def weight_specs(self, input_shape):             # the weights, in the order of the op's parameters
            return [WeightSpec("kernel", (input_shape[-1],), self.kernel_initializer)]

        def lower(self, graph, inputs):                  # ids of the inputs -> id of the output, or a list of them
            return graph.add("some_op", inputs, self.name, factor=self.factor)

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

``graph`` is a :class:`cnncore.graph.lowering.Lowering`: ``add(kind, inputs, self.name, **attributes)``,
``output_shape(id)`` without the batch axis, and ``seed`` for layers that draw random numbers in training. ``add``
passes on the layer's name, its weights and ``trainable``. A layer that consists of several ops says which of its
weights each op takes: ``graph.add(..., weights=[0, 2])``.

A layer owns its weights: they are made when they are first needed after ``build``, and any number of models share them.
The package :mod:`cnncore.layers.custom` explains how users write layers, with ``build`` and ``call`` in NumPy or with
other layers.
"""

from cnncore.layers.base.layer import Layer, Shape, WeightSpec, registry, structure_changed, structure_version

__all__ = ["Layer", "Shape", "WeightSpec", "registry", "structure_changed", "structure_version"]
