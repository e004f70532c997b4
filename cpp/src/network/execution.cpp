#include "network/execution.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "cnncore/runtime.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

constexpr int64_t kWorthSharing = 1 << 17;  // floating-point operations: more than the end of a shared stage costs

}  // namespace

Execution::Execution(const Graph& graph, int output, const std::vector<Weights>& weights, const PlanMode& mode,
                     const Kernels& kernels)
    : plan_(graph, output, weights, mode, kernels),
      shards_(std::max<int64_t>(mode.batch, 1)),
      batch_(plan_.batch_floats),
      packed_(plan_.packed_floats),
      partials_(mode.training ? plan_.partial_floats * shards_.count : 0),
      shard_loss_(static_cast<size_t>(shards_.count)) {
  seen_.resize(plan_.nodes.size());
  for (size_t n = 0; n < plan_.nodes.size(); ++n) {
    const PlannedNode& node = plan_.nodes[n];
    for (int64_t i = 0; !mode.training && i < node.node->stages(); ++i)
      stages_.push_back({n, i, node.node->shared(i) && node.node->flops() >= kWorthSharing});
    if (node.node->pack_tasks() > 0) packed_nodes_.push_back(n);
    for (int64_t i = 0; i < node.node->pack_tasks(); ++i) pack_tasks_.push_back({&node, i});
    if (!mode.training) continue;
    for (int64_t i = 0; i < node.node->gradient_tasks(); ++i) gradient_tasks_.push_back({&node, i});
  }
}

void Execution::pack_weights() {
  parallel_for(static_cast<int64_t>(pack_tasks_.size()), 4 * plan_.packed_floats, [&](int64_t i, int) {
    const Task& task = pack_tasks_[static_cast<size_t>(i)];
    task.node->node->pack(task.index, packed_.data() + task.node->packed);
  });
}

// Inference repacks kernels when they have changed. Whoever the parameters are lent to may write at any time: then
// they are compared with a copy.
bool Execution::kernel_changed(size_t node, Part part) const {
  const Weights w = plan_.nodes[node].node->weights();
  const int64_t begin = part.index * w.kernel_size / part.count, end = (part.index + 1) * w.kernel_size / part.count;
  return std::memcmp(seen_[node].data() + begin, w.kernel + begin, static_cast<size_t>(end - begin) * sizeof(float));
}

void Execution::repack(size_t node, bool keep_copy) {
  const PlannedNode& planned = plan_.nodes[node];
  if (keep_copy) {
    const Weights w = planned.node->weights();
    if (seen_[node].size() == 0) seen_[node] = Buffer<float>(w.kernel_size);
    std::copy_n(w.kernel, w.kernel_size, seen_[node].data());
  }
  for (int64_t task = 0; task < planned.node->pack_tasks(); ++task)
    planned.node->pack(task, packed_.data() + planned.packed);
}

void Execution::refresh_packed(ParameterState parameters) {
  const bool other = !packed_for(parameters);
  for (const size_t node : packed_nodes_)
    if (other || (parameters.lent && kernel_changed(node, {}))) repack(node, parameters.lent);
  if (!other) return;
  packed_version_ = parameters.version;
  copied_ = parameters.lent;
  finite_ = !parameters.lent && std::all_of(plan_.nodes.begin(), plan_.nodes.end(), [&](const PlannedNode& node) {
    const Weights w = node.node->weights();
    return plan_.kernels.all_finite(w.kernel, w.kernel_size);
  });
}

void Execution::reserve_threads(int threads) {
  while (static_cast<int>(threads_.size()) < threads)
    threads_.push_back({Buffer<float>(plan_.thread_floats), Buffer<float>(plan_.scratch_floats),
                        Buffer<uint8_t>(plan_.thread_winners)});
}

float* Execution::value(int tensor, const ThreadMemory& memory, int64_t first) const {
  const PlannedTensor& t = plan_.tensors[static_cast<size_t>(tensor)];
  return t.batch_value ? batch_.data() + t.value + first * t.size : memory.floats.data() + t.value;
}

