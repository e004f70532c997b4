// The fully connected layer: one pixel a sample in the kernels' terms.
#include "cnncore/dense.h"

#include <algorithm>
#include <array>
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
constexpr int64_t kFeaturesPerPiece = 64, kMostPieces = 8;

}  // namespace

void validate(const DenseParams& p) {
  check_sizes("[dense] ", {{"features", p.features}, {"units", p.units}}, 1);
  check_image_fits("[dense] ", kSamplesPerCall, 1, std::max(p.features, p.units), "samples");
  check_image_fits("[dense] ", p.features, 1, p.units, "a kernel");
}

DensePlan::DensePlan(const DenseParams& params, const DenseFusion& fusion, int64_t samples, const Kernels& kernels)
    : params_(params),
      fusion_(fusion),
      samples_(std::max(samples, kSamplesPerCall)),
      pieces_(std::clamp<int64_t>(params.features / kFeaturesPerPiece, 1, kMostPieces)),
      k_(kernels) {
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
  const int64_t alone = 2 * list_size() + pieces_ * piece_size();
  return reduced() ? std::max(alone, samples_ * params_.features) : alone;
}

// x and the kernel as the product sees them.
void DensePlan::operands(int64_t count, DenseRun& run) const {
  if (!reduced()) return;
  round_operand(k_, params_.precision, run.x, run.scratch, count * params_.features);
  run.x = run.scratch;
  run.kernel = run.packed;
}

void DensePlan::begin_sum(const float* bias, float* y) const {
  bias ? std::copy_n(bias, params_.units, y) : std::fill_n(y, params_.units, 0.0f);
}

void DensePlan::forward(int64_t count, DenseRun run) const {
  const bool relu = fusion_.activation == Activation::relu;
  if (tiled_) {
    tiled_->forward(count, 0, params_.units, run.x, run.packed, run.bias, run.y, relu, run.scratch);
  } else {
    operands(count, run);
    for (int64_t n = 0; n < count; ++n) begin_sum(run.bias, run.y + n * params_.units);
    for (int64_t i = 0; i < pieces_; ++i) {
      const int64_t begin = piece_begin(i), depth = piece_begin(i + 1) - begin;
      GemmArgs a{run.x + begin,
                 x_offset_.data(),
                 term_.data(),
                 count,
                 depth,
                 params_.units,
                 run.kernel + begin * params_.units,
                 params_.units,
                 nullptr,
                 run.y,
                 y_offset_.data(),
                 relu && i + 1 == pieces_};
      a.accumulate = true;
      k_.gemm(a);
    }
  }
  if (!relu) activation_rows(k_, fusion_.activation, count, params_.units, run.y, run.y);
}

void DensePlan::forward_part(int64_t part, int64_t parts, DenseRun run, float* common) const {
  if (tiled_) {
    const int64_t blocks = (params_.units + kTileRows - 1) / kTileRows;
    const int64_t begin = part * blocks / parts * kTileRows,
                  end = std::min((part + 1) * blocks / parts * kTileRows, params_.units);
    if (begin < end)
      tiled_->forward(1, begin, end, run.x, run.packed, run.bias, run.y, fusion_.activation == Activation::relu,
                      run.scratch);
    return;
  }
  float* value = run.scratch;
  int32_t* row = reinterpret_cast<int32_t*>(run.scratch + list_size());
  int64_t terms = params_.features;
  if (run.finite_kernel) {
    terms = k_.nonzeros({run.x, params_.features, value, row});
  } else {
    std::copy_n(run.x, terms, value);
    std::copy_n(term_.data(), terms, row);
  }
  if (reduced()) round_operand(k_, params_.precision, value, value, terms);
  std::array<int64_t, kMostPieces + 1> bound;
  for (int64_t i = 0; i <= pieces_; ++i)
    bound[static_cast<size_t>(i)] = std::lower_bound(row, row + terms, piece_begin(i)) - row;
  // Pieces belong to the part in whose share of the terms their middle lies.
  const auto first_piece = [&](int64_t of) {
    int64_t i = 0;
    while (i < pieces_ && (bound[static_cast<size_t>(i)] + bound[static_cast<size_t>(i + 1)]) * parts < 2 * terms * of)
      ++i;
    return of == parts ? pieces_ : i;
  };
  const int64_t begin = first_piece(part), end = first_piece(part + 1);
  k_.gemv({value, row, bound.data() + begin, end - begin, params_.units, reduced() ? run.packed : run.kernel,
           params_.units, common + 2 * list_size() + begin * piece_size(), piece_size()});
}

void DensePlan::join_parts(DenseRun run, const float* common) const {
  if (!tiled_) {
    begin_sum(run.bias, run.y);
    for (int64_t i = 0; i < pieces_; ++i)
      k_.accumulate(common + 2 * list_size() + i * piece_size(), run.y, params_.units);
  }
  if (!tiled_ || fusion_.activation != Activation::relu)
    activation_rows(k_, fusion_.activation, 1, params_.units, run.y, run.y);
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
