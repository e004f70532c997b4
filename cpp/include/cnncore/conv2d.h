// Two-dimensional convolution (cross-correlation, as in Keras and PyTorch).
#pragma once

#include "cnncore/precision.h"
#include "cnncore/tensor.h"

namespace cnncore {

/// x (batch, in_height, in_width, in_channels), kernel (kernel_height, kernel_width, in_channels / groups, filters),
/// bias (filters), y (batch, out_height, out_width, filters).
struct Conv2dParams {
  int64_t in_height = 0, in_width = 0, in_channels = 0;
  int64_t filters = 0, kernel_height = 0, kernel_width = 0;
  int64_t stride_height = 1, stride_width = 1;
  int64_t dilation_height = 1, dilation_width = 1;
  int64_t groups = 1;
  Padding padding = {};
  Precision precision = Precision::float32;
};

/// {out_height, out_width, filters}; throws std::invalid_argument for parameters that make no sense.
Shape conv2d_output_shape(const Conv2dParams& params);

/// y[n, i, j, f] = bias[f] + sum over (ky, kx, c) of x[n, i * stride + ky * dilation - top, ..., c] * kernel[ky, kx, c,
/// f]. bias may be null.
void conv2d(const Conv2dParams& params, int64_t batch, const float* x, const float* kernel, const float* bias,
            float* y);

/// Computes dx, dkernel and dbias from dy = dL/dy, and overwrites what they held. Each is skipped if it is null.
void conv2d_backward(const Conv2dParams& params, int64_t batch, const float* x, const float* kernel, const float* dy,
                     float* dx, float* dkernel, float* dbias);

}  // namespace cnncore
