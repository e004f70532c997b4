// What convolutions and dense layers on bfloat16 tiles have in common (kernels/contracts.h: TileProductArgs).
#pragma once

#include "kernels/kernels.h"
#include "runtime/buffer.h"

namespace cnncore {

/// Products of a bfloat16_3x operand pair: high * high, high * low, low * high; of a bfloat16 pair: the first alone.
inline int64_t products_of(Precision precision) { return precision == Precision::bfloat16_3x ? 3 : 1; }
/// bfloat16 arrays that an operand becomes.
inline int64_t terms_of(Precision precision) { return precision == Precision::bfloat16_3x ? 2 : 1; }

/// How many times as fast tiles are as the direct sum of the float32 kernels; 0 where the machine has no unit for them.
inline double tile_speed(const Kernels& kernels, Precision precision) {
  if (precision == Precision::float32 || !kernels.tile_product) return 0.0;
  return kernels.tile_gain / static_cast<double>(products_of(precision));
}

/// Blocks of kTileRows that hold so many rows, or terms.
inline int64_t tiles_for(int64_t size) { return (size + kTileRows - 1) / kTileRows; }

/// Floats that hold so many bfloat16 values, in whole cache lines.
inline int64_t floats_for(int64_t halves) { return aligned_count<float>((halves + 1) / 2); }

/// The bfloat16 values that lie in an array lent as floats.
inline uint16_t* halves(float* floats) { return reinterpret_cast<uint16_t*>(floats); }
inline const uint16_t* halves(const float* floats) { return reinterpret_cast<const uint16_t*>(floats); }

}  // namespace cnncore