float* Execution::grad(int tensor, const ThreadMemory& memory, int64_t first) const {
  const PlannedTensor& t = plan_.tensors[static_cast<size_t>(tensor)];
  return t.batch_grad ? batch_.data() + t.grad + first * t.size : memory.floats.data() + t.grad;
}

void Execution::load(const Images& x, const int64_t* indices, int64_t first, int64_t count, float* to) const {
  const InputPlan& in = plan_.input;
  const int64_t pitch = in.width * in.channels, row = in.used_width * in.channels;
  const bool whole_rows = pitch == row;
  const int64_t runs = whole_rows ? 1 : in.used_height, run = whole_rows ? in.used_height * row : row;
  for (int64_t n = first; n < first + count; ++n) {
    const int64_t from = (indices ? indices[n] : n) * in.sample_size();
    for (int64_t r = 0; r < runs; ++r, to += run) {
      if (x.bytes)
        plan_.kernels.rescale_u8(x.bytes + from + r * pitch, to, run, in.scale, in.offset);
      else if (in.scale != 1.0f || in.offset != 0.0f)
        plan_.kernels.rescale_f32(x.floats + from + r * pitch, to, run, in.scale, in.offset);
      else
        std::copy_n(x.floats + from + r * pitch, run, to);
    }
  }
}

// The pointers of a node to samples [first, first + count) of a slice that begins at sample `first`.
Slice Execution::slice(const PlannedNode& node, const ThreadMemory& memory, int64_t shard, int64_t first,
                       int64_t count) const {
  Slice s;
  s.first = first, s.count = count;
  s.x = value(node.input, memory, first), s.y = value(node.output, memory, first);
  s.scratch = memory.scratch.data();
  s.packed = packed_.data() + node.packed;
  if (!plan_.mode.training) return s;
  if (node.node->winner_size() > 0) s.winner = memory.winners.data() + node.winner;
  s.dx = node.input_grad ? grad(node.input, memory, first) : nullptr;
  s.dy = grad(node.output, memory, first);
  s.partial = shard_partials(shard) + node.partial;
  return s;
}

// Samples [n, n + count) of a slice.
static Slice part(Slice s, const Plan& plan, const PlannedNode& node, int64_t n, int64_t count) {
  const int64_t in = n * plan.tensors[static_cast<size_t>(node.input)].size;
  const int64_t out = n * plan.tensors[static_cast<size_t>(node.output)].size;
  s.first += n, s.count = count;
  s.x += in, s.y += out;
  if (s.dx) s.dx += in;
  if (s.dy) s.dy += out;
  if (s.winner) s.winner += n * node.node->winner_size();
  return s;
}

void Execution::forward_slice(const ThreadMemory& memory, int64_t step, int64_t first, int64_t count) const {
  for (const Segment& segment : plan_.segments) {
    const int64_t group = segment.group > 0 ? segment.group : count;
    for (int64_t n = 0; n < count; n += group) {
      for (size_t i = segment.begin; i < segment.end; ++i) {
        const PlannedNode& node = plan_.nodes[i];
        Slice s = part(slice(node, memory, 0, first, count), plan_, node, n, std::min(group, count - n));
        s.step = step;
        node.node->forward(s);
      }
    }
  }
}

void Execution::backward_slice(const ThreadMemory& memory, int64_t step, int64_t shard, int64_t first, int64_t count,
                               bool dy_of_logits) const {
  for (size_t j = plan_.segments.size(); j-- > 0;) {
    const Segment& segment = plan_.segments[j];
    const int64_t group = segment.backward_group > 0 ? segment.backward_group : count;
    for (int64_t n = 0; n < count; n += group) {
      for (size_t i = segment.end; i-- > segment.begin;) {
        const PlannedNode& node = plan_.nodes[i];
        Slice s = part(slice(node, memory, shard, first, count), plan_, node, n, std::min(group, count - n));
        s.step = step;
        s.dy_of_logits = dy_of_logits && node.output == plan_.output_tensor;
        node.node->backward(s);
      }
    }
  }
}

