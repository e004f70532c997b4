#include "run/packing.h"

#include <algorithm>
#include <cstring>

namespace cnncore {

PackedParameters::PackedParameters(const Plan& plan, const std::vector<BoundSlot>& bound, ParameterState state)
    : state_(state), packed_(plan.packed_floats) {
  if (state.lent)  // copy them before packing, so that the next comparison notices all later changes
    for (const BoundSlot& slot : bound) {
      seen_.emplace_back(slot.size);
      std::copy_n(slot.value, slot.size, seen_.back().data());
    }
  for (const PlannedNode& node : plan.nodes)
    for (int64_t task = 0; task < node.step->pack_tasks(); ++task) node.step->pack(task, packed_.data() + node.packed);
  finite_ = !state.lent && std::all_of(plan.nodes.begin(), plan.nodes.end(), [&](const PlannedNode& node) {
    return node.step->finite_kernel(packed_.data() + node.packed);
  });
}

bool PackedParameters::current(const std::vector<BoundSlot>& bound, ParameterState state) const {
  if (state.version != state_.version || state.lent != state_.lent) return false;
  for (size_t i = 0; state.lent && i < bound.size(); ++i)
    if (std::memcmp(seen_[i].data(), bound[i].value, static_cast<size_t>(bound[i].size) * sizeof(float)) != 0)
      return false;
  return true;
}

}  // namespace cnncore
