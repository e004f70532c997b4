// Dropout and noise on the calling thread. What is drawn for an element follows from (seed, step, sample, element)
// alone, so that it is the same on any number of threads and backward draws it again.
#pragma once

#include "kernels/kernels.h"
#include "ops/broadcast.h"

namespace cnncore {

/// y = x / (1 - rate) where an element is kept, else 0. The noise shape has the sample's sizes, or 1 along axes that
/// share one draw: (1, 1, channels) is spatial dropout.
class DropoutPlan {
 public:
  /// rate in [0, 1).
  DropoutPlan(float rate, uint64_t seed, const Shape& sample, const Shape& noise);

  /// Samples first, first + 1, ... of the batch of a step. Backward is the same function of dy. In place where x == y.
  void run(const Kernels& k, uint64_t step, int64_t first, int64_t count, const float* x, float* y) const;

 private:
  uint64_t seed_;
  uint32_t threshold_;
  float scale_;
  Broadcast shapes_;  // x, noise
};

/// y = x + stddev * (normal draws). Its gradient is dy. In place where x == y.
void gaussian_noise_rows(const Kernels& k, float stddev, uint64_t seed, uint64_t step, int64_t first, int64_t count,
                         int64_t size, const float* x, float* y);

}  // namespace cnncore
