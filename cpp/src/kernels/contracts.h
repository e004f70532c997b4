// The contracts of the kernels, as maths. kernels.h has the table through which every ISA offers them.
//
// All arithmetic is float32, activations are NHWC (channels innermost). Convolutions are indirect matrix products: no
// copy of the input is rearranged; two small tables of offsets say where a product's operands lie.
//   x_offset[p]  where pixel p's window begins in x            (p < pixels)
//   k_offset[k]  where term k lies in that window              (k < depth = kernel_height * kernel_width * channels)
// so that element (p, k) of the "im2col" matrix is x[x_offset[p] + k_offset[k]]. A dense layer is the same product with
// one pixel a sample; the gradient of the input is the same product over a zero-bordered dy.
//
// Kernels assert nothing and check nothing: src/ops does, once. They never read outside the arrays their contract
// names, and each output element is summed in an order that depends on the problem's shape only, never on threads.
#pragma once
#include <cstdint>

namespace cnncore {

/// Indices begin <= i < end.
struct IndexRange {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

/// y[y_offset[p] + n] = act(bias[n] + sum_k x[x_offset[p] + k_offset[k]] * w[k * ldw + n])      n < cols
/// With `accumulate` the sum, made by itself, is added to what y holds instead of to the bias.
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
  bool stream = false;  // whole vectors of y are aligned and will not be read soon: write them past the caches
  bool accumulate = false;
};

/// The same product for few columns, at most width / 2, over pixels in rows of `row` neighbours, which lie one float
/// apart in x and cols floats in y: vectors run over pixels. Neither `accumulate` nor `stream`.
struct GemmRowsArgs : GemmArgs {
  int64_t row;
};

/// The same product, then the maximum of each run of four pixels (a 2x2 window; pixels are listed window by window):
/// y[y_offset[q] + n] = act(max_i v_i), winner[y_offset[q] + n] = the first i that attains it, 4 where relu lets
/// nothing pass. `pixels` is a multiple of 4, y_offset has one entry a window, winner may be null (inference).
struct GemmPoolArgs : GemmArgs {
  uint8_t* winner;
};

/// A 3x3 stride-1 convolution by 2x2 squares of its output (Winograd), for channels and filters a multiple of `width`.
/// Square t reads the 4x4 pixels from x_offset[t] on. It writes its four pixels to y_offset[4 t ..], the last
/// first: where a pixel lies outside the output, its offset repeats the first one's, which is then written last. With
/// `pool` it writes their maximum to y_offset[t], as gemm_pool does.
struct WinogradArgs {
  const float* x;
  const int32_t* x_offset;
  int64_t x_pixel, x_row;  // floats between neighbours
  int64_t squares, channels, filters;
  const float* w;     // of winograd_weights
  const float* bias;  // may be null
  float* y;
  const int32_t* y_offset;
  bool relu, pool;
  bool stream = false;  // as in GemmArgs, without pool
  uint8_t* winner;      // may be null
  float* scratch;       // 16 * 13 * (channels + 2 * width) floats
};

/// The transformed kernels, 16 * channels * filters floats: kernel element (tap, c, f) lies at tap[] + c * kernel_row +
/// f. Those of the channels in `range` are written.
struct WinogradWeightsArgs {
  const float* kernel;
  const int64_t* tap;  // of the nine taps, row by row
  int64_t kernel_row, channels, filters;
  float* w;
  IndexRange range;
};

/// The gradient of a 3x3 kernel from squares of 4x4 inputs and 2x2 gradients (Winograd's F(3x3, 2x2)), left in
/// transformed form:
///   du[i][c][f] += sum_t (B^T x B)[i][c] * (G dy G^T)[i][f]      i < 16; channels and filters multiples of width
struct WinogradGradientArgs {
  const float* x;
  const int32_t* x_offset;  // per square
  int64_t x_pixel, x_row;
  const float* dy;
  const int32_t* dy_offset;  // per square; outside the output dy holds zeros
  int64_t dy_pixel, dy_row;
  int64_t squares, channels, filters;
  const int32_t* count_up;  // 0, 1, 2, ... up to channels
  float* du;
  float* scratch;          // 16 * 96 * (channels + filters) floats
  bool overwrite = false;  // du is set, not added to
};

/// Rows [3 * ky, 3 * ky + 3) of taps of the kernel's gradient, from the sum of `count` du that lie `stride` floats
/// apart: dw[kx * channels * filters + i] for places i = c * filters + f in `range`, whole vectors
struct WinogradReduceArgs {
  const float* du;
  int64_t count, stride, ky, channels, filters;
  float* dw;
  IndexRange range;
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

/// The entries of x that are not zero (NaN is not), in order: value[e] = x[index[e]]. Their number is returned; up to
/// 16 places behind them may be touched.
struct NonzerosArgs {
  const float* x;
  int64_t size;
  float* value;
  int32_t* index;
};

/// The pieces of a sum: y[i * y_pitch + n] = sum_e x[e] * w[row[e] * ldw + n]      bound[i] <= e < bound[i + 1], i <
/// pieces, n < cols. Each is what gemm adds to y when it accumulates over the same terms.
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

/// The same for few columns, at most width / 2, over pixels in rows as in GemmRowsArgs.
struct GemmRowsWeightsArgs : GemmWeightsArgs {
  int64_t row;
  float* planes;  // scratch, for every row of pixels: cols times the row's size in whole vectors
};

/// For few columns, over planes of pixels: y[n * y_plane + i] = sum_k x[k_offset[k] + i] * w[k * ldw + n]      i <
/// length, n < cols Whole blocks of 64 pixels are read and written: x and every plane of y reach that far.
struct PlanarArgs {
  const float* x;
  const int32_t* k_offset;
  int64_t length, depth, cols;
  const float* w;
  int64_t ldw;
  float* y;
  int64_t y_plane;
};

/// Depthwise: y[y_offset[p] + c] = act(bias[c] + sum_t x[x_offset[p] + tap_offset[t] + c] * w[w_offset[t] + c])
struct DepthwiseArgs {
  const float* x;
  const int32_t* x_offset;
  const int32_t* tap_offset;
  int64_t pixels, taps, channels;
  const float* w;
  const int32_t* w_offset;
  const float* bias;  // may be null
  float* y;
  const int32_t* y_offset;
  bool relu;
  bool stream = false;  // as in GemmArgs
};

/// dw[w_offset[t] + c] += sum_p x[x_offset[p] + tap_offset[t] + c] * dy[dy_offset[p] + c]
struct DepthwiseWeightsArgs {
  const float* x;
  const int32_t* x_offset;
  const int32_t* tap_offset;
  int64_t pixels, taps, channels;
  const float* dy;
  const int32_t* dy_offset;
  float* dw;
  const int32_t* w_offset;
};

/// The gradient that leaves a 2x2 max-pool is zero but at the winners. Per channel c (an entry list of `capacity`
/// places, of which `windows + 16` may be touched): for each window q in order whose winner i is below 4,
///   value = dy[q * channels + c],  offset = candidate[i * windows_padded + q]
/// candidate[] holds where window q's pixel i lies; it is padded to windows_padded, a multiple of 16.
struct WinnerListArgs {
  const float* dy;
  const uint8_t* winner;
  const int32_t* candidate;
  int64_t windows, windows_padded, channels;
  float* value;     // [channels][capacity]
  int32_t* offset;  // [channels][capacity]
  int32_t* count;   // [channels]
  int64_t capacity;
  float* scratch;  // 2 * windows_padded * 16 floats
};

/// Winners back in their places: dy_full[candidate[i * windows_padded + q] + c] = winner[q][c] == i ? dy[q][c] : 0 i <
/// 4
struct UnpoolArgs {
  const float* dy;
  const uint8_t* winner;
  const int32_t* candidate;
  int64_t windows, windows_padded, channels;
  float* dy_full;
};

/// A row of 2x2 windows, read where the winners are: y[q][c] = x[(winner / 2) * row + (2 q + winner % 2) * channels +
/// c], 0 where the winner is 4.
struct WinnersArgs {
  const float* x;
  int64_t row;  // floats from a row of x to the next
  const uint8_t* winner;
  int64_t windows, channels;
  float* y;
};

/// A list of winners against rows of the input. `vectors` runs of `width` floats make one window; vector j begins at
/// segment[j] within it. Rows of dwt and wt hold vectors * width floats (lanes beyond a run are padding: zero in wt,
/// ignored in dwt).
///   weights: dwt[c][j] += sum_e value[c][e] * x[offset[c][e] + segment[j]]
///   data:    dx[offset[c][e] + segment[j]] += value[c][e] * wt[c][j]
struct SparseArgs {
  const float* value;
  const int32_t* offset;
  const int32_t* count;
  int64_t channels, capacity;
  const int32_t* segment;
  int64_t vectors;
  const float* x;          // weights
  float* dwt;              // weights
  const float* wt;         // data
  float* dx;               // data
  bool overwrite = false;  // dwt is set, not added to
};

/// dw[t * channels + c] += sum_q dy[q][c] * x[window(q) + pixel(winner[q][c]) + tap(t)] for a 3x3 stride-1 convolution
/// of one input channel behind a 2x2 max-pool: the 4x4 pixels below a window fit one register and the winner chooses
/// among them.
struct PatchWeightsArgs {
  const float* x;
  const int32_t* window_offset;  // of each window's 4x4 patch in x
  int64_t row;                   // floats between rows of x
  int64_t windows, channels;
  const float* dy;
  const uint8_t* winner;
  float* dw;
};

/// Pooling over channel vectors; a window's positions inside the image are window_offset[window_begin[q] ..
/// window_begin[q + 1]).
///   max: y[q] = max_i x[i]            max_backward: dx[first i with x[i] = max] += dy[q]
///   avg: y[q] = mean_i x[i]           avg_backward: dx[i] += dy[q] / count
struct PoolArgs {
  const float* x;
  const int32_t* window_offset;
  const int32_t* window_begin;
  int64_t windows, channels;
  float* y;         // [windows][channels]
  const float* dy;  // backward
  float* dx;        // backward; holds zeros, or what is to be added to
};

/// Per column of rows x cols, `ld` floats from row to row: mean[c], about sum_r x / rows, and around it
/// rest[c] = sum_r (x - mean) and deviations[c] = sum_r (x - mean)^2. Few rows (some hundreds) at a time keep the sums
/// exact and x in the first cache.
struct MomentsArgs {
  const float* x;
  int64_t ld, rows, cols;
  float* mean;
  float* rest;
  float* deviations;
};

/// Per column: sum[c] = sum_r g and product[c] = sum_r g * (x - mean[c]), where g = dy, and zero where y is given and
/// not above zero.
struct GradientMomentsArgs {
  const float* x;
  const float* y;  // null: no relu between
  const float* dy;
  float* g;  // written where y is given; may be dy
  int64_t ld, rows, cols;
  const float* mean;
  float* sum;
  float* product;
};

/// y = act((x - mean[c]) * scale[c] + offset[c])
struct NormalizeArgs {
  const float* x;
  int64_t rows, cols;
  const float* mean;  // null: zeros
  const float* scale;
  const float* offset;  // null: zeros
  bool relu;
  float* y;
};

/// dx = scale[c] * dy + (slope[c] * (x - mean[c]) + offset[c])
struct NormalizeBackwardArgs {
  const float* x;
  const float* dy;
  int64_t rows, cols;
  const float* mean;
  const float* scale;
  const float* slope;
  const float* offset;
  float* dx;
};

/// Each row by itself: y = (x - mean) * inverse * gamma[c] + beta[c], inverse = 1 / sqrt(variance + epsilon), the
/// variance being the mean of the squared deviations. Backward, with xhat = (x - mean) * inverse and g = dy * gamma:
///   dx = inverse * (g - mean(g) - xhat * mean(g * xhat)),  dgamma[c] += sum_r dy * xhat,  dbeta[c] += sum_r dy
struct LayerNormArgs {
  const float* x;
  int64_t rows, cols;
  const float* gamma;  // null: ones
  const float* beta;   // null: zeros
  float epsilon;
  float* y;
  float* mean;     // [rows]
  float* inverse;  // [rows]
};
struct LayerNormBackwardArgs {
  const float* x;
  const float* dy;
  int64_t rows, cols;
  const float* gamma;    // null: ones
  const float* mean;     // [rows]
  const float* inverse;  // [rows]
  float* dx;             // null: not wanted
  float* dgamma;         // null: not wanted
  float* dbeta;          // null: not wanted
};

/// An operand of an element-wise operation over rows x cols: its value at (r, c) is data[r * row + c * step]. A step of
/// 0 repeats a value along the row, a row of 0 repeats the row.
struct Operand {
  const float* data;
  int64_t row;
  int64_t step;  // 0 or 1
};

/// y[r * y_row + c] = a op b. A maximum or minimum is a unless b is beyond it or NaN.
enum class MergeOp { add, subtract, multiply, maximum, minimum };
struct MergeArgs {
  Operand a, b;
  int64_t rows, cols;
  float* y;
  int64_t y_row;
};

/// The gradient t (rows x cols) of a maximum or minimum goes to the first input that attains it: t becomes zero where
/// `own` loses against `other`, that is where it is not beyond an `other` that comes before it, or an `other` that
/// comes after it is beyond own.
struct MergeKeepArgs {
  Operand own, other;
  bool other_is_first, minimum;
  int64_t rows, cols;
  float* t;
};

/// dx[r * row + c * step] += scale * t[r * t_row + c], summed over what is repeated. Where nothing is and `accumulate`
/// is false, dx is overwritten.
struct MergeReduceArgs {
  const float* t;
  int64_t t_row;
  int64_t rows, cols;
  float scale;
  float* dx;
  int64_t row, step;
  bool accumulate;
};

/// y = x where x > 0, else alpha * x. Backward: dx = dy where x > 0, else alpha * dy, and t, what is to be summed for
/// alpha's gradient: 0 where x > 0, else x * dy. x, y, dy, dx and t are rows x cols.
struct PreluArgs {
  const float* x;
  Operand alpha;
  int64_t rows, cols;
  float* y;
};
struct PreluBackwardArgs {
  const float* x;
  Operand alpha;
  const float* dy;
  int64_t rows, cols;
  float* dx;  // null: not wanted
  float* t;   // null: not wanted
};

/// Interpolation between rows and columns of an image: output row i lies between the input's rows at the offsets low[i]
/// and high[i], to the share weight[i] at the latter; columns likewise.
///   y[i, j, n] = sum over the four corners of weight * x[row offset + column offset + n]      n < channels
/// Backward adds to dx.
struct InterpolatedAxis {
  const int64_t* low;
  const int64_t* high;
  const float* weight;
  int64_t count;
};
struct BilinearArgs {
  InterpolatedAxis rows, cols;
  int64_t channels;
};

/// Element i < size is kept, times `scale`, where the upper half of draw(key, first + i) is at least `threshold`, else
/// zero. draw(key, i) = mix(key + golden * i), golden = 0x9e3779b97f4a7c15; mix(z) = z ^ z >> 31 of
/// (z ^ z >> 27) * 0x94d049bb133111eb of (z ^ z >> 30) * 0xbf58476d1ce4e5b9.
struct DropoutArgs {
  uint64_t key;
  int64_t first, size;
  uint32_t threshold;
  float scale;
};

/// y[i] = x[i] + stddev * n(draw(key, i)), n being normal.
struct GaussianArgs {
  uint64_t key;
  int64_t size;
  float stddev;
};

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

/// One step's tiles from `rows` <= 32 rows of src (zeros for the missing ones), rounded: those of `cols` columns, a
/// multiple of 16, lie `block` apart. low, where not null, receives what rounding to `high` left.
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

/// The same for the maximum of four: c_offset has four entries a window, winner (may be null) as in GemmPoolArgs.
struct TilePoolArgs : TileStoreArgs {
  uint8_t* winner;
};

}  // namespace cnncore
