#include "plan/layout.h"

#include <algorithm>
#include <limits>

#include "runtime/buffer.h"

namespace cnncore {
namespace {

// A range of numbers. touch() makes it larger, so that it includes a further number.
struct Range {
  int first = std::numeric_limits<int>::max(), last = -1;
  void touch(int at) { first = std::min(first, at), last = std::max(last, at); }
};

// A point in time. Phases, segments and items are counted through the forward pass, and then on through the backward
// pass, which goes through the network in reverse order.
struct Moment {
  int item, segment, phase;
};

// The time from the first use of something to its last use.
struct Span {
  Range items, segments, phases;
  bool used() const { return segments.last >= 0; }
  void touch(const Moment& at) { items.touch(at.item), segments.touch(at.segment), phases.touch(at.phase); }
};

class Layout {
 public:
  explicit Layout(Plan& plan)
      : plan_(plan),
        value_(plan.tensors.size()),
        again_(plan.tensors.size()),
        grad_(plan.tensors.size()),
        repeats_(plan.tensors.size()) {
    find_repeats();
    whole_value_.resize(plan.tensors.size());
    whole_grad_.resize(plan.tensors.size());
    for (const Phase& phase : plan.phases)
      for (const Segment& segment : phase.segments) {
        segment_items_.push_back({items_, items_ + static_cast<int>(segment.items.size()) - 1});
        items_ = segment_items_.back().last + 1;
      }
    segments_ = static_cast<int>(segment_items_.size());
    phases_ = static_cast<int>(plan.phases.size());
    follow_forward();
    if (plan.backward()) follow_backward();
    follow_ends();
    place_tensors();
    place_nodes();
  }

 private:
  size_t index(int tensor) const { return static_cast<size_t>(tensor); }

  // Backward phases follow the forward phases. If the loss is fused, the first backward phase is the last forward
  // phase.
  int backward_phase(int phase) const { return 2 * phases_ - 1 - phase - plan_.fuses_loss(); }
  Moment backward(const Moment& at) const {
    return {2 * items_ - at.item, 2 * segments_ - at.segment, backward_phase(at.phase)};
  }

  // Finds tensors that can be computed again in the backward pass. There are none in products with curvature, where
  // tangents have the same places as values.
  void find_repeats() {
    for (PlannedNode& node : plan_.nodes)
      if (plan_.mode.purpose == Purpose::training && node.backward && node.step->whole_batch() &&
          node.step->repeats_forward())  // a node with a backward pass, for which its inputs are kept
        repeats_[index(node.output)] = &node;
  }

  // The time in which the backward pass uses a value. If the value can be computed again, it is kept separately.
  Span& value_back(int tensor) { return repeats_[index(tensor)] ? again_[index(tensor)] : value_[index(tensor)]; }

  template <class Function>
  void for_items(Function f) {
    Moment at{};
    for (; at.phase < phases_; ++at.phase)
      for (const Segment& s : plan_.phases[static_cast<size_t>(at.phase)].segments) {
        for (const Item& item : s.items) {
          f(item, plan_.nodes[item.node], at);
          ++at.item;
        }
        ++at.segment;
      }
  }

  void follow_forward() {
    for_items([&](const Item& item, const PlannedNode& node, const Moment& at) {
      for (const int t : node.inputs) value_[index(t)].touch(at);
      if (item.role != Item::Role::observe) value_[index(node.output)].touch(at);
    });
  }

  // A step that needs the whole batch runs in two phases, so what it reads must be in the memory of the batch.
  void follow_backward() {
    for_items([&](const Item& item, const PlannedNode& node, const Moment& forward) {
      if (!node.backward) return;
      const Moment at = backward(forward);
      const Step& step = *node.step;
      const bool all = plan_.mode.purpose == Purpose::curvature;  // tangents have the same places as values
      grad_[index(node.output)].touch(at);
      for (const int t : node.inputs)
        if (all || step.backward_reads_x() || step.batch_gradient() || step.whole_batch()) value_back(t).touch(at);
      if (all || step.backward_reads_y() || item.role == Item::Role::apply) value_back(node.output).touch(at);
      if (item.role == Item::Role::apply) return;
      for (size_t i = 0; i < node.inputs.size(); ++i)
        if (node.input_grad[i]) grad_[index(node.inputs[i])].touch(at);
      if (step.batch_gradient()) {
        whole_grad_[index(node.output)] = true;
        for (const int t : node.inputs) whole_value_[index(t)] = true;
      }
    });
  }

