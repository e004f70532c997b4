// Dropout and noise, computed on the calling thread. The random number of an element depends on (seed, step, sample,
// element) only. So it is the same at any number of threads, and backward can draw it again.
#pragma once

#include "cnncore/random.h"
#include "kernels/kernels.h"
#include "ops/broadcast.h"

namespace cnncore {

/// y = x / (1 - rate) where an element is kept, otherwise 0. The noise shape has the sizes of the sample, or 1 along
/// axes that share one draw. For example, (1, 1, channels) is spatial dropout.
class DropoutPlan {
 public:
  /// The rate must be in [0, 1].
  DropoutPlan(float rate, uint64_t seed, const Shape& sample, const Shape& noise);

  /// Computes `count` samples, of which the first one has the number `first` in its batch. The backward pass is the
  /// same function of dy. x and y may be the same array.
  void run(const Kernels& k, uint64_t step, int64_t first, int64_t count, const float* x, float* y) const;

 private:
  uint64_t seed_;
  uint32_t threshold_;
  float scale_;
  Broadcast shapes_;  // x, noise
};

/// y = x + stddev * (normally distributed numbers). The gradient of x is dy. x and y may be the same array.
void gaussian_noise_rows(const Kernels& k, const GaussianNoiseParams& p, int64_t first, int64_t count, const float* x,
                         float* y);

}  // namespace cnncore
