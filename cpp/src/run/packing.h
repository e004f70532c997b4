// Parameters in the layout that the steps need, for inference. They are packed once after each change, and all calls
// share them.
#pragma once

#include <memory>
#include <vector>

#include "plan/plan.h"
#include "runtime/buffer.h"

namespace cnncore {

/// The version of the parameters' values, and whether somebody may write to them at any time.
struct ParameterState {
  int64_t version = -1;
  bool lent = false;
};

class PackedParameters {
 public:
  /// `bound` are all parameters that the plan reads.
  PackedParameters(const Plan& plan, const std::vector<BoundSlot>& bound, ParameterState state);

  /// Whether the parameters still have the values that were packed. Parameters that somebody may write to at any time
  /// (`lent`) are compared with a copy.
  bool current(const std::vector<BoundSlot>& bound, ParameterState state) const;
  const float* data() const { return packed_.data(); }
  /// Whether no kernel holds infinity or NaN, and nobody may write to the parameters at any time.
  bool finite() const { return finite_; }

 private:
  ParameterState state_;
  bool finite_ = false;
  Buffer<float> packed_;
  std::vector<Buffer<float>> seen_;  // for each slot, a copy of the parameters if they are lent
};

}  // namespace cnncore