static Targets targets_of(const TrainBatch& batch, int64_t sample, int64_t rows, int64_t cols) {
  return {batch.y.labels ? batch.y.labels + sample * rows : nullptr,
          batch.y.values ? batch.y.values + sample * rows * cols : nullptr};
}

double Execution::loss_divisor_of(const TrainBatch& batch, const LossSpec& loss, int64_t rows) const {
  double count = 0;
  for (int64_t n = 0; n < batch.size; ++n) {
    const int64_t sample = batch.indices ? batch.indices[n] : n;
    const bool weighted = loss.reduction == Reduction::weighted_mean && batch.sample_weight;
    count += (weighted ? batch.sample_weight[sample] : 1.0) *
             row_count(loss, rows, targets_of(batch, sample, rows, 1), nullptr);
  }
  return loss_divisor(loss, count);
}

double Execution::slice_loss(const ThreadMemory& memory, const TrainBatch& batch, const BatchLoss& loss, int64_t first,
                             int64_t count) const {
  const int64_t outputs = loss.rows * loss.cols;
  const float* y = value(plan_.output_tensor, memory, first);
  float* dy = grad(plan_.output_tensor, memory, first);
  double sum = 0;
  for (int64_t n = 0; n < count; ++n, y += outputs, dy += outputs) {
    const int64_t sample = batch.indices ? batch.indices[first + n] : first + n;
    const float weight = batch.sample_weight ? batch.sample_weight[sample] : 1.0f;
    const float scale = static_cast<float>(weight / loss.divisor);
    sum += weight * loss_rows(plan_.kernels, loss.spec, loss.meaning, loss.rows, loss.cols, y,
                              targets_of(batch, sample, loss.rows, loss.cols), nullptr, scale, dy);
  }
  return sum;
}

// One part of a stage. True where its parts must all be done before the next stage begins.
bool Execution::run_stage(size_t index, const Images& x, Part part) {
  const auto shared = [&](size_t i) { return i < stages_.size() && stages_[i].shared; };
  const ThreadMemory& own = threads_[static_cast<size_t>(part.index)];
  const Stage& stage = stages_[index];
  if (index == 0) load(x, nullptr, 0, 1, value(0, own, 0));  // every thread its copy: sooner done than shared
  if (shared(index) || part.index == 0) {
    Slice s = slice(plan_.nodes[stage.node], threads_[0], 0, 0, 1);
    if (plan_.nodes[stage.node].input == 0) s.x = value(0, own, 0);
    s.scratch = own.scratch.data();
    s.common = threads_[0].scratch.data();
    s.finite_kernels = finite_;
    plan_.nodes[stage.node].node->forward_stage(s, stage.stage, shared(index) ? part : Part{});
  }
  return shared(index) || shared(index + 1);
}

// One image, on all threads if it is worth it.
void Execution::forward_one(const Images& x, float* y, ParameterState parameters) {
  const int threads = threads_for(2, plan_.flops);
  reserve_threads(most_threads_for(2, plan_.flops));
  if (!packed_for(parameters)) refresh_packed(parameters);
  std::atomic<bool> changed{false};
  const int64_t before = parameters.lent ? 2 : 0;
  parallel_stages(threads, static_cast<int64_t>(stages_.size()) + before, [&](int64_t s, int thread, int count) {
    const Part part{thread, count};
    if (s >= before) return run_stage(static_cast<size_t>(s - before), x, part);
    if (s == 0) {
      for (const size_t node : packed_nodes_)
        if (kernel_changed(node, part)) changed.store(true, std::memory_order_relaxed);
      return true;
    }
    const bool stale = changed.load(std::memory_order_relaxed);
    if (stale && thread == 0) refresh_packed(parameters);
    return stale;
  });
  std::copy_n(value(plan_.output_tensor, threads_[0], 0), plan_.tensors[static_cast<size_t>(plan_.output_tensor)].size,
              y);
}

