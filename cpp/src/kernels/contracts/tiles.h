// Contracts of products of bfloat16 tiles. contracts.h explains what all contracts have in common.
#pragma once
#include <cstdint>

namespace cnncore {

/// Products of bfloat16 values, summed in float32. A step is 32 terms: a row of a holds them in order, and a tile of b
/// holds them for 16 columns, two terms side by side: 16 pairs of terms x 16 columns x 2.
///   c[r * ldc + n] (+)= sum_s sum_{k<32} a[r * lda + a_step[s] + k] * tile[k / 2][n % 16][k % 2]
///   tile = b + n / 16 * b_block + b_step[s]      r < rows, n < cols, a multiple of 32
/// Rows are read and written up to a multiple of kTileRows.
constexpr int64_t kTileRows = 32, kTileTerms = 32, kTileColumns = 16, kTileSize = kTileTerms * kTileColumns;
struct TileProductArgs {
  const uint16_t* a;
  int64_t lda;
  const int32_t* a_step;
  const uint16_t* b;
  int64_t b_block;
  const int32_t* b_step;
  int64_t rows, cols, steps;
  float* c;
  int64_t ldc;
  bool accumulate;
};

/// Makes the tiles of one step from `rows` <= 32 rows of src, rounded, with zeros for missing rows. There is one tile
/// for each 16 of `cols` columns, and tiles are `block` values apart. If low is not null, it gets the errors of
/// rounding to `high`.
struct PackTilesArgs {
  const float* src;
  int64_t ld, rows, cols;
  uint16_t* high;
  uint16_t* low;
  int64_t block;
};

/// y[y_offset[p] + n] = act(bias[n] + c[c_offset[p] + n])      n < cols, a multiple of 16
struct TileStoreArgs {
  const float* c;
  const int32_t* c_offset;
  int64_t pixels, cols;
  const float* bias;  // may be null
  float* y;
  const int32_t* y_offset;
  bool relu;
};

/// The same for the maximum of four pixels: c_offset has four entries for each window. winner is as in GemmPoolArgs,
/// and may be null.
struct TilePoolArgs : TileStoreArgs {
  uint8_t* winner;
};

}  // namespace cnncore
