// A fully connected layer prepared for one shape.
#pragma once

#include <vector>

#include "cnncore/dense.h"
#include "kernels/kernels.h"

namespace cnncore {

class DensePlan {
 public:
  /// `samples` is the most rows of one call of forward or backward_data.
  DensePlan(const DenseParams& params, Activation activation, int64_t samples, const Kernels& kernels);

  /// Floating-point operations of a sample.
  int64_t flops() const { return 2 * params_.features * params_.units; }

  void forward(int64_t count, const float* x, const float* kernel, const float* bias, float* y) const;

  /// One part of `parts` of the columns of one sample, where the activation is taken column by column.
  bool splits() const { return activation_ == Activation::linear || activation_ == Activation::relu; }
  void forward_part(int64_t part, int64_t parts, const float* x, const float* kernel, const float* bias,
                    float* y) const;

  /// dy becomes the gradient before the activation; y is the forward's output.
  void activation_gradient(int64_t count, const float* y, float* dy) const;

  /// The kernel transposed, once a step, in tasks.
  int64_t packed_size() const { return params_.features * params_.units; }
  int64_t tasks() const;
  void pack(int64_t task, const float* kernel, float* packed) const;
  void backward_data(int64_t count, const float* dy, const float* packed, float* dx) const;

  /// Rows [begin, begin + size) of the flat dkernel, over the whole batch: no partial sums.
  struct Range {
    int64_t begin, size;
  };
  Range weights(int64_t task, int64_t batch, const float* x, const float* dy, float* dkernel) const;
  void bias(int64_t batch, const float* dy, float* dbias) const;

 private:
  DenseParams params_;
  Activation activation_;
  int64_t samples_;
  const Kernels& k_;
  std::vector<int32_t> x_offset_, y_offset_;  // of samples
  std::vector<int32_t> term_;                 // 0, 1, 2, ...
};

}  // namespace cnncore
