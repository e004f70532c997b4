#include "plan/layout.h"

#include <algorithm>
#include <limits>

#include "runtime/buffer.h"

namespace cnncore {
namespace {

// When something is used: `phase` and `segment` count forward through the forward pass and then on, backwards through
// the network, in the backward pass.
struct Span {
  int first = std::numeric_limits<int>::max(), last = -1;
  int first_phase = std::numeric_limits<int>::max(), last_phase = -1;
  bool used() const { return last >= 0; }
};

class Layout {
 public:
  explicit Layout(Plan& plan) : plan_(plan), value_(plan.tensors.size()), grad_(plan.tensors.size()) {
    whole_value_.resize(plan.tensors.size());
    whole_grad_.resize(plan.tensors.size());
    for (const Phase& phase : plan.phases) segments_ += static_cast<int>(phase.segments.size());
    phases_ = static_cast<int>(plan.phases.size());
    follow_forward();
    if (plan.backward()) follow_backward();
    follow_ends();
    place_tensors();
    place_nodes();
  }

 private:
  size_t index(int tensor) const { return static_cast<size_t>(tensor); }

  void touch(Span& span, int segment, int phase) {
    span.first = std::min(span.first, segment), span.last = std::max(span.last, segment);
    span.first_phase = std::min(span.first_phase, phase), span.last_phase = std::max(span.last_phase, phase);
  }

  // Backward phases follow the forward ones; where the loss is fused, the first of them is the last of those.
  int backward_phase(int phase) const { return 2 * phases_ - 1 - phase - plan_.fuses_loss(); }
  int backward_segment(int segment) const { return 2 * segments_ - segment; }

  template <class Function>
  void for_items(Function f) {
    int segment = 0;
    for (int p = 0; p < phases_; ++p)
      for (const Segment& s : plan_.phases[static_cast<size_t>(p)].segments) {
        for (const Item& item : s.items) f(item, plan_.nodes[item.node], segment, p);
        ++segment;
      }
  }

  void follow_forward() {
    for_items([&](const Item& item, const PlannedNode& node, int segment, int phase) {
      for (const int t : node.inputs) touch(value_[index(t)], segment, phase);
      if (item.role != Item::Role::observe) touch(value_[index(node.output)], segment, phase);
    });
  }

  // A step that needs the whole batch is met twice, in two phases: so what it reads lies in the batch's memory.
  void follow_backward() {
    for_items([&](const Item& item, const PlannedNode& node, int segment, int phase) {
      if (!node.backward) return;
      const int at = backward_segment(segment), back = backward_phase(phase);
      const Step& step = *node.step;
      const bool all = plan_.mode.purpose == Purpose::curvature;  // tangents are laid out like values
      touch(grad_[index(node.output)], at, back);
      for (const int t : node.inputs)
        if (all || step.backward_reads_x() || step.batch_gradient() || step.whole_batch())
          touch(value_[index(t)], at, back);
      if (all || step.backward_reads_y() || step.whole_batch()) touch(value_[index(node.output)], at, back);
      if (item.role == Item::Role::apply) return;
      for (size_t i = 0; i < node.inputs.size(); ++i)
        if (node.input_grad[i]) touch(grad_[index(node.inputs[i])], at, back);
      if (step.batch_gradient()) {
        whole_grad_[index(node.output)] = true;
        for (const int t : node.inputs) whole_value_[index(t)] = true;
      }
    });
  }

  // Inputs are loaded when the forward pass begins. Outputs are read when it ends, and the losses write their gradients
  // then.
  void follow_ends() {
    for (const PlannedOutput& output : plan_.outputs) {
      touch(value_[index(output.tensor)], segments_, phases_ - 1);
      if (!plan_.backward()) continue;
      touch(value_[index(output.tensor)], segments_, backward_phase(phases_ - 1));
      touch(grad_[index(output.tensor)], segments_, backward_phase(phases_ - 1));
      if (plan_.mode.separate_loss) whole_value_[index(output.tensor)] = whole_grad_[index(output.tensor)] = true;
    }
    // inputs are loaded before anything else
    for (const PlannedInput& input : plan_.inputs)
      if (value_[index(input.tensor)].used()) touch(value_[index(input.tensor)], 0, 0);
  }

