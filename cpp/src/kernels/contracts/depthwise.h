// Contracts of depthwise convolutions. contracts.h explains what all contracts have in common.
#pragma once
#include <cstdint>

namespace cnncore {

/// A depthwise convolution with any window:
///   y[y_offset[p] + c] = act(bias[c] + sum_t x[x_offset[p] + tap_offset[t] + c] * w[w_offset[t] + c])
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

/// A depthwise convolution with a 3x3 kernel and strides of one over one image of height x width pixels. The image has
/// no border of zeros: taps that lie outside of it are left out. For row_begin <= i < row_end and j < out_width
///   y[(i * out_width + j) * channels + c] =
///       act(bias[c] + sum_(r, t) x[i - top + r, j - left + t, c] * w[3 * r + t, c])
/// `left` is 0 or 1, and the middle column of the kernel lies inside the image for every pixel of y.
struct DepthwiseNineArgs {
  const float* x;
  int64_t height, width, channels;
  int64_t top, left;
  const float* w;
  const float* bias;  // may be null
  float* y;
  int64_t out_width, row_begin, row_end;
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

}  // namespace cnncore
