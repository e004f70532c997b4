// Turns lowered ops into steps, phases and segments. layout.cpp assigns the memory.
#include "plan/plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "plan/copy_step.h"
#include "plan/layout.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

class Planner {
 public:
  Planner(Plan& plan, const Lowered& lowered, const std::vector<BoundSlot>& bound)
      : plan_(plan), lowered_(lowered), bound_(bound), storage_(lowered.shapes.size(), -1) {
    for (const LoweredInput& input : lowered.inputs) add_input(input);
    const std::vector<bool> wants_grad = find_gradients();
    for (size_t i = 0; i < lowered.nodes.size(); ++i) add_node(lowered.nodes[i], wants_grad);
    for (const int t : lowered.outputs) add_output(t, wants_grad[static_cast<size_t>(t)]);
    order_writers();
    schedule();
  }

 private:
  bool trained(const LoweredNode& node) const {
    return std::any_of(node.slots.begin(), node.slots.end(),
                       [&](int slot) { return slot >= 0 && bound_[static_cast<size_t>(slot)].grad; });
  }

  // Finds the tensors that depend on a trained parameter.
  std::vector<bool> find_gradients() const {
    std::vector<bool> wanted(lowered_.shapes.size());
    for (const LoweredNode& node : lowered_.nodes) {
      bool any = trained(node);
      for (const int t : node.inputs) any |= wanted[static_cast<size_t>(t)];
      wanted[static_cast<size_t>(node.output)] = any && plan_.backward();
    }
    return wanted;
  }

  int add_tensor(int lowered_tensor) {
    plan_.tensors.push_back({element_count(lowered_.shapes[static_cast<size_t>(lowered_tensor)]), {}, {}});
    return storage_[static_cast<size_t>(lowered_tensor)] = static_cast<int>(plan_.tensors.size()) - 1;
  }
  int storage(int lowered_tensor) const { return storage_[static_cast<size_t>(lowered_tensor)]; }

  void add_input(const LoweredInput& in) {
    PlannedInput planned{add_tensor(in.tensor), 1, 0, 0, element_count(in.whole), in.scaling.scale, in.scaling.offset};
    planned.row = planned.pitch = planned.sample_size;
    if (in.used != in.whole) {
      planned.pitch = in.whole[1] * in.whole[2], planned.row = in.used[1] * in.used[2], planned.rows = in.used[0];
      if (planned.pitch == planned.row) planned.row *= std::exchange(planned.rows, 1);
    }
    plan_.inputs.push_back(planned);
  }

  void add_node(const LoweredNode& node, const std::vector<bool>& wants_grad) {
    if (node.op->is_view(plan_.mode.purpose)) {
      storage_[static_cast<size_t>(node.output)] = storage(node.inputs[0]);
      return;
    }
    PlannedNode planned;
    planned.name = node.name;
    for (const int t : node.inputs) {
      planned.inputs.push_back(storage(t));
      planned.input_grad.push_back(wants_grad[static_cast<size_t>(t)]);
    }
    planned.adds.resize(planned.inputs.size());
    planned.backward = wants_grad[static_cast<size_t>(node.output)];
    const StepContext context{.purpose = plan_.mode.purpose,
                              .backward = planned.backward,
                              .slice = plan_.mode.slice,
                              .batch = plan_.mode.batch,
                              .precision = plan_.mode.precision,
                              .input_grad = planned.input_grad,
                              .parameters = parameters(node),
                              .kernels = plan_.kernels};
    planned.step = node.op->plan(context);
    check(context.purpose != Purpose::curvature || !planned.backward || planned.step->with_tangents(), "layer \"",
          node.name, "\": expected an op with second derivatives, for a product with curvature. Received: ",
          planned.step->describe());
    planned.output = add_tensor(node.output);
    plan_.flops += planned.step->flops();
    plan_.most_inputs = std::max(plan_.most_inputs, planned.inputs.size());
    last_op_[node.output] = node.op->last_activation();
    plan_.nodes.push_back(std::move(planned));
  }

  // The first op that uses a parameter writes the gradient of the parameter. Each further op writes to a place of its
  // own, from which the gradient is added afterwards.
  std::vector<ParameterRef> parameters(const LoweredNode& node) {
    std::vector<ParameterRef> refs;
    for (const int slot : node.slots) {
      const BoundSlot& bound = bound_[static_cast<size_t>(slot)];
      ParameterRef ref{bound.value, plan_.backward() ? bound.grad : nullptr, bound.size, bound.tangent};
      if (ref.grad && !written_.insert(slot).second) {
        plan_.shared_gradients.push_back({nullptr, ref.grad, ref.size});
        ref.grad = shared_place(plan_.shared_gradients.size() - 1);
      }
      refs.push_back(ref);
    }
    return refs;
  }

