// PReLU: y = x where x > 0, else alpha * x, with an alpha per element of the sample or shared along some of its axes
// (He et al., 2015). Prepared for one shape; runs on the calling thread and allocates nothing there.
#pragma once

#include "kernels/kernels.h"
#include "ops/broadcast.h"

namespace cnncore {

class PreluPlan {
 public:
  /// alpha has the sample's shape with ones along shared axes.
  PreluPlan(const Shape& sample, const Shape& alpha);

  void forward(const Kernels& k, int64_t count, const float* x, const float* alpha, float* y) const;
  /// dx is overwritten, dalpha added to (it begins as zeros); either may be null: not wanted. dx may be dy.
  void backward(const Kernels& k, int64_t count, const float* x, const float* alpha, const float* dy, float* dx,
                float* dalpha) const;
  /// Adds to dalpha what x' changes in it: x' dy where x is not positive.
  void add_second(const Kernels& k, int64_t count, const float* x, const float* x_tangent, const float* dy,
                  float* dalpha) const;

 private:
  Broadcast shapes_;  // x, alpha
};

}  // namespace cnncore
