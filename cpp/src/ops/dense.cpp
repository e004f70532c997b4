// The fully connected layer: the choice of its algorithm, and the layer as a function of arrays.
#include "cnncore/dense.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "ops/activation_rows.h"
#include "ops/dense_plan.h"
#include "ops/rounding.h"
#include "ops/validate.h"
#include "runtime/buffer.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/interrupt.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

constexpr int64_t kSamplesPerCall = 64;

constexpr const DenseCandidate* kCandidates[] = {&kTilesDense, &kDirectDense};

// The fastest candidate that applies, or the one that a test names.
const DenseCandidate& choose(const DenseProblem& problem, const Kernels& kernels, const char* forced) {
  const DenseCandidate* best = &kDirectDense;
  for (const DenseCandidate* candidate : kCandidates) {
    const double speed = candidate->speed(problem, kernels);
    if (forced && !std::strcmp(forced, candidate->name)) {
      check(speed > 0, "[dense] expected an algorithm that applies to this layer. Received: ", forced);
      return *candidate;
    }
    if (speed > best->speed(problem, kernels)) best = candidate;
  }
  check(!forced, "[dense] expected the name of an algorithm. Received: ", forced ? forced : "");
  return *best;
}

DenseProblem problem_of(const DenseParams& params, const DenseFusion& fusion, int64_t samples) {
  validate(params);
  DenseProblem problem{params, fusion, std::max(samples, kSamplesPerCall)};
  problem.params.precision = used_precision(params);
  // Tables of 32-bit offsets must reach all samples of a call. The factor 2 is there because a bfloat16 operand may
  // consist of two arrays, one after the other.
  const int64_t most = std::numeric_limits<int32_t>::max() / (2 * std::max(params.features, params.units));
  problem.samples = std::clamp<int64_t>(most, kSamplesPerCall, problem.samples);
  return problem;
}

}  // namespace

std::span<const DenseCandidate* const> dense_candidates() { return kCandidates; }

void validate(const DenseParams& p) {
  check_sizes("[dense] ", {{"features", p.features}, {"units", p.units}}, 1);
  check_image_fits("[dense] ", kSamplesPerCall, 1, std::max(p.features, p.units), "samples");
  check_image_fits("[dense] ", p.features, 1, p.units, "a kernel");
}

DensePlan::DensePlan(const DenseParams& params, const DenseFusion& fusion, int64_t samples, const Kernels& kernels,
                     const char* forced)
    : problem_(problem_of(params, fusion, samples)), k_(kernels) {
  const DenseCandidate& candidate = choose(problem_, kernels, forced);
  name_ = candidate.name;
  algorithm_ = candidate.make(problem_, kernels);
}

// Applies the activation, unless it is a relu, which the algorithm applies itself.
void DensePlan::finish(int64_t count, float* y) const {
  if (!problem_.relu()) activation_rows(k_, problem_.fusion.activation, count, problem_.params.units, y, y);
}

void DensePlan::forward(int64_t count, DenseRun r) const {
  float* y = r.y;
  for (int64_t n = 0; n < count; n += problem_.samples) {
    algorithm_->forward(std::min(problem_.samples, count - n), r);
    r.x += problem_.samples * problem_.params.features, r.y += problem_.samples * problem_.params.units;
  }
  finish(count, y);
}

void DensePlan::forward_part(int64_t part, int64_t parts, DenseRun r, float* common) const {
  algorithm_->forward_part(part, parts, r, common);
}

void DensePlan::join_parts(DenseRun r, const float* common) const {
  algorithm_->join_parts(r, common);
  finish(1, r.y);
}

void DensePlan::activation_gradient(int64_t count, const float* y, float* dy) const {
  if (!y) return;
  const int64_t units = problem_.params.units;
  activation_rows_backward(k_, problem_.fusion.activation, count, units, y, dy, dy);
}

void DensePlan::backward_data(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const {
  for (int64_t n = 0; n < count; n += problem_.samples)
    algorithm_->backward_data(std::min(problem_.samples, count - n), dy + n * problem_.params.units, packed,
                              dx + n * problem_.params.features, scratch);
}

void DensePlan::bias(int64_t batch, const float* dy, float* dbias) const {
  std::fill_n(dbias, problem_.params.units, 0.0f);
  k_.sum_rows(dy, dbias, batch, problem_.params.units);
}

namespace {

// The memory that a plan needs during one call of a function of arrays.
struct DenseMemory {
  DenseMemory(const DensePlan& plan, int threads, const float* kernel)
      : scratch_size(aligned_count<float>(plan.scratch_size())),
        scratch(scratch_size * threads),
        packed(plan.packed_size()) {
    if (plan.packed_size() > 0)
      parallel_for(plan.tasks(), plan.packed_size(),
                   [&](int64_t task, int) { plan.pack(task, kernel, packed.data()); });
  }
  float* lent(int thread) const { return scratch.data() + thread * scratch_size; }

  int64_t scratch_size;
  Buffer<float> scratch, packed;
};

}  // namespace

void dense(const DenseParams& params, int64_t batch, const float* x, const float* kernel, const float* bias, float* y) {
  const DensePlan plan(params, {.input_grad = false}, kSamplesPerCall, kernels());
  const int64_t tasks = (batch + kSamplesPerCall - 1) / kSamplesPerCall;
  const int threads = threads_for(tasks, batch * plan.flops());
  const DenseMemory memory(plan, threads, kernel);
  interruptible_for_on(threads, tasks, [&](int64_t task, int thread) {
    const int64_t n = task * kSamplesPerCall;
    plan.forward(std::min(kSamplesPerCall, batch - n), {x + n * params.features, kernel, memory.packed.data(), bias,
                                                        y + n * params.units, memory.lent(thread)});
  });
}

void dense_backward(const DenseParams& params, int64_t batch, const float* x, const float* kernel, const float* dy,
                    float* dx, float* dkernel, float* dbias) {
  const DensePlan plan(params, {.input_grad = dx != nullptr}, kSamplesPerCall, kernels());
  const int64_t work = batch * plan.flops(), tasks = (batch + kSamplesPerCall - 1) / kSamplesPerCall;
  const int threads = threads_for(std::max(tasks, plan.tasks()), work);
  const DenseMemory memory(plan, threads, kernel);
  if (dx) {
    interruptible_for_on(threads, tasks, [&](int64_t task, int thread) {
      const int64_t n = task * kSamplesPerCall;
      plan.backward_data(std::min(kSamplesPerCall, batch - n), dy + n * params.units, memory.packed.data(),
                         dx + n * params.features, memory.lent(thread));
    });
  }
  if (dkernel)
    interruptible_for_on(threads, plan.tasks(), [&](int64_t task, int thread) {
      plan.weights(task, batch, x, dy, dkernel, memory.lent(thread));
    });
  if (dbias) plan.bias(batch, dy, dbias);
}

}  // namespace cnncore
