// Transposed two-dimensional convolution: computes what the gradient of a convolution's input is, and makes images
// larger.
#pragma once

#include "cnncore/precision.h"
#include "cnncore/tensor.h"

namespace cnncore {

/// x (batch, in_height, in_width, in_channels), kernel (kernel_height, kernel_width, filters, in_channels), bias
/// (filters), y (batch, out_height, out_width, filters). `padding` is cut off the output, output_padding (less than the
/// stride) adds rows and columns at its bottom and right:
///   out_height = (in_height - 1) * stride_height + (kernel_height - 1) * dilation_height + 1
///                - padding.top - padding.bottom + output_padding_height
struct Conv2dTransposeParams {
  int64_t in_height = 0, in_width = 0, in_channels = 0;
  int64_t filters = 0, kernel_height = 0, kernel_width = 0;
  int64_t stride_height = 1, stride_width = 1;
  int64_t dilation_height = 1, dilation_width = 1;
  Padding padding = {};
  int64_t output_padding_height = 0, output_padding_width = 0;
  Precision precision = Precision::float32;
};

/// {out_height, out_width, filters}; throws std::invalid_argument for parameters that make no sense.
Shape conv2d_transpose_output_shape(const Conv2dTransposeParams& params);

/// Each x[n, i, j, c] adds x * kernel[ky, kx, f, c] to y[n, i * stride + ky * dilation - top, ..., f], which begins as
/// bias[f]. bias may be null.
void conv2d_transpose(const Conv2dTransposeParams& params, int64_t batch, const float* x, const float* kernel,
                      const float* bias, float* y);

/// Computes dx, dkernel and dbias from dy = dL/dy, and overwrites what they held. Each is skipped if it is null.
void conv2d_transpose_backward(const Conv2dTransposeParams& params, int64_t batch, const float* x, const float* kernel,
                               const float* dy, float* dx, float* dkernel, float* dbias);

}  // namespace cnncore
