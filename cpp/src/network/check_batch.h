// Checks of the arguments of a network's functions, which are made once, before anything is computed.
#pragma once

#include <span>

#include "cnncore/network.h"

namespace cnncore {

/// Returns the number of samples. Throws std::invalid_argument if inputs are missing or have different numbers of
/// samples, or if an output is null.
int64_t check_inputs(const char* op, const Graph& graph, std::span<const Images> x, std::span<float* const> y,
                     size_t outputs);

/// Throws std::invalid_argument if an array is missing, or an index or a label is out of range.
void check_batch(const Graph& graph, const std::vector<int>& outputs, const TrainBatch& batch);

/// Throws std::invalid_argument if the second derivatives of a loss are not known.
void check_curvature(CurvatureKind kind, const TrainBatch& batch);

}  // namespace cnncore
