// An op that calls Python: a user's own layer, on whole batches.
#pragma once

#include "array.h"

namespace cnncore {

/// Attributes: forward(list of arrays, training) -> array, backward(list of arrays, dy) -> list of the gradients of the
/// inputs and then of the parameters (None: inference only), shape (of an output sample), parameters (list of shapes).
int add_host_op(Graph& graph, const std::vector<int>& inputs, const std::string& layer, const py::kwargs& attributes);

}  // namespace cnncore
