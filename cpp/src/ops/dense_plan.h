// A fully connected layer prepared for one shape.
#pragma once

#include "ops/dense/algorithm.h"

namespace cnncore {

/// std::invalid_argument for sizes that make no sense.
void validate(const DenseParams& params);

class DensePlan {
 public:
  /// `samples` is the most rows of one call of forward or backward_data. A test may name the algorithm to take.
  DensePlan(const DenseParams& params, const DenseFusion& fusion, int64_t samples, const Kernels& kernels,
            const char* forced = nullptr);

  /// Floating-point operations of a sample.
  int64_t flops() const { return 2 * problem_.kernel_size(); }
  /// Floats that each thread must lend to a call.
  int64_t scratch_size() const { return algorithm_->scratch_size(); }

  void forward(int64_t count, DenseRun run) const;

  const char* algorithm() const { return name_; }

  /// One sample alone, shared by threads: each takes one part of `parts`, whose results go to y or to `common`, a
  /// scratch that all parts see; join_parts makes y of them. Rows of a finite kernel that meet a zero of x are left
  /// out.
  void forward_part(int64_t part, int64_t parts, DenseRun run, float* common) const;
  void join_parts(DenseRun run, const float* common) const;

  /// Turns dy, the gradient of what the activation returned, into the gradient of what it got. y is the output of
  /// forward. If y is null, dy is that gradient already, and stays as it is.
  void activation_gradient(int64_t count, const float* y, float* dy) const;

  /// The kernel as the products want it, after every change of it, in tasks: rounded for forward, transposed for
  /// backward_data.
  int64_t packed_size() const { return algorithm_->packed_size(); }
  int64_t tasks() const { return algorithm_->tasks(); }
  void pack(int64_t task, const float* kernel, float* packed) const { algorithm_->pack(task, kernel, packed); }
  void backward_data(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const;

  /// Rows [begin, begin + size) of the flat dkernel, over the whole batch: no partial sums.
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
