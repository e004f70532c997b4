#include "run/slices.h"

#include <algorithm>

namespace cnncore {
namespace {

int64_t bytes_of(const Buffer<float>& buffer) { return buffer.size() * static_cast<int64_t>(sizeof(float)); }

}  // namespace

void ThreadMemory::reserve(const Plan& plan) {
  cnncore::reserve(floats, plan.thread_floats);
  cnncore::reserve(scratch, plan.scratch_floats);
  cnncore::reserve(added, plan.added_floats);
  cnncore::reserve(saved, plan.thread_saved);
  x.resize(std::max<size_t>(x.size(), plan.most_inputs));
  dx.resize(x.size());
  sum.resize(x.size());
}

int64_t ThreadMemory::bytes() const { return bytes_of(floats) + bytes_of(scratch) + bytes_of(added) + saved.size(); }

void BatchMemory::reserve(const Plan& plan, int64_t shards) {
  cnncore::reserve(floats, plan.batch_floats);
  cnncore::reserve(partials, plan.partial_floats * shards);
  cnncore::reserve(saved, plan.batch_saved);
}

int64_t BatchMemory::bytes() const { return bytes_of(floats) + bytes_of(partials) + saved.size(); }

float* Slices::at(const Place& place, int tensor, int64_t first) const {
  if (place.where == Place::Where::batch)
    return batch_.floats.data() + place.offset + first * plan_.tensors[index(tensor)].size;
  return thread_.floats.data() + place.offset;
}

// The part of a tensor for samples from n on, in a slice that begins at sample `first`.
float* Slices::part(const Place& place, int tensor, int64_t first, int64_t n) const {
  float* begin = at(place, tensor, first);
  return place.where == Place::Where::group ? begin : begin + n * plan_.tensors[index(tensor)].size;
}

void Slices::load(std::span<const Images> x, const int64_t* indices, const SliceOf& slice) const {
  for (size_t i = 0; i < plan_.inputs.size(); ++i) {
    const PlannedInput& in = plan_.inputs[i];
    if (plan_.tensors[index(in.tensor)].value.where == Place::Where::none) continue;
    float* to = value(in.tensor, slice.first);
    const bool scaled = in.scale != 1.0f || in.offset != 0.0f;
    for (int64_t n = slice.first; n < slice.first + slice.count; ++n) {
      const int64_t from = (indices ? indices[n] : n) * in.sample_size;
      for (int64_t r = 0; r < in.rows; ++r, to += in.row) {
        if (x[i].bytes)
          plan_.kernels.rescale_u8(x[i].bytes + from + r * in.pitch, to, in.row, in.scale, in.offset);
        else if (scaled)
          plan_.kernels.rescale_f32(x[i].floats + from + r * in.pitch, to, in.row, in.scale, in.offset);
        else
          std::copy_n(x[i].floats + from + r * in.pitch, in.row, to);
      }
    }
  }
}

Run Slices::run(const PlannedNode& node, const SliceOf& slice, int64_t n, int64_t count) const {
  Run run;
  run.first = slice.first + n, run.count = count, run.training_step = slice.training_step;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const PlannedTensor& tensor = plan_.tensors[index(node.inputs[i])];
    thread_.x[i] = part(tensor.value, node.inputs[i], slice.first, n);
    thread_.dx[i] = node.input_grad[i] ? part(tensor.grad, node.inputs[i], slice.first, n) : nullptr;
  }
  run.x = thread_.x.data(), run.dx = thread_.dx.data();
  const PlannedTensor& output = plan_.tensors[index(node.output)];
  run.y = part(output.value, node.output, slice.first, n);
  if (node.backward) run.dy = part(output.grad, node.output, slice.first, n);
  run.packed = packed_ + node.packed;
  run.finite_kernels = finite_kernels_;
  run.scratch = thread_.scratch.data();
  run.batch = batch_.floats.data() + node.batch;
  if (!plan_.backward()) return run;
  run.share = 1.0f / static_cast<float>(plan_.mode.batch);
  run.partial = batch_.partials.data() + slice.shard * plan_.partial_floats + node.partial;
  run.first_of_shard = slice.first_of_shard && n == 0;
  if (node.backward) {
    const int64_t size = node.step->saved_size();
    run.saved = node.saved_in_batch ? batch_.saved.data() + node.saved + (slice.first + n) * size
                                    : thread_.saved.data() + node.saved + n * size;
  }
  return run;
}

void Slices::forward(const Phase& phase, const SliceOf& slice, double* loss) const {
  for (const Segment& segment : phase.segments) {
    const int64_t group = segment.group > 0 ? segment.group : slice.count;
    for (int64_t n = 0; n < slice.count; n += group) {
      for (const Item& item : segment.items) {
        const PlannedNode& node = plan_.nodes[item.node];
        const int64_t count = std::min(group, slice.count - n);
        if (watch_.stops_before(count * node.step->flops())) return;
        Run r = run(node, slice, n, count);
        r.loss = loss;
        item.role == Item::Role::observe ? node.step->observe(r) : node.step->forward(r);
      }
    }
  }
}

void Slices::backward(const Phase& phase, const SliceOf& slice, const std::vector<uint8_t>& logits) const {
  for (size_t j = phase.segments.size(); j-- > 0;) {
    const Segment& segment = phase.segments[j];
    const int64_t group = segment.backward_group > 0 ? segment.backward_group : slice.count;
    for (int64_t n = 0; n < slice.count; n += group) {
      for (const Item& item : segment.items) {
        const PlannedNode& node = plan_.nodes[item.node];
        if (node.repeated && item.role == Item::Role::apply)
          node.step->forward(run(node, slice, n, std::min(group, slice.count - n)));
      }
      for (size_t i = segment.items.size(); i-- > 0;) {
        const Item& item = segment.items[i];
        const PlannedNode& node = plan_.nodes[item.node];
        if (!node.backward) continue;
        const int64_t count = std::min(group, slice.count - n);
        if (watch_.stops_before(2 * count * node.step->flops())) return;
        Run r = run(node, slice, n, count);
        for (size_t o = 0; o < plan_.outputs.size(); ++o)
          if (logits[o] && plan_.outputs[o].tensor == node.output) r.dy_of_logits = true;
        if (item.role == Item::Role::apply) {
          node.step->observe_gradient(r);
          continue;
        }
        divert(node, r);
        node.step->backward(r);
        rejoin(node, r);
      }
    }
  }
}

void Slices::divert(const PlannedNode& node, const Run& run) const {
  int64_t at = 0;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (!node.adds[i]) continue;
    thread_.sum[i] = thread_.dx[i];
    thread_.dx[i] = thread_.added.data() + at;
    at += plan_.tensors[index(node.inputs[i])].size * run.count;
  }
}

void Slices::rejoin(const PlannedNode& node, const Run& run) const {
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (node.adds[i])
      plan_.kernels.accumulate(thread_.dx[i], thread_.sum[i], plan_.tensors[index(node.inputs[i])].size * run.count);
}

}  // namespace cnncore
