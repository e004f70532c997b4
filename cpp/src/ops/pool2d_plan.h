// A pooling layer that is prepared for one shape.
#pragma once

#include <vector>

#include "cnncore/pool2d.h"
#include "kernels/kernels.h"

namespace cnncore {

class Pool2dPlan {
 public:
  enum class Kind { max, average };
  Pool2dPlan(const Pool2dParams& params, Kind kind, const Kernels& kernels);

  int64_t input_size() const { return x_size_; }
  int64_t output_size() const { return windows_ * params_.channels; }
  /// The number of operations for one image, where moving a value counts as one.
  int64_t flops() const { return 2 * static_cast<int64_t>(window_offset_.size()) * params_.channels; }
  void forward(int64_t count, const float* x, float* y) const;
  /// Computes the tangent of y from that of x.
  void tangent(int64_t count, const float* x, const float* x_tangent, float* y_tangent) const;
  /// Overwrites dx. Only max-pooling reads x.
  void backward(int64_t count, const float* x, const float* dy, float* dx) const;

 private:
  PoolArgs image(int64_t n, const float* x, float* y, const float* dy, float* dx) const;

  Pool2dParams params_;
  Kind kind_;
  const Kernels& k_;
  int64_t x_size_, windows_;
  bool disjoint_;                                      // no pixel belongs to two windows
  std::vector<int32_t> window_offset_, window_begin_;  // the positions of each window that lie inside the image
};

}  // namespace cnncore
