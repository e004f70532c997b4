// Contracts of Winograd's algorithm for 3x3 convolutions. contracts.h explains what all contracts have in common.
#pragma once
#include <cstdint>

#include "kernels/contracts/range.h"

namespace cnncore {

/// The side of the patch of pixels that a square of side x side outputs reads. A transformed kernel is as large.
constexpr int64_t winograd_patch_side(int64_t side, int64_t stride) { return (side - 1) * stride + 3; }

/// The most squares that the kernel of any instruction set takes at a time.
constexpr int64_t kMostWinogradSquares = 13;

/// A 3x3 convolution, computed in squares of `side` x `side` outputs, where filters are a multiple of `width`. `side`
/// is 2 or 4 with a stride of 1, and 2 without `pool` with a stride of 2. Square t reads patch x patch pixels,
/// beginning at x_offset[t], where patch = winograd_patch_side(side, stride). It writes its pixels to y_offset[side^2 t
/// ..], row by row, the last one first. If a pixel is outside the output, its offset is that of the first pixel, which
/// is written last. With `pool` it writes the maxima of its 2x2 windows to y_offset[side^2 / 4 t ..] in the same order,
/// as gemm_pool does.
struct WinogradArgs {
  int64_t side;
  const float* x;
  const int32_t* x_offset;
  int64_t x_pixel, x_row;  // floats between neighbours
  int64_t squares, channels, filters;
  const float* w;     // as winograd_weights writes them
  const float* bias;  // may be null
  float* y;
  const int32_t* y_offset;
  bool relu, pool;
  bool stream = false;   // as in GemmArgs, without pool
  bool fetch_y = false;  // as in GemmArgs
  uint8_t* winner;       // may be null
  float* scratch;        // patch^2 * kMostWinogradSquares * (channels in whole vectors + 2 * width) floats
  int64_t stride = 1;
};

/// Writes the transformed kernels of the channels in `range`; all kernels have patch^2 * channels * filters floats.
/// Kernel element (tap, c, f) is at tap[] + c * kernel_row + f.
struct WinogradWeightsArgs {
  int64_t side;
  const float* kernel;
  const int64_t* tap;  // the positions of the nine taps, row by row
  int64_t kernel_row, channels, filters;
  float* w;
  IndexRange range;
  int64_t stride = 1;
};

/// The gradient of a 3x3 kernel from squares of side x side gradients and the (side + 2) x (side + 2) inputs that they
/// saw (Winograd's F(3x3, side x side)), in transformed form:
///   du[i][c][f] += sum_t (B^T x B)[i][c] * (G dy G^T)[i][f]      i < (side + 2)^2
/// channels and filters are multiples of the vector's width.
struct WinogradGradientArgs {
  int64_t side;
  const float* x;
  const int32_t* x_offset;  // per square
  int64_t x_pixel, x_row;
  const float* dy;
  const int32_t* dy_offset;  // one for each square; outside the output dy holds zeros
  int64_t dy_pixel, dy_row;
  int64_t squares, channels, filters;
  const int32_t* count_up;  // 0, 1, 2, ... up to channels
  float* du;
  float* scratch;          // winograd_gradient_space(side, channels + filters) floats
  bool overwrite = false;  // du is set, not added to
};
/// The elements of transformed squares lie this many floats further apart than they need: a cache line. Otherwise they
/// would often be a power of two apart, and the 36 values of a square would not fit into the first cache together.
constexpr int64_t kElementGap = 16;
constexpr int64_t winograd_gradient_space(int64_t side, int64_t channels) {
  return side == 2 ? 16 * (96 * channels + 2 * kElementGap) : 36 * (48 * channels + 2 * kElementGap);
}

/// The gradient of the kernel, from the sum of `count` du that are `stride` floats apart: dw[tap * channels * filters +
/// i] for its nine taps, and for places i = c * filters + f in `range`, which consists of whole vectors.
struct WinogradReduceArgs {
  int64_t side;
  const float* du;
  int64_t count, stride, channels, filters;
  float* dw;
  IndexRange range;
};

}  // namespace cnncore
