#include "run/curvature.h"

#include <algorithm>

#include "run/step_with_tangents.h"
#include "runtime/threads.h"

namespace cnncore {

Curvature::Curvature(std::unique_ptr<Plan> plan)
    : plan_(std::move(plan)),
      losses_(*plan_),
      shards_(plan_->mode.batch, plan_->partial_floats),
      packed_(plan_->packed_floats),
      packed_tangents_(plan_->packed_floats),
      values_(*plan_, shards_.count),
      tangents_(*plan_, shards_.count),
      order_(static_cast<size_t>(plan_->mode.batch)) {
  for (size_t n = 0; n < plan_->nodes.size(); ++n) {
    const Step& step = *plan_->nodes[n].step;
    for (int64_t i = 0; i < step.pack_tasks(); ++i) pack_tasks_.push_back({n, i});
    for (int64_t i = 0; i < step.gradient_tasks(); ++i) gradient_tasks_.push_back({n, i});
    value_views_.push_back(view(plan_->nodes[n], values_));
    gradients_.push_back(value_views_.back().dy);
    tangent_views_.push_back(view(plan_->nodes[n], tangents_));
  }
}

void Curvature::pack() {
  parallel_for(static_cast<int64_t>(pack_tasks_.size()), 8 * plan_->packed_floats, [&](int64_t i, int) {
    const Task& task = pack_tasks_[static_cast<size_t>(i)];
    const PlannedNode& node = plan_->nodes[task.node];
    node.step->pack(task.index, packed_.data() + node.packed);
    if (node.backward) node.step->with_tangents()->pack_tangent(task.index, packed_tangents_.data() + node.packed);
  });
}

void Curvature::reserve_threads(int threads) {
  while (static_cast<int>(threads_.size()) < threads) threads_.push_back(std::make_unique<TangentMemory>(*plan_));
}

void Curvature::run_block(CurvatureKind kind, const TrainBatch& batch, int64_t first) {
  shards_.batch = std::min(plan_->mode.batch, batch.size - first);
  shards_.count = (shards_.batch + shards_.size - 1) / shards_.size;
  first_ = first;
  for (int64_t n = 0; n < shards_.batch; ++n)
    order_[static_cast<size_t>(n)] = batch.indices ? batch.indices[first + n] : first + n;
  const int64_t work = 8 * shards_.batch * plan_->flops;
  const int threads = threads_for(shards_.count, work);
  reserve_threads(most_threads_for(shards_.count, work));
  InterruptWatch watch;
  parallel_for_on(threads, shards_.count, [&](int64_t shard, int thread) {
    clear_partials(shard);
    for (int64_t n = shards_.begin(shard); n < shards_.end(shard); n += plan_->mode.slice) {
      if (watch.stopped(thread)) return;
      const int64_t count = std::min(plan_->mode.slice, shards_.end(shard) - n);
      run_slice(kind, batch, {.first = n, .count = count, .shard = shard, .first_of_shard = n == shards_.begin(shard)},
                thread);
    }
  });
  watch.finish();
}

void Curvature::run_slice(CurvatureKind kind, const TrainBatch& batch, const SliceOf& slice, int thread) {
  TangentMemory& memory = *threads_[static_cast<size_t>(thread)];
  const TangentSlices own(*plan_, kind, {*plan_, memory.values, values_, packed_.data()},
                          {*plan_, memory.tangents, tangents_, packed_tangents_.data()}, memory,
                          1.0f / static_cast<float>(batch.size));
  own.values().load(batch.x, order_.data(), slice);
  own.forward(plan_->phases[0], slice, losses_.logits());
  slice_losses(kind, batch, own, slice);
  own.backward(plan_->phases[0], slice, losses_.logits());
}

void Curvature::slice_losses(CurvatureKind kind, const TrainBatch& batch, const TangentSlices& own,
                             const SliceOf& slice) const {
  for (size_t o = 0; o < plan_->outputs.size(); ++o) {
    const PlannedOutput& output = plan_->outputs[o];
    const float* y = own.values().value(output.tensor, slice.first);
    const float* y_tangent = own.tangents().value(output.tensor, slice.first);
    float* dy = own.values().grad(output.tensor, slice.first);
    float* dy_tangent = own.tangents().grad(output.tensor, slice.first);
    for (int64_t n = 0; n < slice.count; ++n) {
      const int64_t sample = first_ + slice.first + n, at = n * output.size;
      if (kind == CurvatureKind::hessian) losses_.sample(batch, o, sample, y + at, dy + at);
      losses_.sample_curvature(kind, batch, o, sample, y + at, y_tangent + at, dy_tangent + at);
    }
  }
}

void Curvature::clear_partials(int64_t shard) {
  float* partials = tangents_.partials.data() + shard * plan_->partial_floats;
  for (const PlannedNode& node : plan_->nodes)
    if (!node.backward || !node.step->sets_partial())
      std::fill_n(partials + node.partial, node.step->partial_size(), 0.0f);
}

// The view of the whole block, for the gradients of parameters.
BatchView Curvature::view(const PlannedNode& node, BatchMemory& memory) const {
  const auto whole = [&](const Place& place) {
    return place.where == Place::Where::batch ? memory.floats.data() + place.offset : nullptr;
  };
  BatchView view{};
  for (size_t i = 0; i < node.inputs.size(); ++i)
    view.x.push_back(&memory == &values_ || node.input_grad[i]
                         ? whole(plan_->tensors[static_cast<size_t>(node.inputs[i])].value)
                         : nullptr);
  view.dy = whole(plan_->tensors[static_cast<size_t>(node.output)].grad);
  view.batch = memory.floats.data() + node.batch;
  return view;
}

// The Gauss-Newton product uses x of the values together with dy of the tangents.
void Curvature::refresh_views(CurvatureKind kind) {
  for (size_t n = 0; n < plan_->nodes.size(); ++n) {
    BatchView& values = value_views_[n];
    BatchView& tangents = tangent_views_[n];
    values.size = tangents.size = shards_.batch;
    values.partials =
        tangents.partials = {tangents_.partials.data() + plan_->nodes[n].partial, shards_.count, plan_->partial_floats};
    values.dy = kind == CurvatureKind::hessian ? gradients_[n] : tangents.dy;
  }
}

void Curvature::gather(CurvatureKind kind) {
  refresh_views(kind);
  const int64_t tasks = static_cast<int64_t>(gradient_tasks_.size()), work = 2 * shards_.batch * plan_->flops;
  const int threads = threads_for(tasks, work);
  reserve_threads(std::max(1, most_threads_for(tasks, work)));
  parallel_for_on(threads, tasks, [&](int64_t i, int thread) {
    const Task& task = gradient_tasks_[static_cast<size_t>(i)];
    const Step& step = *plan_->nodes[task.node].step;
    float* scratch = threads_[static_cast<size_t>(thread)]->values.scratch.data();
    if (kind == CurvatureKind::hessian)
      step.with_tangents()->gradient_tangent(task.index, value_views_[task.node], tangent_views_[task.node], scratch);
    else
      step.gradient(task.index, value_views_[task.node], scratch);
  });
  for (const SharedGradient& shared : plan_->shared_gradients)
    plan_->kernels.accumulate(shared.from, shared.to, shared.size);
}

}  // namespace cnncore
