#include "run/training.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "runtime/threads.h"

namespace cnncore {

Training::Training(std::unique_ptr<Plan> plan, TrainingMemory& memory)
    : plan_(std::move(plan)),
      shards_(plan_->mode.batch, plan_->partial_floats),
      memory_(memory),
      views_(plan_->nodes.size()),
      output_losses_(*plan_),
      shard_losses_(static_cast<size_t>(shards_.count) * (plan_->outputs.size() + 1)) {
  losses_.outputs.resize(plan_->outputs.size());
  for (const PlannedNode& node : plan_->nodes) {
    for (int64_t i = 0; i < node.step->pack_tasks(); ++i) pack_tasks_.push_back({&node, i});
    for (int64_t i = 0; i < node.step->gradient_tasks(); ++i) gradient_tasks_.push_back({&node, i});
  }
}

int Training::crew_threads() const {
  const bool python = std::any_of(plan_->nodes.begin(), plan_->nodes.end(),
                                  [](const PlannedNode& node) { return node.step->calls_python(); });
  return python || plan_->mode.separate_loss ? 1 : threads_for(shards_.count, 3 * plan_->mode.batch * plan_->flops);
}

void Training::take_memory() {
  if (!memory_.take(this, *plan_, shards_.count)) return;
  for (BatchView& view : views_) view.x.clear();  // these point into the memory
}

void Training::pack_parameters() {
  parallel_for(static_cast<int64_t>(pack_tasks_.size()), 4 * plan_->packed_floats, [&](int64_t i, int) {
    const Task& task = pack_tasks_[static_cast<size_t>(i)];
    task.node->step->pack(task.index, memory_.packed() + task.node->packed);
  });
  std::atomic<bool> finite{true};
  parallel_for(static_cast<int64_t>(plan_->nodes.size()), plan_->packed_floats, [&](int64_t n, int) {
    const PlannedNode& node = plan_->nodes[static_cast<size_t>(n)];
    if (!node.step->finite_kernel(memory_.packed() + node.packed)) finite.store(false, std::memory_order_relaxed);
  });
  finite_kernels_ = finite;
}

Slices Training::slices(int thread) {
  Slices own(*plan_, memory_.thread(thread), memory_.batch(), memory_.packed());
  own.finite_kernels(finite_kernels_);
  return own;
}

SliceOf Training::slice_of(int64_t shard, int64_t first, int64_t step) const {
  return {.first = first,
          .count = std::min(plan_->mode.slice, shards_.end(shard) - first),
          .shard = shard,
          .training_step = step,
          .first_of_shard = first == shards_.begin(shard)};
}

// Calls f(slices, slice) for every slice of every shard, on all threads.
template <class Function>
void Training::for_slices(int64_t step, InterruptWatch& watch, Function f) {
  const int64_t work = 3 * plan_->mode.batch * plan_->flops;
  const int threads = threads_for(shards_.count, work);
  memory_.reserve_threads(*plan_, most_threads_for(shards_.count, work));
  parallel_for_on(threads, shards_.count, [&](int64_t shard, int thread) {
    Slices own = slices(thread);
    own.watch(watch, thread);
    for (int64_t first = shards_.begin(shard); first < shards_.end(shard); first += plan_->mode.slice) {
      if (watch.stopped(thread)) return;
      f(own, slice_of(shard, first, step));
    }
  });
  watch.finish();
}

void Training::clear_partials(int64_t shard) {
  float* partials = memory_.batch().partials.data() + shard * plan_->partial_floats;
  for (const PlannedNode& node : plan_->nodes)
    if (!node.backward || !node.step->sets_partial())
      std::fill_n(partials + node.partial, node.step->partial_size(), 0.0f);
}

void Training::forward_slice(size_t phase, const TrainBatch& batch, Slices& own, const SliceOf& slice) {
  double* losses = shard_losses_.data() + static_cast<size_t>(slice.shard) * (plan_->outputs.size() + 1);
  if (phase == 0) {
    if (slice.first_of_shard) {
      clear_partials(slice.shard);
      std::fill_n(losses, plan_->outputs.size() + 1, 0.0);
    }
    own.load(batch.x, batch.indices, slice);
  }
  own.forward(plan_->phases[phase], slice, losses + plan_->outputs.size());
  if (phase + 1 < plan_->phases.size()) return;
  for (size_t o = 0; o < batch.outputs.size(); ++o) {
    const PlannedOutput& output = plan_->outputs[o];
    if (batch.outputs[o])
      std::copy_n(own.value(output.tensor, slice.first), slice.count * output.size,
                  batch.outputs[o] + slice.first * output.size);
  }
}

// Runs the phases forward, then the losses, and then the phases backward if that is asked for.
void Training::run_phases(const TrainBatch& batch, int64_t step, bool backward) {
  InterruptWatch watch;
  const size_t last = plan_->phases.size() - 1;
  const bool fused = backward && plan_->fuses_loss();
  take_memory();
  pack_parameters();
  for (size_t p = 0; p <= last; ++p) {
    const bool goes_back = fused && p == last;  // from the forward pass straight to the backward pass, slice by slice
    for_slices(step, watch, [&](Slices& own, const SliceOf& slice) {
      forward_slice(p, batch, own, slice);
      if (!goes_back) return;
      slice_losses(batch, own, slice);
      own.backward(plan_->phases[p], slice, output_losses_.logits());
    });
    for (const size_t n : plan_->phases[p].joins) plan_->nodes[n].step->join(view(n));
  }
  if (!backward) return;
  if (!fused) batch_losses(batch);
  for (size_t p = plan_->phases.size(); p-- > 0;) {
    for (const size_t n : plan_->phases[p].joins)
      if (plan_->nodes[n].backward) plan_->nodes[n].step->join_gradient(view(n));
    if (fused && p == last) continue;
    for_slices(step, watch, [&](Slices& own, const SliceOf& slice) {
      own.backward(plan_->phases[p], slice, output_losses_.logits());
    });
  }
}

const BatchLosses& Training::backpropagate(const TrainBatch& batch, int64_t step) {
  output_losses_.prepare(batch);
  run_phases(batch, step, true);
  sum_losses();
  return losses_;
}

void Training::forward(const TrainBatch& batch, int64_t step) { run_phases(batch, step, false); }

// The view of the whole batch, for the joins of a step and the gradients of its parameters.
const BatchView& Training::view(size_t n) {
  const PlannedNode& node = plan_->nodes[n];
  BatchView& view = views_[n];
  const auto whole = [&](const Place& place) {
    return place.where == Place::Where::batch ? memory_.batch().floats.data() + place.offset : nullptr;
  };
  if (view.x.empty())
    for (const int t : node.inputs) view.x.push_back(whole(plan_->tensors[static_cast<size_t>(t)].value));
  const PlannedTensor& output = plan_->tensors[static_cast<size_t>(node.output)];
  view.size = plan_->mode.batch;
  view.y = whole(output.value), view.dy = whole(output.grad);
  view.partials = {memory_.batch().partials.data() + node.partial, shards_.count, plan_->partial_floats};
  view.batch = memory_.batch().floats.data() + node.batch;
  view.scratch = memory_.thread(0).scratch.data();
  return view;
}

bool Training::gather_gradients() {
  std::atomic<bool> finite{true};
  const int64_t tasks = static_cast<int64_t>(gradient_tasks_.size());
  const int64_t work = plan_->mode.batch * plan_->flops;
  const int threads = threads_for(tasks, work);
  memory_.reserve_threads(*plan_, std::max(1, most_threads_for(tasks, work)));
  for (const Task& task : gradient_tasks_)
    if (task.index == 0) view(static_cast<size_t>(task.node - plan_->nodes.data()));
  parallel_for_on(threads, tasks, [&](int64_t i, int thread) {
    const Task& task = gradient_tasks_[static_cast<size_t>(i)];
    const float* scratch = memory_.thread(thread).scratch.data();
    const BatchView& whole = views_[static_cast<size_t>(task.node - plan_->nodes.data())];
    const Step::Range range = task.node->step->gradient(task.index, whole, const_cast<float*>(scratch));
    for (int64_t piece = 0; piece < range.pieces; ++piece)
      if (!plan_->kernels.all_finite(range.grads + piece * range.step, range.size))
        finite.store(false, std::memory_order_relaxed);
  });
  return add_shared_gradients() && finite;
}

// Adds in the order of the ops, so that the sum always has the same bits.
bool Training::add_shared_gradients() {
  bool finite = true;
  for (const SharedGradient& shared : plan_->shared_gradients) {
    plan_->kernels.accumulate(shared.from, shared.to, shared.size);
    finite &= plan_->kernels.all_finite(shared.to, shared.size);
  }
  return finite;
}

void Training::commit_state() {
  for (const PlannedNode& node : plan_->nodes) node.step->commit(memory_.batch().floats.data() + node.batch);
}

}  // namespace cnncore
