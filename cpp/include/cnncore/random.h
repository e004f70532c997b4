// Dropout and noise. Each random number depends only on the seed, the step, and the place of its value in the batch. So
// the same call gives the same values at any number of threads and on any machine.
#pragma once

#include "cnncore/tensor.h"

namespace cnncore {

/// Dropout: y = 0 with the probability `rate`, and y = x / (1 - rate) otherwise. `noise` is the shape of a sample, or 1
/// along axes where all values are dropped or kept together: (1, 1, channels) drops whole channels. The gradient of x
/// is the same function of the gradient of y.
struct DropoutParams {
  float rate = 0.5f;  // in [0, 1]
  uint64_t seed = 0, step = 0;
  Shape sample, noise;
};
void dropout(const DropoutParams& params, int64_t batch, const float* x, float* y);

/// Noise: y = x + stddev * z, where z are standard normal numbers. A sample has `size` values.
struct GaussianNoiseParams {
  float stddev = 1.0f;
  uint64_t seed = 0, step = 0;
  int64_t size = 0;
};
void gaussian_noise(const GaussianNoiseParams& params, int64_t batch, const float* x, float* y);

}  // namespace cnncore
