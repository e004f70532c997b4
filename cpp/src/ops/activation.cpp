#include "cnncore/activation.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ops/activation_rows.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

constexpr std::array kActivationNames = {"linear",      "relu",        "sigmoid",     "tanh",          "softmax",
                                         "leaky_relu",  "relu6",       "elu",         "selu",          "celu",
                                         "gelu",        "gelu_tanh",   "silu",        "mish",          "hard_sigmoid",
                                         "hard_silu",   "softplus",    "softsign",    "exponential",   "log_sigmoid",
                                         "log_softmax", "hard_shrink", "soft_shrink", "tanh_shrink",   "hard_tanh",
                                         "threshold",   "squareplus",  "sparse_plus", "sparse_sigmoid"};

// How many rows a task has, so that it is worth a thread.
int64_t rows_per_task(int64_t cols) { return std::max<int64_t>(1, 16384 / std::max<int64_t>(cols, 1)); }

// Roughly how many floating-point operations an element takes.
int64_t cost(const ActivationSpec& spec) { return needs_input(spec) ? 32 : 8; }

}  // namespace

void softmax_rows_second(Activation kind, int64_t rows, int64_t cols, const SoftmaxSecond& a) {
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t at = r * cols;
    double sum = 0, along = 0, turned = 0;
    for (int64_t j = at; j < at + cols; ++j) {
      sum += a.dy[j];
      along += static_cast<double>(a.y[j]) * a.dy[j];
      turned += static_cast<double>(a.y_tangent[j]) * a.dy[j];
    }
    for (int64_t j = at; j < at + cols; ++j)
      a.dx_tangent[j] +=
          static_cast<float>(kind == Activation::softmax ? a.y_tangent[j] * (a.dy[j] - along) - a.y[j] * turned
                                                         : -std::exp(a.y[j]) * a.y_tangent[j] * sum);
  }
}

Activation parse_activation(std::string_view name) {
  if (name == "swish") return Activation::silu;
  if (name == "hard_swish") return Activation::hard_silu;
  std::string known;
  for (size_t i = 0; i < kActivationNames.size(); ++i) {
    if (name == kActivationNames[i]) return static_cast<Activation>(i);
    known += std::string(i ? ", " : "") + kActivationNames[i];
  }
  fail("[activation] expected one of ", known, ". Received: '", name, "'");
}

const char* to_string(Activation activation) { return kActivationNames[static_cast<size_t>(activation)]; }

void validate(const ActivationSpec& spec) {
  const char* kind = to_string(spec.kind);
  if (spec.kind == Activation::threshold) {
    check(std::isfinite(spec.alpha) && std::isfinite(spec.threshold),
          "[threshold] expected a threshold and a default value that are finite. Received: ", spec.threshold, " and ",
          spec.alpha);
    return;
  }
  const bool is_relu = spec.kind == Activation::relu || spec.kind == Activation::leaky_relu;
  check(std::isfinite(spec.alpha) && spec.alpha >= 0.0f, "[", kind, "] expected ",
        is_relu ? "a negative_slope" : "an alpha", " that is finite and not negative. Received: ", spec.alpha);
  check(spec.kind != Activation::celu || spec.alpha > 0.0f, "[celu] expected an alpha above 0. Received: ", spec.alpha);
  check(spec.kind != Activation::squareplus || spec.alpha > 0.0f,
        "[squareplus] expected a b above 0. Received: ", spec.alpha);
  check(spec.max_value >= 0.0f, "[", kind, "] expected a max_value of 0 or more. Received: ", spec.max_value);
  check(std::isfinite(spec.threshold) && spec.threshold >= 0.0f, "[", kind,
        "] expected a threshold that is finite and not negative. Received: ", spec.threshold);
}

void activation(const ActivationSpec& spec, int64_t rows, int64_t cols, const float* x, float* y) {
  validate(spec);
  const int64_t step = rows_per_task(cols);
  parallel_for((rows + step - 1) / step, cost(spec) * rows * cols, [&](int64_t task, int) {
    const int64_t r = task * step;
    activation_rows(kernels(), spec, std::min(step, rows - r), cols, x + r * cols, y + r * cols);
  });
}

void activation_backward(const ActivationSpec& spec, int64_t rows, int64_t cols, const float* x, const float* y,
                         const float* dy, float* dx) {
  validate(spec);
  const int64_t step = rows_per_task(cols);
  parallel_for((rows + step - 1) / step, cost(spec) * rows * cols, [&](int64_t task, int) {
    const int64_t at = task * step * cols;
    activation_rows_backward(kernels(), spec, std::min(step, rows - task * step), cols, x ? x + at : nullptr,
                             y ? y + at : nullptr, dy + at, dx + at);
  });
}

void activation_second(const ActivationSpec& spec, int64_t size, const float* x, const float* y, float* d2) {
  validate(spec);
  check(is_pointwise(spec), "[activation_second] expected a pointwise activation. Received: '", to_string(spec.kind),
        "'");
  constexpr int64_t kStep = 16384;
  parallel_for((size + kStep - 1) / kStep, cost(spec) * size, [&](int64_t task, int) {
    const int64_t at = task * kStep;
    activation_rows_second(kernels(), spec, std::min(kStep, size - at), x ? x + at : nullptr, y ? y + at : nullptr,
                           d2 + at);
  });
}

}  // namespace cnncore
