#include "run/inference.h"

#include <algorithm>
#include <atomic>

#include "cnncore/runtime.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

// In floating-point operations: if a stage has fewer, waiting at its end takes longer than sharing it saves.
constexpr int64_t kWorthSharing = 1 << 17;
constexpr size_t kMostPooled = 8;             // how many memories are kept
constexpr int64_t kPiece = int64_t{1} << 31;  // floating-point operations between two checks for interrupts

// How many samples a thread takes at a time. Threads take equally many slices, and slices are about equally large.
int64_t slice_for(int64_t samples, int64_t threads, int64_t most) {
  if (threads == 1) return std::min(samples, most);
  const int64_t slices = (samples + threads * most - 1) / (threads * most) * threads;
  return (samples + slices - 1) / slices;
}

// Runs a part of a stage. If it takes long, it is divided into several smaller parts.
template <class Stopped>
void forward_in_pieces(const Step& step, const Run& run, int64_t stage, int64_t flops, Part part, Stopped stopped) {
  const int64_t work = flops / part.count;
  if (work < kPiece || !step.shared(stage)) {
    if (work < kPiece || !stopped()) step.forward_stage(run, stage, part);
    return;
  }
  const int pieces = static_cast<int>(std::min<int64_t>(work / kPiece + 1, 1024));
  for (int i = 0; i < pieces && !stopped(); ++i)
    step.forward_stage(run, stage, {part.index * pieces + i, part.count * pieces});
}

}  // namespace

