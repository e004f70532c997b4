// PReLU (He et al., 2015): y = x where x > 0, otherwise alpha * x. Each element of the sample has an alpha, or elements
// share one along some axes. It is prepared for one shape, runs on the calling thread, and allocates nothing there.
#pragma once

#include "kernels/kernels.h"
#include "ops/broadcast.h"

namespace cnncore {

class PreluPlan {
 public:
  /// alpha has the shape of the sample, with 1 along axes that share an alpha.
  PreluPlan(const Shape& sample, const Shape& alpha);

  void forward(const Kernels& k, int64_t count, const float* x, const float* alpha, float* y) const;
  /// Overwrites dx, and adds to dalpha. Each is skipped if it is null. dx and dy may be the same array.
  void backward(const Kernels& k, int64_t count, const float* x, const float* alpha, const float* dy, float* dx,
                float* dalpha) const;
  /// Adds to the tangent of dalpha the terms with the tangent of x, which are x' dy where x is not positive.
  void add_second(const Kernels& k, int64_t count, const float* x, const float* x_tangent, const float* dy,
                  float* dalpha) const;

 private:
  Broadcast shapes_;  // x, alpha
};

}  // namespace cnncore
