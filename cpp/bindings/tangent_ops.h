// Ops with which Python computes second derivatives along directions in the space of the inputs of a network.
#pragma once

#include "array.h"

namespace cnncore {

/// Adds an op that returns its first input unchanged. In products with curvature it has a direction of its own or none:
///   tangent_source  inputs (x, direction, rows): the tangent of the result is `direction`, whatever the weights do
///   tangent_probe   inputs (x, rows): the tangent of the result is that of x
/// `rows` (samples, 1) holds the number of each sample. The attribute `record` is a function (rows, values). A source
/// calls it with tangents of the gradient of its result, and a probe with tangents of x, for some samples at a time.
int add_tangent_op(Graph& graph, const std::string& kind, const std::vector<int>& inputs, const std::string& layer,
                   const py::kwargs& attributes);

}  // namespace cnncore
