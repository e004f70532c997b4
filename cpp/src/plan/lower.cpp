#include "plan/lower.h"

#include <algorithm>
#include <numeric>

namespace cnncore {
namespace {

class Lowering {
 public:
  Lowering(const Graph& graph, const std::vector<int>& outputs, const std::vector<std::vector<int>>& slots,
           Purpose purpose)
      : graph_(graph), slots_(slots), purpose_(purpose), same_as_(static_cast<size_t>(graph.tensor_count())) {
    std::iota(same_as_.begin(), same_as_.end(), 0);
    for (int t = 0; t < graph.tensor_count(); ++t) result_.shapes.push_back(graph.shape(t));
    mark_needed(outputs);
    drop_identities();
    for (const int t : outputs) result_.outputs.push_back(same(t));
    count_readers();
    add_inputs();
    for (size_t i = 0; i < graph.nodes().size(); ++i)
      if (kept_[i]) add_node(i);
  }
  Lowered take() { return std::move(result_); }

 private:
  int same(int tensor) const { return same_as_[static_cast<size_t>(tensor)]; }

  void mark_needed(const std::vector<int>& outputs) {
    std::vector<bool> needed(same_as_.size());
    for (const int t : outputs) needed[static_cast<size_t>(t)] = true;
    kept_.resize(graph_.nodes().size());
    for (size_t i = kept_.size(); i-- > 0;) {
      const Graph::Node& node = graph_.nodes()[i];
      kept_[i] = needed[static_cast<size_t>(node.output)];
      for (const int t : node.inputs)
        if (kept_[i]) needed[static_cast<size_t>(t)] = true;
    }
  }

  // Replaces outputs of ops that do nothing (views with the shape of their input) by the input.
  void drop_identities() {
    for (size_t i = 0; i < kept_.size(); ++i) {
      const Graph::Node& node = graph_.nodes()[i];
      if (!kept_[i] || !node.op->is_view(purpose_) || node.op->input() != node.op->output()) continue;
      same_as_[static_cast<size_t>(node.output)] = same(node.inputs[0]);
      kept_[i] = false;
    }
  }

  void count_readers() {
    readers_.assign(same_as_.size(), 0);
    for (size_t i = 0; i < kept_.size(); ++i)
      for (const int t : graph_.nodes()[i].inputs)
        if (kept_[i]) ++readers_[static_cast<size_t>(same(t))];
    // An output counts as having two readers, so that it is never fused into another op.
    for (const int t : result_.outputs) readers_[static_cast<size_t>(t)] += 2;
  }

  // If a rescaling is the only reader of an input, it is done while the input is read.
  void add_inputs() {
    for (const int t : graph_.inputs()) {
      LoweredInput input{t, graph_.shape(t), graph_.shape(t), {}};
      for (size_t i = 0; i < kept_.size(); ++i) {
        const Graph::Node& node = graph_.nodes()[i];
        const std::optional<Scaling> scaling = node.op->scaling();
        if (!kept_[i] || !scaling || same(node.inputs[0]) != input.tensor || readers(input.tensor) != 1) continue;
        input.scaling = {input.scaling.scale * scaling->scale, input.scaling.offset * scaling->scale + scaling->offset};
        input.tensor = node.output;
        kept_[i] = false;
      }
      result_.inputs.push_back(input);
    }
  }

  int readers(int tensor) const { return readers_[static_cast<size_t>(tensor)]; }

  void add_node(size_t index) {
    const Graph::Node& node = graph_.nodes()[index];
    LoweredNode lowered{node.layer, node.op, {}, node.output, slots_[index]};
    for (const int t : node.inputs) lowered.inputs.push_back(same(t));
    if (lowered.inputs.size() == 1 && readers(lowered.inputs[0]) == 1) {
      const auto before = std::find_if(result_.nodes.rbegin(), result_.nodes.rend(),
                                       [&](const LoweredNode& n) { return n.output == lowered.inputs[0]; });
      if (before != result_.nodes.rend()) {
        if (OpPtr both = before->op->fused(*node.op, purpose_)) {
          before->op = std::move(both);
          before->output = node.output;
          before->slots.insert(before->slots.end(), lowered.slots.begin(), lowered.slots.end());
          return;
        }
      }
    }
    result_.nodes.push_back(std::move(lowered));
  }

  const Graph& graph_;
  const std::vector<std::vector<int>>& slots_;
  Purpose purpose_;
  std::vector<int> same_as_, readers_;  // for each tensor
  std::vector<bool> kept_;              // for each node
  Lowered result_;
};

}  // namespace

Lowered lower(const Graph& graph, const std::vector<int>& outputs, const std::vector<std::vector<int>>& slots,
              Purpose purpose) {
  Lowered lowered = Lowering(graph, outputs, slots, purpose).take();
  cut_regions(lowered);
  return lowered;
}

}  // namespace cnncore
