// Contracts of matrix products: convolutions, dense layers and their gradients. contracts.h explains what all contracts
// have in common.
#pragma once
#include <cstdint>

namespace cnncore {

/// y[y_offset[p] + n] = act(bias[n] + sum_k x[x_offset[p] + k_offset[k]] * w[k * ldw + n])      n < cols
/// With `accumulate` the sum is computed first, and then added to y instead of to the bias.
struct GemmArgs {
  const float* x;
  const int32_t* x_offset;
  const int32_t* k_offset;
  int64_t pixels, depth, cols;
  const float* w;
  int64_t ldw;
  const float* bias;  // may be null: zeros
  float* y;
  const int32_t* y_offset;
  bool relu;
  bool stream = false;  // y is aligned to vectors and will not be read soon: write it past the caches
  bool accumulate = false;
  bool positive_zeros = false;  // sums that are zero are +0, before relu
  bool fetch_y = false;         // y is probably not in the nearest caches: fetch its places while the sums are computed
};

/// The same product for inputs that are zero in many places, as after a relu. If `skips` is true, terms whose x is zero
/// are left out where that is faster, so w must be finite. The terms of a pixel are neighbours, k_offset[k] = k, and
/// there are at most kMostSkipTerms. cols is a multiple of kSkipColumns = 64, and w consists of panels of 64 columns:
///   w[(n / 64) * panel + k * 64 + n % 64]
/// Sums that are zero are +0, so that the bits depend on the operands only. `stream` and `ldw` are not used.
constexpr int64_t kSkipColumns = 64, kMostSkipTerms = 1024;
struct GemmSkipArgs : GemmArgs {
  int64_t panel;
  bool skips;
};

/// The same product for few columns, at most width / 2. Pixels come in rows of `row` neighbours, which are one float
/// apart in x and `cols` floats apart in y, and vectors hold neighbouring pixels. `accumulate` and `stream` must be
/// false.
struct GemmRowsArgs : GemmArgs {
  int64_t row;
};

/// The same product, then the maximum of each run of four pixels (a 2x2 window; pixels are listed window by window):
/// y[y_offset[q] + n] = act(max_i v_i), winner[y_offset[q] + n] = the first i with the maximum, or 4 where relu makes
/// it zero. `pixels` is a multiple of 4, and y_offset has one entry for each window. winner may be null (inference).
struct GemmPoolArgs : GemmArgs {
  uint8_t* winner;
};

/// dw[k * ldw + n] += sum_p x[x_offset[p] + k_offset[k]] * dy[dy_offset[p] + n]      k < depth, n < cols
struct GemmWeightsArgs {
  const float* x;
  const int32_t* x_offset;
  const int32_t* k_offset;
  int64_t pixels, depth, cols;
  const float* dy;
  const int32_t* dy_offset;
  float* dw;
  int64_t ldw;
  bool overwrite = false;  // dw is set, not added to
};

/// gemm_weights_skip computes the same for inputs that are zero in many places. Products with an x that is zero are
/// left out where that is faster and the columns of dy are finite. The pixels are summed in blocks of 64, in order; the
/// bits do not depend on which products are left out. The terms of a pixel are neighbours, k_offset[k] = k, there are
/// at most kMostSkipTerms, and cols is a multiple of kSkipColumns.

/// Lists the entries of x that are not zero, in order: value[e] = x[index[e]]. NaN is not zero. Returns their number.
/// Up to 16 places after them may be overwritten.
struct NonzerosArgs {
  const float* x;
  int64_t size;
  float* value;
  int32_t* index;
};

/// The pieces of a sum: y[i * y_pitch + n] = sum of x[e] * w[row[e] * ldw + n] over bound[i] <= e < bound[i + 1], for i
/// < pieces and n < cols. Each has the same bits as what gemm adds to y when it accumulates over the same terms.
struct GemvArgs {
  const float* x;
  const int32_t* row;
  const int64_t* bound;
  int64_t pieces, cols;
  const float* w;
  int64_t ldw;
  float* y;
  int64_t y_pitch;
};

/// The same for few columns, at most width / 2. Pixels come in rows as in GemmRowsArgs.
struct GemmRowsWeightsArgs : GemmWeightsArgs {
  int64_t row;
  float* planes;  // scratch: for each row of pixels, cols times the size of the row in whole vectors
};

/// For few columns, over planes of pixels: y[n * y_plane + i] = sum_k x[k_offset[k] + i] * w[k * ldw + n] for i <
/// length and n < cols. Whole blocks of 64 pixels are read and written, so x and every plane of y must be that long.
struct PlanarArgs {
  const float* x;
  const int32_t* k_offset;
  int64_t length, depth, cols;
  const float* w;
  int64_t ldw;
  float* y;
  int64_t y_plane;
};

}  // namespace cnncore
