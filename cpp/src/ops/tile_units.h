// What convolutions and dense layers have in common that use products of bfloat16 tiles (TileProductArgs in
// kernels/contracts.h).
#pragma once

#include "kernels/kernels.h"
#include "runtime/buffer.h"

namespace cnncore {

/// How many products of bfloat16 values stand for one product. In bfloat16_3x there are three: high * high, high * low
/// and low * high. In bfloat16 there is one.
inline int64_t products_of(Precision precision) { return precision == Precision::bfloat16_3x ? 3 : 1; }
/// How many bfloat16 arrays an operand is turned into.
inline int64_t terms_of(Precision precision) { return precision == Precision::bfloat16_3x ? 2 : 1; }

/// How many times as fast products of tiles are as the direct sum of the float32 kernels, or 0 if this machine has no
/// unit for them.
inline double tile_speed(const Kernels& kernels, Precision precision) {
  if (precision == Precision::float32 || !kernels.tile_product) return 0.0;
  return kernels.tile_gain / static_cast<double>(products_of(precision));
}

/// The number of blocks of kTileRows that `size` rows or terms need.
inline int64_t tiles_for(int64_t size) { return (size + kTileRows - 1) / kTileRows; }

/// The number of floats that take as much memory as `halves` bfloat16 values, rounded up to whole cache lines.
inline int64_t floats_for(int64_t halves) { return aligned_count<float>((halves + 1) / 2); }

/// An array of floats whose memory is used for bfloat16 values, as an array of these.
inline uint16_t* halves(float* floats) { return reinterpret_cast<uint16_t*>(floats); }
inline const uint16_t* halves(const float* floats) { return reinterpret_cast<const uint16_t*>(floats); }

}  // namespace cnncore