  // Inputs are loaded when the forward pass begins. When it ends, outputs are read, and the losses write the gradients
  // of outputs.
  void follow_ends() {
    for (const PlannedOutput& output : plan_.outputs) {
      Moment end{items_, segments_, phases_ - 1};
      value_[index(output.tensor)].touch(end);
      if (!plan_.backward()) continue;
      end.phase = backward_phase(phases_ - 1);
      value_[index(output.tensor)].touch(end);
      grad_[index(output.tensor)].touch(end);
      if (plan_.mode.separate_loss) whole_value_[index(output.tensor)] = whole_grad_[index(output.tensor)] = true;
    }
    // Inputs are loaded before anything else happens.
    for (const PlannedInput& input : plan_.inputs)
      if (value_[index(input.tensor)].used()) value_[index(input.tensor)].touch({});
  }

  bool in_one_segment(const Span& span) const {
    return span.segments.first == span.segments.last && span.segments.first != segments_;
  }

  // The number of samples in a group, if only one forward or backward segment uses the tensor; otherwise 0.
  int64_t group_of(const Span& span) const {
    if (!in_one_segment(span)) return 0;
    int at = span.segments.first;
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

  // The first and the last item of a forward or backward segment.
  Range items_of(int segment) const {
    if (segment == segments_) return {items_, items_};
    if (segment < segments_) return segment_items_[index(segment)];
    const Range forward = segment_items_[index(2 * segments_ - segment)];
    return {2 * items_ - forward.last, 2 * items_ - forward.first};
  }

  void want(Place& place, int64_t size, const Span& span, bool whole) {
    if (!span.used()) return;
    if (whole || span.phases.first != span.phases.last) {
      place.where = Place::Where::batch;
      batch_.push_back({size * plan_.mode.batch, span.phases.first, span.phases.last});
      if (whole) batch_.back().last = 2 * phases_;  // the gradients of parameters are computed at the end
      batch_places_.push_back(&place);
      return;
    }
    // A thread runs one phase at a time, so phases share its memory. The memory of a tensor that only a group uses is
    // free after its last reader. A tensor of a whole slice is kept while any group of its segments runs.
    const int64_t group = group_of(span);
    const bool small = group > 0 && group < plan_.mode.slice;
    place.where = small ? Place::Where::group : Place::Where::thread;
    const Range items =
        small ? span.items : Range{items_of(span.segments.first).first, items_of(span.segments.last).last};
    thread_.push_back({size * (small ? group : plan_.mode.slice), items.first, items.last});
    thread_places_.push_back(&place);
  }

  // If only one segment uses a value, and its backward pass is in another phase than its forward pass, the value is
  // computed again at the beginning of the backward pass. Other values are kept.
  void decide_repeat(size_t t) {
    Span &there = value_[t], &back = again_[t];
    if (!repeats_[t] || !back.used()) return;
    repeats_[t]->repeated = !whole_value_[t] && in_one_segment(there) && in_one_segment(back) &&
                            back.segments.first == 2 * segments_ - there.segments.first &&
                            back.phases.first != there.phases.last && group_of(there) > 0 && group_of(back) > 0;
    if (repeats_[t]->repeated) {
      back.items.touch(items_of(back.segments.first).first);
      return;
    }
    for (const Moment& at : {Moment{back.items.first, back.segments.first, back.phases.first},
                             Moment{back.items.last, back.segments.last, back.phases.last}})
      there.touch(at);
  }

  void want_repeated(Place& place, int64_t size, const Span& there, const Span& back) {
    place.where = Place::Where::group;
    const int64_t group = std::min(plan_.mode.slice, std::max(group_of(there), group_of(back)));
    thread_.push_back({size * group, there.items.first, there.items.last, back.items.first, back.items.last});
    thread_places_.push_back(&place);
  }

  void place_tensors() {
    for (size_t t = 0; t < plan_.tensors.size(); ++t) {
      decide_repeat(t);
      PlannedTensor& tensor = plan_.tensors[t];
      const bool input = std::any_of(plan_.inputs.begin(), plan_.inputs.end(),
                                     [&](const PlannedInput& in) { return index(in.tensor) == t; });
      if (input && in_one_segment(value_[t])) ++value_[t].segments.last;  // it is loaded for the whole slice
      if (repeats_[t] && repeats_[t]->repeated)
        want_repeated(tensor.value, tensor.size, value_[t], again_[t]);
      else
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
    for_items([&](const Item& item, const PlannedNode&, const Moment& at) { phases[item.node] = at.phase; });
    return phases;
  }

  Plan& plan_;
  int items_ = 0, segments_ = 0, phases_ = 0;
  std::vector<Range> segment_items_;
  std::vector<Span> value_, again_, grad_;
  std::vector<PlannedNode*> repeats_;  // for each tensor: the node that writes it, if that can compute it a second time
  std::vector<bool> whole_value_, whole_grad_;
  std::vector<Lifetime> thread_, batch_;
  std::vector<Place*> thread_places_, batch_places_;
};

}  // namespace

void lay_out(Plan& plan) { Layout layout(plan); }

}  // namespace cnncore
