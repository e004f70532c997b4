// Max pooling and average pooling: the maximum or the mean of each channel in each window of an image.
#pragma once

#include "cnncore/tensor.h"

namespace cnncore {

/// The sizes of a pooling. The arrays have the shapes x (batch, in_height, in_width, channels) and y (batch,
/// out_height, out_width, channels). Windows may overlap or leave gaps. As in Keras, pixels of the padding do not
/// count: a maximum ignores them, and a mean divides by the number of pixels inside the image.
struct Pool2dParams {
  int64_t in_height = 0, in_width = 0, channels = 0;
  int64_t pool_height = 2, pool_width = 2;
  int64_t stride_height = 2, stride_width = 2;
  Padding padding;
};

/// Returns {out_height, out_width, channels}. Throws std::invalid_argument with the name of the op if a parameter is
/// out of range, or the window is larger than the padded image.
Shape pool2d_output_shape(const Pool2dParams& params, const char* name = "pool2d");

void max_pool2d(const Pool2dParams& params, int64_t batch, const float* x, float* y);

/// Computes the gradient of x. The gradient of each window goes to the first pixel that has the largest value, where
/// pixels are in row-major order.
void max_pool2d_backward(const Pool2dParams& params, int64_t batch, const float* x, const float* dy, float* dx);

void avg_pool2d(const Pool2dParams& params, int64_t batch, const float* x, float* y);

void avg_pool2d_backward(const Pool2dParams& params, int64_t batch, const float* dy, float* dx);

}  // namespace cnncore