  // Returns the place for the gradient of a further op. The memory for all these places is allocated at once. It has
  // room for the gradients of all parameters of all ops.
  float* shared_place(size_t index) {
    if (plan_.shared_memory.size() == 0) {
      int64_t total = 0;
      for (const LoweredNode& node : lowered_.nodes)
        for (const int slot : node.slots) total += aligned_count<float>(bound_[static_cast<size_t>(slot)].size);
      plan_.shared_memory = Buffer<float>(total);
    }
    float* at = plan_.shared_memory.data();
    for (size_t i = 0; i < index; ++i) at += aligned_count<float>(plan_.shared_gradients[i].size);
    return plan_.shared_gradients[index].from = at;
  }

  void add_output(int tensor, bool wants_grad) {
    const Shape& shape = lowered_.shapes[static_cast<size_t>(tensor)];
    std::optional<Activation> activation;
    int place = storage(tensor), readers = 0;
    for (const PlannedNode& node : plan_.nodes)
      readers += static_cast<int>(std::count(node.inputs.begin(), node.inputs.end(), place));
    for (const int other : lowered_.outputs) readers += storage(other) == place;
    if (readers == 1 && last_op_.count(tensor)) activation = last_op_[tensor];
    const auto shares = [&](const PlannedOutput& other) { return other.tensor == place; };
    if (wants_grad && std::any_of(plan_.outputs.begin(), plan_.outputs.end(), shares)) place = add_copy(tensor);
    plan_.outputs.push_back({place, element_count(shape), last_size(shape), activation});
  }

  // Adds a copy of an output, since two outputs cannot have the same memory: every loss writes the gradient of its
  // output.
  int add_copy(int tensor) {
    PlannedNode copy;
    copy.name = "copy";
    copy.inputs = {storage(tensor)};
    copy.input_grad = {true};
    copy.adds.resize(1);
    copy.backward = true;
    copy.step = std::make_unique<CopyStep>(element_count(lowered_.shapes[static_cast<size_t>(tensor)]));
    copy.output = add_tensor(tensor);
    plan_.nodes.push_back(std::move(copy));
    return storage(tensor);
  }

  // The backward pass goes from the last phase to the first, and within a phase from the last node to the first. The
  // first writer of a gradient sets it, and later ones add to it. The losses come before all nodes.
  void order_writers() {
    if (!plan_.backward()) return;
    std::vector<bool> written(plan_.tensors.size());
    for (const PlannedOutput& output : plan_.outputs) written[static_cast<size_t>(output.tensor)] = true;
    const std::vector<int> phase = node_phases();
    std::vector<size_t> order(plan_.nodes.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = order.size() - 1 - i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return phase[a] > phase[b]; });
    for (const size_t n : order) {
      PlannedNode& node = plan_.nodes[n];
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (!node.input_grad[i]) continue;
        node.adds[i] = written[static_cast<size_t>(node.inputs[i])];
        written[static_cast<size_t>(node.inputs[i])] = true;
      }
    }
  }

  bool parts_phases(const PlannedNode& node) const { return node.step->whole_batch(); }

  // The phase in which the backward pass of a node runs. Its forward pass runs in the same phase, or in the next one if
  // the step needs the whole batch.
  std::vector<int> node_phases() const {
    std::vector<int> of_tensor(plan_.tensors.size(), 0), of_node;
    for (const PlannedNode& node : plan_.nodes) {
      int phase = 0;
      for (const int t : node.inputs) phase = std::max(phase, of_tensor[static_cast<size_t>(t)]);
      of_node.push_back(phase);
      of_tensor[static_cast<size_t>(node.output)] = phase + parts_phases(node);
    }
    return of_node;
  }

  void schedule() {
    const std::vector<int> phase = node_phases();
    int last = 0;
    for (size_t n = 0; n < phase.size(); ++n) last = std::max(last, phase[n] + parts_phases(plan_.nodes[n]));
    plan_.phases.resize(static_cast<size_t>(last) + 1);
    for (size_t n = 0; n < phase.size(); ++n) {
      const bool parts = parts_phases(plan_.nodes[n]);
      Phase& own = plan_.phases[static_cast<size_t>(phase[n])];
      add_item(own, {n, parts ? Item::Role::observe : Item::Role::whole});
      if (!parts) continue;
      own.joins.push_back(n);
      add_item(plan_.phases[static_cast<size_t>(phase[n]) + 1], {n, Item::Role::apply});
    }
  }

  // Whether an output of a segment would be too large for the outer cache if a group had this number of samples. Steps
  // on small images want groups of many samples. In training this does not matter, since the values that steps keep for
  // the backward pass are larger than the cache in any case.
  bool outgrows(const Segment& segment, int64_t group) const {
    constexpr int64_t kCachedFloats = 1 << 16;
    if (plan_.backward() || group <= segment.group) return false;
    return std::any_of(segment.items.begin(), segment.items.end(), [&](const Item& item) {
      return plan_.tensors[static_cast<size_t>(plan_.nodes[item.node].output)].size * group > kCachedFloats;
    });
  }

  void add_item(Phase& phase, Item item) {
    const Step& step = *plan_.nodes[item.node].step;
    const int64_t group = step.group(), backward = step.backward_group();
    const bool joins = group > 0 && !phase.segments.empty() && phase.segments.back().group > 0 &&
                       !outgrows(phase.segments.back(), group);
    if (!joins) {
      phase.segments.push_back({{item}, group, backward});
      return;
    }
    Segment& segment = phase.segments.back();
    segment.items.push_back(item);
    segment.group = std::max(segment.group, group);
    segment.backward_group = std::max(segment.backward_group, backward);
  }

  Plan& plan_;
  const Lowered& lowered_;
  const std::vector<BoundSlot>& bound_;
  std::vector<int> storage_;                          // for each lowered tensor, the planned tensor; views share one
  std::map<int, std::optional<Activation>> last_op_;  // for each lowered tensor, the last activation of its op
  std::set<int> written_;                             // the slots whose gradients are written by an op
};

