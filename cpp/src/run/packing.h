// Parameters as the steps want them, for inference: made once for every change of the parameters, shared by all calls.
#pragma once

#include <memory>
#include <vector>

#include "plan/plan.h"
#include "runtime/buffer.h"

namespace cnncore {

/// What is known of the parameters' values: which writing they are of, and whether somebody may write unseen.
struct ParameterState {
  int64_t version = -1;
  bool lent = false;
};

class PackedParameters {
 public:
  /// `bound`: all parameters that the plan reads.
  PackedParameters(const Plan& plan, const std::vector<BoundSlot>& bound, ParameterState state);

  /// Still what the parameters say. Where they are lent, they are compared with a copy.
  bool current(const std::vector<BoundSlot>& bound, ParameterState state) const;
  const float* data() const { return packed_.data(); }
  /// No kernel holds infinity or NaN, and nobody may write any unseen.
  bool finite() const { return finite_; }

 private:
  ParameterState state_;
  bool finite_ = false;
  Buffer<float> packed_;
  std::vector<Buffer<float>> seen_;  // per slot, where the parameters were lent
};

}  // namespace cnncore
