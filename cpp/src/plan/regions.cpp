// Finds the rows and columns of tensors that no later op reads, and cuts ops so that they do not compute them. A pool
// or a stride may leave out the last rows and columns of its input.
#include <optional>

#include "plan/lower.h"

namespace cnncore {
namespace {

// Tries to cut all ops. If an op cannot compute less, or the readers of its output need different parts, the output is
// marked as whole, and all ops are cut again from the beginning. Each attempt marks a further tensor, so this ends.
class Regions {
 public:
  explicit Regions(const Lowered& lowered) : lowered_(lowered), whole_(lowered.shapes.size()) {
    for (const int t : lowered.outputs) whole_[static_cast<size_t>(t)] = true;
  }

  Lowered cut() {
    for (;;) {
      Lowered result = lowered_;
      if (try_cut(result)) return result;
    }
  }

 private:
  bool try_cut(Lowered& result) {
    needed_.assign(lowered_.shapes.size(), std::nullopt);
    for (const int t : lowered_.outputs) needed_[static_cast<size_t>(t)] = result.shapes[static_cast<size_t>(t)];
    for (size_t i = result.nodes.size(); i-- > 0;) {
      LoweredNode& node = result.nodes[i];
      const Shape& wanted = *needed_[static_cast<size_t>(node.output)];
      result.shapes[static_cast<size_t>(node.output)] = wanted;
      const bool uncut = wanted == node.op->output();
      if (OpPtr less = node.op->cut(wanted); less && less->output() == wanted && need_inputs(node, *less)) {
        node.op = std::move(less);
      } else if (!uncut) {
        return mark_whole(node.output);
      } else if (!need_inputs(node, *node.op)) {
        return mark_inputs(node);
      }
    }
    for (LoweredInput& input : result.inputs) {
      const std::optional<Shape>& needed = needed_[static_cast<size_t>(input.tensor)];
      if (needed) input.used = *needed;
      result.shapes[static_cast<size_t>(input.tensor)] = input.used;
    }
    return true;
  }

  // Returns false if another reader needs another part, or if the tensor must be whole and this op reads less.
  bool need_inputs(const LoweredNode& node, const Op& op) {
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const size_t t = static_cast<size_t>(node.inputs[i]);
      if (whole_[t] && op.inputs()[i] != lowered_.shapes[t]) return false;
      if (needed_[t] && *needed_[t] != op.inputs()[i]) return false;
    }
    for (size_t i = 0; i < node.inputs.size(); ++i) needed_[static_cast<size_t>(node.inputs[i])] = op.inputs()[i];
    return true;
  }

  bool mark_whole(int tensor) {
    whole_[static_cast<size_t>(tensor)] = true;
    return false;
  }
  bool mark_inputs(const LoweredNode& node) {
    for (const int t : node.inputs) whole_[static_cast<size_t>(t)] = true;
    return false;
  }

  const Lowered lowered_;
  std::vector<bool> whole_;                   // for each tensor: whether all of it must be computed
  std::vector<std::optional<Shape>> needed_;  // for each tensor: what its readers need
};

}  // namespace

void cut_regions(Lowered& lowered) { lowered = Regions(lowered).cut(); }

}  // namespace cnncore
