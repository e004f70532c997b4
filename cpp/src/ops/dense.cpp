// The fully connected layer: one pixel a sample in the kernels' terms.
#include "cnncore/dense.h"

#include <algorithm>
#include <numeric>

#include "ops/activation_rows.h"
#include "ops/dense_plan.h"
#include "ops/rounding.h"
#include "ops/validate.h"
#include "runtime/buffer.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

constexpr int64_t kRowsPerTask = 48;  // of the kernel: a multiple of every kernel's block of rows
constexpr int64_t kSamplesPerCall = 64;

void validate(const DenseParams& p) {
  check_sizes("[dense] ", {{"features", p.features}, {"units", p.units}}, 1);
  check_image_fits("[dense] ", kSamplesPerCall, 1, std::max(p.features, p.units));
  check_image_fits("[dense] ", p.features, 1, p.units);
}

}  // namespace

DensePlan::DensePlan(const DenseParams& params, const DenseFusion& fusion, int64_t samples, const Kernels& kernels)
    : params_(params), fusion_(fusion), samples_(std::max(samples, kSamplesPerCall)), k_(kernels) {
  validate(params);
  params_.precision = used_precision(params);
  for (int64_t n = 0; n < samples_; ++n) {
    x_offset_.push_back(static_cast<int32_t>(n * params.features));
    y_offset_.push_back(static_cast<int32_t>(n * params.units));
  }
  term_.resize(static_cast<size_t>(std::max(params.features, params.units)));
  std::iota(term_.begin(), term_.end(), 0);
  if (TiledDense::applies(params_, k_)) tiled_.emplace(params_, samples_, fusion.input_grad, k_);
}

int64_t DensePlan::scratch_size() const {
  if (tiled_) return tiled_->scratch_size();
  return reduced() ? samples_ * params_.features : 0;
}

// x and the kernel as the product sees them.
void DensePlan::operands(int64_t count, DenseRun& run) const {
  if (!reduced()) return;
  round_operand(k_, params_.precision, run.x, run.scratch, count * params_.features);
  run.x = run.scratch;
  run.kernel = run.packed;
}

// Columns [begin, end) of y, but for activations that are no relu.
void DensePlan::run_columns(int64_t count, int64_t begin, int64_t end, DenseRun run) const {
  const bool relu = fusion_.activation == Activation::relu;
  if (tiled_) return tiled_->forward(count, begin, end, run.x, run.packed, run.bias, run.y, relu, run.scratch);
  operands(count, run);
  k_.gemm({run.x, x_offset_.data(), term_.data(), count, params_.features, end - begin, run.kernel + begin,
           params_.units, run.bias ? run.bias + begin : nullptr, run.y + begin, y_offset_.data(), relu});
}

void DensePlan::forward(int64_t count, DenseRun run) const {
  run_columns(count, 0, params_.units, run);
  if (fusion_.activation != Activation::relu)
    activation_rows(k_, fusion_.activation, count, params_.units, run.y, run.y);
}

void DensePlan::forward_part(int64_t part, int64_t parts, DenseRun run) const {
  const int64_t block = tiled_ ? kTileRows : k_.width;
  const int64_t blocks = (params_.units + block - 1) / block;
  const int64_t begin = part * blocks / parts * block,
                end = std::min((part + 1) * blocks / parts * block, params_.units);
  if (begin < end) run_columns(1, begin, end, run);
}

void DensePlan::activation_gradient(int64_t count, const float* y, float* dy) const {
  if (y) activation_rows_backward(k_, fusion_.activation, count, params_.units, y, dy, dy);
  if (reduced() && !tiled_) round_operand(k_, params_.precision, dy, dy, count * params_.units);
}

int64_t DensePlan::packed_size() const {
  return tiled_ ? tiled_->packed_size() : kernel_size() * (reduced() + fusion_.input_grad);
}

int64_t DensePlan::tasks() const {
  return tiled_ ? tiled_->tasks() : (params_.features + kRowsPerTask - 1) / kRowsPerTask;
}

void DensePlan::pack(int64_t task, const float* kernel, float* packed) const {
  if (tiled_) return tiled_->pack(task, kernel, packed);
  const int64_t begin = task * kRowsPerTask, rows = std::min(kRowsPerTask, params_.features - begin);
  const float* from = kernel + begin * params_.units;
  if (reduced()) {
    float* rounded = packed + begin * params_.units;
    round_operand(k_, params_.precision, from, rounded, rows * params_.units);
    from = rounded;
    packed += kernel_size();
  }
  if (fusion_.input_grad) k_.transpose(from, params_.units, packed + begin, params_.features, rows, params_.units);
}

void DensePlan::backward_data(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const {
  if (tiled_) return tiled_->backward_data(count, dy, packed, dx, scratch);
  if (reduced()) packed += kernel_size();
  k_.gemm({dy, y_offset_.data(), term_.data(), count, params_.units, params_.features, packed, params_.features,
           nullptr, dx, x_offset_.data(), false});
}

DensePlan::Range DensePlan::weights(int64_t task, int64_t batch, const float* x, const float* dy, float* dkernel,
                                    float* scratch) const {
  if (tiled_) {
    tiled_->weights(task, batch, x, dy, dkernel, scratch);
    return {tiled_->task_begin(task) * params_.units, tiled_->task_rows(task) * params_.units};
  }
  const int64_t begin = task * kRowsPerTask, rows = std::min(kRowsPerTask, params_.features - begin);
  const Range range{begin * params_.units, rows * params_.units};
  std::fill_n(dkernel + range.begin, range.size, 0.0f);
  x += begin;
  for (int64_t n = 0; n < batch; n += samples_, x += samples_ * params_.features) {
    const int64_t count = std::min(samples_, batch - n);
    const float* operand = x;
    if (reduced()) {
      for (int64_t i = 0; i < count; ++i)
        round_operand(k_, params_.precision, x + i * params_.features, scratch + i * params_.features, rows);
      operand = scratch;
    }
    k_.gemm_weights({operand, x_offset_.data(), term_.data(), count, rows, params_.units, dy + n * params_.units,
                     y_offset_.data(), dkernel + range.begin, params_.units});
  }
  return range;
}

void DensePlan::bias(int64_t batch, const float* dy, float* dbias) const {
  std::fill_n(dbias, params_.units, 0.0f);
  k_.sum_rows(dy, dbias, batch, params_.units);
}

namespace {

// What a stateless call lends to a plan.
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
  parallel_for_on(threads, tasks, [&](int64_t task, int thread) {
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
  Buffer<float> rounded;
  if (used_precision(params) != Precision::float32) {
    rounded = Buffer<float>(batch * params.units);
    std::copy_n(dy, rounded.size(), rounded.data());
    plan.activation_gradient(batch, nullptr, rounded.data());
    dy = rounded.data();
  }
  if (dx) {
    parallel_for_on(threads, tasks, [&](int64_t task, int thread) {
      const int64_t n = task * kSamplesPerCall;
      plan.backward_data(std::min(kSamplesPerCall, batch - n), dy + n * params.units, memory.packed.data(),
                         dx + n * params.features, memory.lent(thread));
    });
  }
  if (dkernel)
    parallel_for_on(threads, plan.tasks(),
                    [&](int64_t task, int thread) { plan.weights(task, batch, x, dy, dkernel, memory.lent(thread)); });
  if (dbias) plan.bias(batch, dy, dbias);
}

}  // namespace cnncore
