// Convolutions on bfloat16 tiles: where they apply, and the taps they read.
#pragma once

#include "ops/conv2d/problem.h"
#include "ops/conv2d/tile_planes.h"

namespace cnncore {

/// For channels and filters in whole tiles.
double tiles_speed(const Conv2dProblem& problem, const Kernels& kernels);
/// The forward product's shape and taps, on x as it lies in memory.
TileShape tile_shape(const Conv2dProblem& problem);
std::vector<TileTap> forward_taps(const Conv2dParams& params);

}  // namespace cnncore
