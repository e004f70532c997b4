// An op that calls Python functions with whole batches. Layers and functions that users write become such ops.
#pragma once

#include "array.h"

namespace cnncore {

/// Adds such an op to a graph. Attributes:
///   forward     a function (list of arrays, training) that returns an array
///   backward    a function (list of arrays, dy) that returns the gradients of the inputs and then those of the
///               parameters, as a list; without it the op can only be used in inference
///   shape       the shape of a sample of the output
///   parameters  the shapes of the parameters
///   weights, trainable  as for all ops
int add_host_op(Graph& graph, const std::vector<int>& inputs, const std::string& layer, const py::kwargs& attributes);

}  // namespace cnncore
