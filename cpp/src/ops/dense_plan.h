// A fully connected layer that is prepared for one shape.
#pragma once

#include "ops/dense/algorithm.h"

namespace cnncore {

/// Throws std::invalid_argument for sizes that make no sense.
void validate(const DenseParams& params);

class DensePlan {
 public:
  /// `samples` is the largest number of rows of one call of forward or backward_data. A test can name the algorithm
  /// that must be taken.
  DensePlan(const DenseParams& params, const DenseFusion& fusion, int64_t samples, const Kernels& kernels,
            const char* forced = nullptr);

  /// The number of floating-point operations for one sample.
  int64_t flops() const { return 2 * problem_.kernel_size(); }
  /// The number of floats of scratch memory that each call needs.
  int64_t scratch_size() const { return algorithm_->scratch_size(); }

  void forward(int64_t count, DenseRun run) const;

  const char* algorithm() const { return name_; }

  /// Several threads can share a single sample. Each calls forward_part for one part of `parts`, which writes its
  /// results to y, or to `common`, a scratch memory that all threads use together. When all parts are done, join_parts
  /// completes y. If the kernel is known to be finite, its rows that would be multiplied by a zero of x are not read.
  void forward_part(int64_t part, int64_t parts, DenseRun run, float* common) const;
  void join_parts(DenseRun run, const float* common) const;

  /// Turns dy, the gradient of the output of the activation, into the gradient of its input. y is the output of
  /// forward. If y is null, dy is the gradient of the input already, and stays as it is.
  void activation_gradient(int64_t count, const float* y, float* dy) const;

  /// Packs the kernel into the layout that the products need, which has to be done after each change of the kernel. The
  /// work is cut into independent tasks.
  int64_t packed_size() const { return algorithm_->packed_size(); }
  int64_t tasks() const { return algorithm_->tasks(); }
  void pack(int64_t task, const float* kernel, float* packed) const { algorithm_->pack(task, kernel, packed); }
  void backward_data(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const;

  /// Computes a part of dkernel over the whole batch, so there are no partial sums. Returns which floats of the flat
  /// dkernel the task has written.
  using Range = DenseRange;
  Range weights(int64_t task, int64_t batch, const float* x, const float* dy, float* dkernel, float* scratch) const {
    return algorithm_->weights(task, batch, x, dy, dkernel, scratch);
  }
  void bias(int64_t batch, const float* dy, float* dbias) const;

 private:
  void finish(int64_t count, float* y) const;

  DenseProblem problem_;
  const Kernels& k_;
  const char* name_;
  std::unique_ptr<DenseAlgorithm> algorithm_;
};

}  // namespace cnncore
