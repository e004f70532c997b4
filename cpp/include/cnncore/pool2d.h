// Maximum and average over windows.
#pragma once

#include "cnncore/tensor.h"

namespace cnncore {

/// x (batch, in_height, in_width, channels), y (batch, out_height, out_width, channels). Windows may overlap or leave
/// gaps. Padding never takes part: a maximum ignores it and an average divides by the positions inside the image
/// (Keras' rule).
struct Pool2dParams {
  int64_t in_height = 0, in_width = 0, channels = 0;
  int64_t pool_height = 2, pool_width = 2;
  int64_t stride_height = 2, stride_width = 2;
  Padding padding;
};

/// {out_height, out_width, channels}; throws std::invalid_argument, naming the op, for parameters that make no sense.
Shape pool2d_output_shape(const Pool2dParams& params, const char* name = "pool2d");

void max_pool2d(const Pool2dParams& params, int64_t batch, const float* x, float* y);

/// The gradient of the maximum: dy goes to the first maximum of each window, in row-major order.
void max_pool2d_backward(const Pool2dParams& params, int64_t batch, const float* x, const float* dy, float* dx);

void avg_pool2d(const Pool2dParams& params, int64_t batch, const float* x, float* y);

void avg_pool2d_backward(const Pool2dParams& params, int64_t batch, const float* dy, float* dx);

}  // namespace cnncore
