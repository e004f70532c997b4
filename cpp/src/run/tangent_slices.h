// The steps of a plan on a slice of samples, together with their tangents, as products with curvature need them.
#pragma once

#include <vector>

#include "cnncore/curvature.h"
#include "run/slices.h"

namespace cnncore {

/// The memory of one thread: values and gradients, their tangents in the same layout, zeros for inputs without a
/// tangent, and space for the largest array of a step.
struct TangentMemory {
  explicit TangentMemory(const Plan& plan);
  ThreadMemory values, tangents;
  Buffer<float> zeros, spare;
};

class TangentSlices {
 public:
  TangentSlices(const Plan& plan, CurvatureKind kind, const Slices& values, const Slices& tangents,
                TangentMemory& memory, float share)
      : plan_(plan), kind_(kind), values_(values), tangents_(tangents), memory_(memory), share_(share) {}

  const Slices& values() const { return values_; }
  const Slices& tangents() const { return tangents_; }

  /// `logits` says for each output whether the loss includes its last activation. Then its tangent is that of the
  /// logits.
  void forward(const Phase& phase, const SliceOf& slice, const std::vector<uint8_t>& logits) const;
  void backward(const Phase& phase, const SliceOf& slice, const std::vector<uint8_t>& logits) const;

 private:
  struct Pair {
    Run run, tangent;
  };
  Pair runs(const PlannedNode& node, const SliceOf& slice, int64_t n, int64_t count,
            const std::vector<uint8_t>& logits) const;
  void run_backward(const PlannedNode& node, const Pair& pair) const;

  const Plan& plan_;
  CurvatureKind kind_;
  Slices values_, tangents_;
  TangentMemory& memory_;
  float share_;
};

}  // namespace cnncore
