// Contracts of Winograd's algorithm for 3x3 convolutions with stride 1. contracts.h explains what all contracts have in
// common.
#pragma once
#include <cstdint>

#include "kernels/contracts/range.h"

namespace cnncore {

/// A 3x3 convolution with stride 1, computed in 2x2 squares of its output, where filters are a multiple of `width`.
/// Square t reads 4x4 pixels, beginning at x_offset[t]. It writes its four pixels to y_offset[4 t ..], the
/// last one first. If a pixel is outside the output, its offset is that of the first pixel, which is written last. With
/// `pool` it writes the maximum of the four to y_offset[t], as gemm_pool does.
struct WinogradArgs {
  const float* x;
  const int32_t* x_offset;
  int64_t x_pixel, x_row;  // floats between neighbours
  int64_t squares, channels, filters;
  const float* w;     // as winograd_weights writes them
  const float* bias;  // may be null
  float* y;
  const int32_t* y_offset;
  bool relu, pool;
  bool stream = false;  // as in GemmArgs, without pool
  uint8_t* winner;      // may be null
  float* scratch;       // 16 * 13 * (channels in whole vectors + 2 * width) floats
};

/// Writes the transformed kernels of the channels in `range`; all kernels have 16 * channels * filters floats. Kernel
/// element (tap, c, f) is at tap[] + c * kernel_row + f.
struct WinogradWeightsArgs {
  const float* kernel;
  const int64_t* tap;  // the positions of the nine taps, row by row
  int64_t kernel_row, channels, filters;
  float* w;
  IndexRange range;
};

/// The gradient of a 3x3 kernel from squares of 4x4 inputs and 2x2 gradients (Winograd's F(3x3, 2x2)), in transformed
/// form:
///   du[i][c][f] += sum_t (B^T x B)[i][c] * (G dy G^T)[i][f]      i < 16; channels and filters multiples of width
struct WinogradGradientArgs {
  const float* x;
  const int32_t* x_offset;  // per square
  int64_t x_pixel, x_row;
  const float* dy;
  const int32_t* dy_offset;  // one for each square; outside the output dy holds zeros
  int64_t dy_pixel, dy_row;
  int64_t squares, channels, filters;
  const int32_t* count_up;  // 0, 1, 2, ... up to channels
  float* du;
  float* scratch;          // 16 * 96 * (channels + filters) floats
  bool overwrite = false;  // du is set, not added to
};

/// Taps 3 * ky to 3 * ky + 2 of the kernel's gradient, from the sum of `count` du that are `stride` floats apart.
/// Writes dw[kx * channels * filters + i] for kx < 3 and for the places i = c * filters + f in `range`, which consists
/// of whole vectors.
struct WinogradReduceArgs {
  const float* du;
  int64_t count, stride, ky, channels, filters;
  float* dw;
  IndexRange range;
};

}  // namespace cnncore
