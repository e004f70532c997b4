// Dropout and noise. The random number of an element depends only on (seed, step, sample, element), so that the same
// call gives the same values at any number of threads and on any machine.
#pragma once

#include "cnncore/tensor.h"

namespace cnncore {

/// y = x / (1 - rate) where an element is kept, otherwise 0. `noise` is the shape of a sample, with 1 along axes whose
/// places are dropped together: (1, 1, channels) drops whole channels. The gradient of x is the same function of dy.
struct DropoutParams {
  float rate = 0.5f;  // in [0, 1)
  uint64_t seed = 0, step = 0;
  Shape sample, noise;
};
void dropout(const DropoutParams& params, int64_t batch, const float* x, float* y);

/// y = x + stddev * normal numbers, for samples of `size` values.
struct GaussianNoiseParams {
  float stddev = 1.0f;
  uint64_t seed = 0, step = 0;
  int64_t size = 0;
};
void gaussian_noise(const GaussianNoiseParams& params, int64_t batch, const float* x, float* y);

}  // namespace cnncore
