// The common part of the algorithms for the gradient of the kernel whose partial sums have the layout of the gradient
// itself.
#pragma once

#include "ops/conv2d/operands.h"

namespace cnncore {

/// to[i] = the sum over all partials, in order, of their float number at + i. `to` may be inside the first partial.
inline void sum_partials(const Kernels& k, const Partials& partials, int64_t at, int64_t size, float* to) {
  if (to != partials.first + at) std::copy_n(partials.first + at, size, to);
  for (int64_t i = 1; i < partials.count; ++i) k.accumulate(partials.first + i * partials.stride + at, to, size);
}

/// One task of a sum over partials computes this many floats of the gradient. That is enough work to be worth handing
/// to a thread, and a large kernel still has enough tasks for a machine with many cores.
constexpr int64_t kFloatsPerReduction = 4096;

class SummedWeights : public WeightsPass {
 public:
  explicit SummedWeights(const Operands& operands)
      : operands_(operands), problem_(operands.problem()), k_(operands.kernels()) {}

  int64_t partial_size() const final { return aligned_count<float>(problem_.kernel_size()); }
  int64_t reduce_tasks() const final {
    return (problem_.kernel_size() + kFloatsPerReduction - 1) / kFloatsPerReduction;
  }
  GradientRange reduce(int64_t task, const Partials& partials, float* dkernel) const final {
    const int64_t begin = task * kFloatsPerReduction;
    const int64_t size = std::min(kFloatsPerReduction, problem_.kernel_size() - begin);
    sum_partials(k_, partials, begin, size, dkernel + begin);
    return {begin, size};
  }

 protected:
  /// For kernels that can only add: sets the partial sum to zero if this is the first call.
  void begin(const WeightsRun& run) const {
    if (run.overwrite) std::fill_n(run.partial, problem_.kernel_size(), 0.0f);
  }

  const Operands& operands_;
  const Conv2dProblem& problem_;
  const Kernels& k_;
};

}  // namespace cnncore
