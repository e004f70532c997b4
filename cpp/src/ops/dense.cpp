// The fully connected layer: one pixel a sample in the kernels' terms.
#include "cnncore/dense.h"

#include <algorithm>
#include <numeric>

#include "ops/activation_rows.h"
#include "ops/dense_plan.h"
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

DensePlan::DensePlan(const DenseParams& params, Activation activation, int64_t samples, const Kernels& kernels)
    : params_(params), activation_(activation), samples_(std::max(samples, kSamplesPerCall)), k_(kernels) {
  validate(params);
  for (int64_t n = 0; n < samples_; ++n) {
    x_offset_.push_back(static_cast<int32_t>(n * params.features));
    y_offset_.push_back(static_cast<int32_t>(n * params.units));
  }
  term_.resize(static_cast<size_t>(std::max(params.features, params.units)));
  std::iota(term_.begin(), term_.end(), 0);
}

void DensePlan::forward(int64_t count, const float* x, const float* kernel, const float* bias, float* y) const {
  const bool relu = activation_ == Activation::relu;
  k_.gemm({x, x_offset_.data(), term_.data(), count, params_.features, params_.units, kernel, params_.units, bias, y,
           y_offset_.data(), relu});
  if (!relu) activation_rows(k_, activation_, count, params_.units, y, y);
}

void DensePlan::forward_part(int64_t part, int64_t parts, const float* x, const float* kernel, const float* bias,
                             float* y) const {
  const int64_t blocks = (params_.units + k_.width - 1) / k_.width;  // of whole vectors
  const int64_t begin = part * blocks / parts * k_.width,
                end = std::min((part + 1) * blocks / parts * k_.width, params_.units);
  if (begin >= end) return;
  k_.gemm({x, x_offset_.data(), term_.data(), 1, params_.features, end - begin, kernel + begin, params_.units,
           bias ? bias + begin : nullptr, y + begin, y_offset_.data(), activation_ == Activation::relu});
}

void DensePlan::activation_gradient(int64_t count, const float* y, float* dy) const {
  activation_rows_backward(k_, activation_, count, params_.units, y, dy, dy);
}

int64_t DensePlan::tasks() const { return (params_.features + kRowsPerTask - 1) / kRowsPerTask; }

void DensePlan::pack(int64_t task, const float* kernel, float* packed) const {
  const int64_t begin = task * kRowsPerTask, rows = std::min(kRowsPerTask, params_.features - begin);
  k_.transpose(kernel + begin * params_.units, params_.units, packed + begin, params_.features, rows, params_.units);
}

void DensePlan::backward_data(int64_t count, const float* dy, const float* packed, float* dx) const {
  k_.gemm({dy, y_offset_.data(), term_.data(), count, params_.units, params_.features, packed, params_.features,
           nullptr, dx, x_offset_.data(), false});
}

DensePlan::Range DensePlan::weights(int64_t task, int64_t batch, const float* x, const float* dy,
                                    float* dkernel) const {
  const int64_t begin = task * kRowsPerTask, rows = std::min(kRowsPerTask, params_.features - begin);
  const Range range{begin * params_.units, rows * params_.units};
  std::fill_n(dkernel + range.begin, range.size, 0.0f);
  for (int64_t n = 0; n < batch; n += samples_)
    k_.gemm_weights({x + n * params_.features + begin, x_offset_.data(), term_.data(), std::min(samples_, batch - n),
                     rows, params_.units, dy + n * params_.units, y_offset_.data(), dkernel + range.begin,
                     params_.units});
  return range;
}

void DensePlan::bias(int64_t batch, const float* dy, float* dbias) const {
  std::fill_n(dbias, params_.units, 0.0f);
  k_.sum_rows(dy, dbias, batch, params_.units);
}

void dense(const DenseParams& params, int64_t batch, const float* x, const float* kernel, const float* bias, float* y) {
  const DensePlan plan(params, Activation::linear, kSamplesPerCall, kernels());
  const int64_t work = batch * plan.flops();
  parallel_for((batch + kSamplesPerCall - 1) / kSamplesPerCall, work, [&](int64_t task, int) {
    const int64_t n = task * kSamplesPerCall;
    plan.forward(std::min(kSamplesPerCall, batch - n), x + n * params.features, kernel, bias, y + n * params.units);
  });
}

void dense_backward(const DenseParams& params, int64_t batch, const float* x, const float* kernel, const float* dy,
                    float* dx, float* dkernel, float* dbias) {
  const DensePlan plan(params, Activation::linear, kSamplesPerCall, kernels());
  const int64_t work = batch * plan.flops();
  if (dx) {
    const Buffer<float> packed(plan.packed_size());
    parallel_for(plan.tasks(), plan.packed_size(), [&](int64_t task, int) { plan.pack(task, kernel, packed.data()); });
    parallel_for((batch + kSamplesPerCall - 1) / kSamplesPerCall, work, [&](int64_t task, int) {
      const int64_t n = task * kSamplesPerCall;
      plan.backward_data(std::min(kSamplesPerCall, batch - n), dy + n * params.units, packed.data(),
                         dx + n * params.features);
    });
  }
  if (dkernel) parallel_for(plan.tasks(), work, [&](int64_t task, int) { plan.weights(task, batch, x, dy, dkernel); });
  if (dbias) plan.bias(batch, dy, dbias);
}

}  // namespace cnncore
