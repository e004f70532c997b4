// What a caller hands to a network is checked once, before anything is computed.
#pragma once

#include "cnncore/network.h"

namespace cnncore {

/// The number of samples; throws std::invalid_argument where inputs are missing, differ in it, or an output is null.
int64_t check_inputs(const char* op, const Graph& graph, const std::vector<Images>& x, const std::vector<float*>* y,
                     size_t outputs);

/// Throws std::invalid_argument where something is missing, an index is out of range or a label is.
void check_batch(const Graph& graph, const std::vector<int>& outputs, const TrainBatch& batch);

/// Throws std::invalid_argument where a loss has no second derivatives.
void check_curvature(CurvatureKind kind, const TrainBatch& batch);

}  // namespace cnncore
