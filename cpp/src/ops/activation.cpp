#include "cnncore/activation.h"

#include <algorithm>
#include <array>

#include "ops/activation_rows.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

constexpr std::array kNames = {"linear", "relu", "sigmoid", "tanh", "softmax"};

// Rows that make a task worth a thread.
int64_t rows_per_task(int64_t cols) { return std::max<int64_t>(1, 16384 / std::max<int64_t>(cols, 1)); }

}  // namespace

Activation parse_activation(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i)
    if (name == kNames[i]) return static_cast<Activation>(i);
  fail("[activation] expected one of linear, relu, sigmoid, tanh, softmax. Received: '", name, "'");
}

const char* to_string(Activation activation) { return kNames[static_cast<size_t>(activation)]; }

void activation(Activation kind, int64_t rows, int64_t cols, const float* x, float* y) {
  const int64_t step = rows_per_task(cols);
  parallel_for((rows + step - 1) / step, 8 * rows * cols, [&](int64_t task, int) {
    const int64_t r = task * step;
    activation_rows(kernels(), kind, std::min(step, rows - r), cols, x + r * cols, y + r * cols);
  });
}

void activation_backward(Activation kind, int64_t rows, int64_t cols, const float* y, const float* dy, float* dx) {
  const int64_t step = rows_per_task(cols);
  parallel_for((rows + step - 1) / step, 8 * rows * cols, [&](int64_t task, int) {
    const int64_t r = task * step;
    activation_rows_backward(kernels(), kind, std::min(step, rows - r), cols, y + r * cols, dy + r * cols,
                             dx + r * cols);
  });
}

}  // namespace cnncore
