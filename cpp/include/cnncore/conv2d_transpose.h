// Transposed two-dimensional convolution, which makes images larger. The backward pass of a convolution computes the
// gradient of its input in the same way.
#pragma once

#include "cnncore/precision.h"
#include "cnncore/tensor.h"

namespace cnncore {

/// The sizes of a transposed convolution. The arrays have the shapes x (batch, in_height, in_width, in_channels),
/// kernel (kernel_height, kernel_width, filters, in_channels), bias (filters), y (batch, out_height, out_width,
/// filters). `padding` says how many rows and columns are cut off the output, and output_padding how many are added at
/// its bottom and on its right, which must be fewer than the stride:
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

/// Returns {out_height, out_width, filters}. Throws std::invalid_argument if a parameter is out of range, or the whole
/// output would be cut off.
Shape conv2d_transpose_output_shape(const Conv2dTransposeParams& params);

/// Computes y, which begins as bias[f]: each x[n, i, j, c] adds x[n, i, j, c] * kernel[ky, kx, f, c] to
/// y[n, i * stride + ky * dilation - top, ..., f]. bias may be null.
void conv2d_transpose(const Conv2dTransposeParams& params, int64_t batch, const float* x, const float* kernel,
                      const float* bias, float* y);

/// Computes the gradients dx, dkernel and dbias from dy, the gradient of y. Gradients whose pointers are null are not
/// computed.
void conv2d_transpose_backward(const Conv2dTransposeParams& params, int64_t batch, const float* x, const float* kernel,
                               const float* dy, float* dx, float* dkernel, float* dbias);

}  // namespace cnncore
