// Dropout and noise. What is drawn for an element follows from (seed, step, sample, element) alone: the same call gives
// the same values on any number of threads and any machine.
#pragma once

#include "cnncore/tensor.h"

namespace cnncore {

/// y = x / (1 - rate) where an element is kept, else 0. `noise` is the sample's shape, or has 1 along axes that share a
/// draw: (1, 1, channels) drops whole feature maps. The gradient of x is the same function of dy.
struct DropoutParams {
  float rate = 0.5f;  // in [0, 1)
  uint64_t seed = 0, step = 0;
  Shape sample, noise;
};
void dropout(const DropoutParams& params, int64_t batch, const float* x, float* y);

/// y = x + stddev * (normal draws), over samples of `size` values.
struct GaussianNoiseParams {
  float stddev = 1.0f;
  uint64_t seed = 0, step = 0;
  int64_t size = 0;
};
void gaussian_noise(const GaussianNoiseParams& params, int64_t batch, const float* x, float* y);

}  // namespace cnncore
