// Two-dimensional convolution. As in Keras and PyTorch, the kernel is not mirrored: this is a cross-correlation.
#pragma once

#include "cnncore/precision.h"
#include "cnncore/tensor.h"

namespace cnncore {

/// The sizes of a convolution. The arrays have the shapes x (batch, in_height, in_width, in_channels), kernel
/// (kernel_height, kernel_width, in_channels / groups, filters), bias (filters), y (batch, out_height, out_width,
/// filters).
struct Conv2dParams {
  int64_t in_height = 0, in_width = 0, in_channels = 0;
  int64_t filters = 0, kernel_height = 0, kernel_width = 0;
  int64_t stride_height = 1, stride_width = 1;
  int64_t dilation_height = 1, dilation_width = 1;
  int64_t groups = 1;
  Padding padding = {};
  Precision precision = Precision::float32;
};

/// Returns {out_height, out_width, filters}. Throws std::invalid_argument if a parameter is out of range, or the kernel
/// is larger than the padded image.
Shape conv2d_output_shape(const Conv2dParams& params);

/// Computes y[n, i, j, f] = bias[f] + the sum over (ky, kx, c) of x[n, i * stride + ky * dilation - top, ..., c] *
/// kernel[ky, kx, c, f]. bias may be null.
void conv2d(const Conv2dParams& params, int64_t batch, const float* x, const float* kernel, const float* bias,
            float* y);

/// Computes the gradients dx, dkernel and dbias from dy, the gradient of y. Gradients whose pointers are null are not
/// computed.
void conv2d_backward(const Conv2dParams& params, int64_t batch, const float* x, const float* kernel, const float* dy,
                     float* dx, float* dkernel, float* dbias);

}  // namespace cnncore
