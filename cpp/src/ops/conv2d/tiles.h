// Convolutions as products of bfloat16 tiles: to which convolutions they apply, and which taps they read.
#pragma once

#include "ops/conv2d/problem.h"
#include "ops/conv2d/tile_planes.h"

namespace cnncore {

/// The speed of the product of tiles, as candidates give it (choose.h). It applies if channels and filters fill whole
/// tiles.
double tiles_speed(const Conv2dProblem& problem, const Kernels& kernels);
/// The shape and the taps of the forward product. It reads x as the caller has it in memory.
TileShape tile_shape(const Conv2dProblem& problem);
std::vector<TileTap> forward_taps(const Conv2dParams& params);

}  // namespace cnncore