/// What a call borrows: the packed parameters, which are packed again if they have changed, and a memory. It comes from
/// the pool, or is new if the pool is empty, and is put into the pool at the end of the call.
class Inference::Borrowed {
 public:
  Borrowed(Inference& owner, ParameterState parameters) : owner_(owner) {
    {
      const std::lock_guard lock(owner.mutex_);
      if (!owner.packed_ || !owner.packed_->current(owner.bound_, parameters))
        owner.packed_ = std::make_shared<PackedParameters>(owner.plan_, owner.bound_, parameters);
      packed_ = owner.packed_;
      if (!owner.pool_.empty()) {
        memory_ = std::move(owner.pool_.back());
        owner.pool_.pop_back();
      }
    }
    if (!memory_) memory_ = std::make_unique<Memory>(owner.plan_);
  }
  ~Borrowed() {
    const std::lock_guard lock(owner_.mutex_);
    if (owner_.pool_.size() < kMostPooled) owner_.pool_.push_back(std::move(memory_));
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  Memory& memory() const { return *memory_; }
  const PackedParameters& packed() const { return *packed_; }

 private:
  Inference& owner_;
  std::shared_ptr<const PackedParameters> packed_;
  std::unique_ptr<Memory> memory_;
};

Inference::Inference(std::unique_ptr<Plan> plan, std::vector<BoundSlot> bound)
    : own_plan_(std::move(plan)), plan_(*own_plan_), bound_(std::move(bound)) {
  pool_.reserve(kMostPooled);
  for (size_t n = 0; n < plan_.nodes.size(); ++n) {
    const PlannedNode& node = plan_.nodes[n];
    const int64_t work = node.step->flops();
    for (int64_t i = 0; i < node.step->stages(); ++i)
      stages_.push_back({n, i, work, node.step->shared(i) && work >= kWorthSharing});
  }
  // Threads wait before and after a shared stage. So between two of them, sharing a small stage costs no wait.
  for (size_t i = 1; i + 1 < stages_.size(); ++i)
    if (stages_[i - 1].shared && stages_[i + 1].shared)
      stages_[i].shared = plan_.nodes[stages_[i].node].step->shared(stages_[i].stage);
}

void Inference::reserve_threads(Memory& memory, int threads) const {
  while (static_cast<int>(memory.stages.size()) < threads) {
    if (memory.threads.size() == memory.stages.size()) memory.threads.push_back(std::make_unique<ThreadMemory>(plan_));
    memory.stages.push_back(stage_runs(memory, *memory.threads.back()));
  }
}

// Values are in the memory of the first thread, except for the inputs, of which each thread has a copy.
std::vector<Inference::StageRun> Inference::stage_runs(Memory& memory, ThreadMemory& own) const {
  ThreadMemory& first = *memory.threads[0];
  const Slices own_slices(plan_, own, memory.batch, nullptr), slices(plan_, first, memory.batch, nullptr);
  const auto is_input = [&](int tensor) {
    return std::any_of(plan_.inputs.begin(), plan_.inputs.end(),
                       [&](const PlannedInput& in) { return in.tensor == tensor; });
  };
  std::vector<StageRun> runs;
  for (const Stage& stage : stages_) {
    const PlannedNode& node = plan_.nodes[stage.node];
    StageRun prepared;
    for (const int t : node.inputs) prepared.x.push_back((is_input(t) ? own_slices : slices).value(t, 0));
    prepared.run.count = 1, prepared.run.x = prepared.x.data(), prepared.run.y = slices.value(node.output, 0);
    prepared.run.batch = memory.batch.floats.data() + node.batch;
    prepared.run.scratch = own.scratch.data(), prepared.run.common = first.scratch.data();
    runs.push_back(std::move(prepared));
  }
  return runs;
}

void Inference::copy_outputs(const Slices& slices, int64_t first, int64_t count, int64_t to,
                             std::span<float* const> y) const {
  for (size_t o = 0; o < plan_.outputs.size(); ++o) {
    const PlannedOutput& output = plan_.outputs[o];
    std::copy_n(slices.value(output.tensor, first), count * output.size, y[o] + to * output.size);
  }
}

void Inference::forward(std::span<const Images> x, std::span<float* const> y, ParameterState parameters, int64_t call) {
  const Borrowed borrowed(*this, parameters);
  const PackedParameters& packed = borrowed.packed();
  Memory& memory = borrowed.memory();
  if (plan_.phases.size() > 1) return forward_phases(x, y, packed, memory, call);
  if (x[0].samples == 1 && !stages_.empty()) return forward_one(x, y, packed, memory, call);
  forward_many(x, y, packed, memory, call);
}

// Runs one part of a stage. Returns true if all parts must be done before the next stage begins.
bool Inference::run_stage(size_t index, std::span<const Images> x, Part part, const PackedParameters& packed,
                          Memory& memory, int64_t call, InterruptWatch& watch) {
  const auto shared = [&](size_t i) { return i < stages_.size() && stages_[i].shared; };
  const size_t thread = static_cast<size_t>(part.index);
  // each thread has a copy of the input, which is faster than sharing it
  if (index == 0) Slices(plan_, *memory.threads[thread], memory.batch, nullptr).load(x, nullptr, {0, 1});
  if (shared(index) || part.index == 0) {
    const Stage& stage = stages_[index];
    const PlannedNode& node = plan_.nodes[stage.node];
    Run& run = memory.stages[thread][index].run;  // this call and this thread alone use it
    run.packed = packed.data() + node.packed, run.finite_kernels = packed.finite(), run.training_step = call;
    forward_in_pieces(*node.step, run, stage.stage, stage.work, shared(index) ? part : Part{},
                      [&] { return watch.stopped(part.index); });
  }
  return shared(index) || shared(index + 1);
}

// One sample. All threads share the work if that is faster.
void Inference::forward_one(std::span<const Images> x, std::span<float* const> y, const PackedParameters& packed,
                            Memory& memory, int64_t call) {
  const int threads = threads_for(2, plan_.flops);
  reserve_threads(memory, most_threads_for(2, plan_.flops));
  InterruptWatch watch;
  parallel_stages(threads, static_cast<int64_t>(stages_.size()), [&](int64_t s, int thread, int count) {
    return run_stage(static_cast<size_t>(s), x, {thread, count}, packed, memory, call, watch);
  });
  watch.finish();
  copy_outputs(Slices(plan_, *memory.threads[0], memory.batch, packed.data()), 0, 1, 0, y);
}

void Inference::forward_many(std::span<const Images> x, std::span<float* const> y, const PackedParameters& packed,
                             Memory& memory, int64_t call) {
  const int64_t samples = x[0].samples, work = samples * plan_.flops;
  const int threads = threads_for(samples, work);
  const int64_t size = slice_for(samples, threads, plan_.mode.slice), slices = (samples + size - 1) / size;
  reserve_threads(memory, most_threads_for(samples, work));
  InterruptWatch watch;
  parallel_for_on(threads, slices, [&](int64_t task, int thread) {
    if (watch.stopped(thread)) return;
    Slices own(plan_, *memory.threads[static_cast<size_t>(thread)], memory.batch, packed.data());
    own.watch(watch, thread);
    own.finite_kernels(packed.finite());
    const int64_t first = task * size, count = std::min(size, samples - first);
    own.load(x, nullptr, {first, count});
    own.forward(plan_.phases[0], {.first = first, .count = count, .training_step = call}, nullptr);
    copy_outputs(own, first, count, first, y);
  });
  watch.finish();
}

void Inference::join(size_t n, int64_t samples, Memory& memory) const {
  const PlannedNode& node = plan_.nodes[n];
  const Slices slices(plan_, *memory.threads[0], memory.batch, nullptr);
  BatchView view{samples,
                 {},
                 slices.value(node.output, 0),
                 nullptr,
                 {},
                 memory.batch.floats.data() + node.batch,
                 memory.threads[0]->scratch.data()};
  for (const int t : node.inputs) view.x.push_back(slices.value(t, 0));
  node.step->join(view);
}

// For networks with steps that need many samples at a time: as many samples as the batch of the plan go through all
// phases together.
void Inference::forward_phases(std::span<const Images> x, std::span<float* const> y, const PackedParameters& packed,
                               Memory& memory, int64_t call) {
  const int64_t samples = x[0].samples;
  InterruptWatch watch;
  for (int64_t begin = 0; begin < samples; begin += plan_.mode.batch) {
    const int64_t batch = std::min(plan_.mode.batch, samples - begin), size = plan_.mode.slice;
    std::vector<Images> part(x.begin(), x.end());
    for (size_t i = 0; i < x.size(); ++i) {
      const int64_t skip = begin * plan_.inputs[i].sample_size;
      if (part[i].bytes) part[i].bytes += skip;
      if (part[i].floats) part[i].floats += skip;
    }
    const int64_t slices = (batch + size - 1) / size, work = batch * plan_.flops;
    const int threads = threads_for(slices, work);
    reserve_threads(memory, std::max(1, most_threads_for(slices, work)));
    for (size_t p = 0; p < plan_.phases.size(); ++p) {
      parallel_for_on(threads, slices, [&](int64_t task, int thread) {
        if (watch.stopped(thread)) return;
        Slices own(plan_, *memory.threads[static_cast<size_t>(thread)], memory.batch, packed.data());
        own.watch(watch, thread);
        own.finite_kernels(packed.finite());
        const SliceOf slice{
            .first = task * size, .count = std::min(size, batch - task * size), .training_step = call + begin};
        if (p == 0) own.load(part, nullptr, slice);
        own.forward(plan_.phases[p], slice, nullptr);
        if (p + 1 == plan_.phases.size()) copy_outputs(own, slice.first, slice.count, begin + slice.first, y);
      });
      watch.finish();
      for (const size_t n : plan_.phases[p].joins) join(n, batch, memory);
    }
  }
}

}  // namespace cnncore