std::string places(const Plan& plan, const PlannedNode& node) {
  std::string text;
  for (const int t : node.inputs)
    text += (text.empty() ? "" : " + ") + std::to_string(plan.tensors[static_cast<size_t>(t)].size);
  return text + " -> " + std::to_string(plan.tensors[static_cast<size_t>(node.output)].size);
}

}  // namespace

Plan::Plan(const Graph& graph, const std::vector<int>& output_tensors,
           const std::vector<std::vector<int>>& slots_of_node, const std::vector<BoundSlot>& bound,
           const PlanMode& plan_mode, const Kernels& table)
    : mode(plan_mode), kernels(table) {
  const Lowered lowered = lower(graph, output_tensors, slots_of_node, mode.purpose);
  std::vector<bool> used(bound.size());
  for (const LoweredNode& node : lowered.nodes)
    for (const int slot : node.slots) used[static_cast<size_t>(slot)] = true;
  for (size_t i = 0; i < bound.size(); ++i)
    if (bound[i].grad && !used[i]) idle_slots.push_back(i);
  Planner(*this, lowered, bound);
  lay_out(*this);
}

int64_t Plan::bytes(int64_t shards, int64_t threads) const {
  const int64_t floats = batch_floats + packed_floats + partial_floats * shards +
                         threads * (thread_floats + scratch_floats + added_floats) + shared_memory.size();
  return floats * static_cast<int64_t>(sizeof(float)) + batch_saved + threads * thread_saved;
}

std::string Plan::describe() const {
  std::ostringstream text;
  text << (backward() ? "training, batch " + std::to_string(mode.batch) : "inference") << ", slices of " << mode.slice
       << ", " << kernels.name << "\n";
  for (const PlannedInput& input : inputs)
    text << "  load " << input.rows * input.row << " of " << input.sample_size << " values\n";
  for (size_t p = 0; p < phases.size(); ++p) {
    if (phases.size() > 1) text << "  phase " << p + 1 << " of " << phases.size() << "\n";
    for (const Segment& segment : phases[p].segments)
      for (const Item& item : segment.items) {
        const PlannedNode& node = nodes[item.node];
        text << "  " << node.name << ": " << node.step->describe()
             << (item.role == Item::Role::observe ? " observes the batch, " : ", ") << places(*this, node) << "\n";
      }
  }
  text << "  memory: " << (thread_floats + scratch_floats) * 4 / 1024 << " KiB a thread, "
       << (batch_floats + packed_floats) * 4 / 1024 << " KiB a batch, " << partial_floats * 4 / 1024
       << " KiB a shard\n";
  return text.str();
}

}  // namespace cnncore