void Execution::forward(const Images& x, float* y, ParameterState parameters) {
  if (x.samples == 1 && !stages_.empty()) return forward_one(x, y, parameters);
  const int64_t outputs = plan_.tensors[static_cast<size_t>(plan_.output_tensor)].size;
  const int64_t work = x.samples * plan_.flops;
  const int threads = threads_for(x.samples, work);
  const int64_t size = std::clamp<int64_t>((x.samples + threads - 1) / threads, 1, plan_.mode.slice);
  const int64_t slices = (x.samples + size - 1) / size;
  refresh_packed(parameters);
  reserve_threads(most_threads_for(x.samples, work));
  parallel_for_on(threads, slices, [&](int64_t task, int thread) {
    const ThreadMemory& memory = threads_[static_cast<size_t>(thread)];
    const int64_t first = task * size, count = std::min(size, x.samples - first);
    load(x, nullptr, first, count, value(0, memory, 0));
    forward_slice(memory, 0, first, count);
    std::copy_n(value(plan_.output_tensor, memory, 0), count * outputs, y + first * outputs);
  });
}

double Execution::backpropagate(const TrainBatch& batch, const LossSpec& loss, Output meaning, int64_t step,
                                float* outputs) {
  const int64_t output_size = plan_.tensors[static_cast<size_t>(plan_.output_tensor)].size;
  const int64_t cols = plan_.output_columns, rows = output_size / cols;
  const BatchLoss batch_loss{loss, meaning, rows, cols, loss_divisor_of(batch, loss, rows)};
  const int64_t work = 3 * batch.size * plan_.flops;
  const int threads = threads_for(shards_.count, work);
  reserve_threads(most_threads_for(shards_.count, work));
  pack_weights();
  parallel_for_on(threads, shards_.count, [&](int64_t shard, int thread) {
    const ThreadMemory& memory = threads_[static_cast<size_t>(thread)];
    std::fill_n(shard_partials(shard), plan_.partial_floats, 0.0f);
    double sum = 0;
    for (int64_t first = shards_.begin(shard); first < shards_.end(shard); first += plan_.mode.slice) {
      const int64_t count = std::min(plan_.mode.slice, shards_.end(shard) - first);
      load(batch.x, batch.indices, first, count, value(0, memory, first));
      forward_slice(memory, step, first, count);
      if (outputs)
        std::copy_n(value(plan_.output_tensor, memory, first), count * output_size, outputs + first * output_size);
      sum += slice_loss(memory, batch, batch_loss, first, count);
      backward_slice(memory, step, shard, first, count, meaning == Output::softmax);
    }
    shard_loss_[static_cast<size_t>(shard)] = sum;
  });
  double sum = 0;
  for (const double part : shard_loss_) sum += part;
  return sum / batch_loss.divisor;
}

bool Execution::gather_gradients() {
  const ThreadMemory unused;
  std::atomic<bool> finite{true};
  const int64_t tasks = static_cast<int64_t>(gradient_tasks_.size());
  const int64_t work = plan_.mode.batch * plan_.flops;
  const int threads = threads_for(tasks, work);
  reserve_threads(most_threads_for(tasks, work));
  parallel_for_on(threads, tasks, [&](int64_t i, int thread) {
    const Task& task = gradient_tasks_[static_cast<size_t>(i)];
    const PlannedNode& node = *task.node;
    const bool whole = node.node->batch_gradient();
    const BatchView batch{plan_.mode.batch,
                          whole ? value(node.input, unused, 0) : nullptr,
                          whole ? grad(node.output, unused, 0) : nullptr,
                          {partials_.data() + node.partial, shards_.count, plan_.partial_floats},
                          threads_[static_cast<size_t>(thread)].scratch.data()};
    const Node::Range range = node.node->gradient(task.index, batch);
    if (!plan_.kernels.all_finite(range.grads, range.size)) finite.store(false, std::memory_order_relaxed);
  });
  return finite;
}

}  // namespace cnncore