  // The rows of a segment's groups, where one forward or backward segment alone knows the tensor; else 0.
  int64_t group_of(const Span& span) const {
    if (span.first != span.last || span.first == segments_) return 0;
    int at = span.first;
    const bool back = at > segments_;
    if (back) at = 2 * segments_ - at;
    for (const Phase& phase : plan_.phases) {
      const int count = static_cast<int>(phase.segments.size());
      if (at < count) {
        const Segment& segment = phase.segments[static_cast<size_t>(at)];
        return back ? segment.backward_group : segment.group;
      }
      at -= count;
    }
    return 0;
  }

  void want(Place& place, int64_t size, const Span& span, bool whole) {
    if (!span.used()) return;
    if (whole || span.first_phase != span.last_phase) {
      place.where = Place::Where::batch;
      batch_.push_back({size * plan_.mode.batch, span.first_phase, span.last_phase});
      if (whole) batch_.back().last = 2 * phases_;  // the gradients of parameters are taken in the end
      batch_places_.push_back(&place);
      return;
    }
    const int64_t group = group_of(span);
    const bool small = group > 0 && group < plan_.mode.slice;
    place.where = small ? Place::Where::group : Place::Where::thread;
    // a thread goes through one phase at a time: phases share its memory
    thread_.push_back({size * (small ? group : plan_.mode.slice), span.first, span.last});
    thread_places_.push_back(&place);
  }

  void place_tensors() {
    for (size_t t = 0; t < plan_.tensors.size(); ++t) {
      PlannedTensor& tensor = plan_.tensors[t];
      const bool input = std::any_of(plan_.inputs.begin(), plan_.inputs.end(),
                                     [&](const PlannedInput& in) { return index(in.tensor) == t; });
      if (input && value_[t].first == value_[t].last) value_[t].last = std::max(value_[t].last, value_[t].first) + 1;
      want(tensor.value, tensor.size, value_[t], whole_value_[t]);
      want(tensor.grad, tensor.size, grad_[t], whole_grad_[t]);
    }
    finish(thread_, thread_places_, plan_.thread_floats);
    finish(batch_, batch_places_, plan_.batch_floats);
  }

  static void finish(std::vector<Lifetime>& lifetimes, const std::vector<Place*>& places, int64_t& total) {
    std::vector<Lifetime*> all;
    for (Lifetime& lifetime : lifetimes) all.push_back(&lifetime);
    total = place(all);
    for (size_t i = 0; i < places.size(); ++i) places[i]->offset = lifetimes[i].offset;
  }

  void place_nodes() {
    const auto take = [](int64_t& total, int64_t count) {
      const int64_t at = total;
      total += aligned_count<float>(count);
      return at;
    };
    const std::vector<int> last_phase_of = phases_of_nodes();
    for (size_t n = 0; n < plan_.nodes.size(); ++n) {
      PlannedNode& node = plan_.nodes[n];
      const Step& step = *node.step;
      plan_.scratch_floats = std::max(plan_.scratch_floats, step.scratch_size());
      node.packed = take(plan_.packed_floats, step.packed_size());
      node.batch = take(plan_.batch_floats, step.batch_size(plan_.mode.batch));
      node.partial = take(plan_.partial_floats, step.partial_size());
      if (!plan_.backward()) continue;
      node.saved_in_batch = !plan_.fuses_loss() || last_phase_of[n] + 1 < phases_;
      int64_t& saved = node.saved_in_batch ? plan_.batch_saved : plan_.thread_saved;
      node.saved = saved;
      saved += aligned_count<uint8_t>(step.saved_size() * (node.saved_in_batch ? plan_.mode.batch : plan_.mode.slice));
      int64_t added = 0;
      for (size_t i = 0; i < node.inputs.size(); ++i)
        if (node.adds[i]) added += plan_.tensors[index(node.inputs[i])].size * plan_.mode.slice;
      plan_.added_floats = std::max(plan_.added_floats, added);
    }
  }

  // The phase in which a node's forward pass runs.
  std::vector<int> phases_of_nodes() {
    std::vector<int> phases(plan_.nodes.size());
    for_items([&](const Item& item, const PlannedNode&, int, int phase) { phases[item.node] = phase; });
    return phases;
  }

  Plan& plan_;
  int segments_ = 0, phases_ = 0;
  std::vector<Span> value_, grad_;
  std::vector<bool> whole_value_, whole_grad_;
  std::vector<Lifetime> thread_, batch_;
  std::vector<Place*> thread_places_, batch_places_;
};

}  // namespace

void lay_out(Plan& plan) { Layout layout(plan); }

}  // namespace cnncore
