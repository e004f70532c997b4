#include "cnncore/loss.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/loss_rows.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"

namespace cnncore {
namespace {

double target_sum(int64_t classes, Target t) {
  double sum = 1;
  if (t.values) {
    sum = 0;
    for (int64_t j = 0; j < classes; ++j) sum += t.values[j];
  }
  return sum;
}

// sum_j t_j f(j)
template <class Function>
double weighted_sum(int64_t classes, Target t, Function f) {
  if (!t.values) return f(t.label);
  double sum = 0;
  for (int64_t j = 0; j < classes; ++j)
    if (t.values[j] != 0.0f) sum += t.values[j] * f(j);
  return sum;
}

// dy holds softmax(logits) and becomes scale * (sum(t) softmax - t).
void cross_entropy_gradient(int64_t classes, Target t, float scale, float* dy) {
  const float total = static_cast<float>(target_sum(classes, t));
  for (int64_t j = 0; j < classes; ++j) {
    const float value = t.values ? t.values[j] : j == t.label ? 1.0f : 0.0f;
    dy[j] = (dy[j] * total - value) * scale;
  }
}

double logits_row(const Kernels& k, int64_t classes, const float* y, Target t, float scale, float* dy) {
  const float top = *std::max_element(y, y + classes);
  double sum = 0;
  for (int64_t j = 0; j < classes; ++j) sum += std::exp(static_cast<double>(y[j]) - top);
  const double log_sum = std::log(sum) + top;
  if (dy) {
    k.softmax_rows(y, dy, 1, classes);
    cross_entropy_gradient(classes, t, scale, dy);
  }
  return weighted_sum(classes, t, [&](int64_t j) { return log_sum - y[j]; });
}

double softmax_row(int64_t classes, const float* y, Target t, float scale, float* dy) {
  if (dy) {
    std::copy_n(y, classes, dy);
    cross_entropy_gradient(classes, t, scale, dy);
  }
  // A probability that has underflowed costs what the least normal float does; a NaN stays one.
  constexpr double kLeast = std::numeric_limits<float>::min();
  return weighted_sum(classes, t,
                      [&](int64_t j) { return -std::log(y[j] < kLeast ? kLeast : static_cast<double>(y[j])); });
}

double probabilities_row(int64_t classes, const float* y, Target t, float scale, float* dy) {
  constexpr double kLeast = 1e-7, kMost = 1 - 1e-7;
  double sum = 0;
  for (int64_t j = 0; j < classes; ++j) sum += y[j];
  if (!std::isfinite(sum)) return std::nan("");
  const auto inside = [&](int64_t j) { return y[j] / sum > kLeast && y[j] / sum < kMost; };
  if (dy) {
    // d/dy_i of -sum_j t_j log(y_j / sum): clipped terms do not move
    const double common = weighted_sum(classes, t, [&](int64_t j) { return inside(j) ? 1 / sum : 0.0; });
    for (int64_t i = 0; i < classes; ++i) {
      const double value = t.values ? t.values[i] : i == t.label ? 1.0 : 0.0;
      dy[i] = static_cast<float>(scale * (common - (inside(i) ? value / y[i] : 0.0)));
    }
  }
  return weighted_sum(classes, t, [&](int64_t j) { return -std::log(std::min(std::max(y[j] / sum, kLeast), kMost)); });
}

double squared_error_row(int64_t outputs, const float* y, const float* values, float scale, float* dy) {
  const float factor = 2.0f * scale / static_cast<float>(outputs);
  double sum = 0;
  for (int64_t j = 0; j < outputs; ++j) {
    const double d = static_cast<double>(y[j]) - values[j];
    sum += d * d;
    if (dy) dy[j] = (y[j] - values[j]) * factor;
  }
  return sum / static_cast<double>(outputs);
}

}  // namespace

Loss parse_loss(std::string_view name) {
  if (name == "sparse_categorical_crossentropy") return Loss::sparse_categorical_crossentropy;
  if (name == "categorical_crossentropy") return Loss::categorical_crossentropy;
  if (name == "mean_squared_error") return Loss::mean_squared_error;
  fail(
      "[loss] expected one of sparse_categorical_crossentropy, categorical_crossentropy, mean_squared_error. Received: "
      "'",
      name, "'");
}

void check_label(int64_t label, int64_t classes) {
  check(label >= 0 && label < classes, "[loss] expected labels in [0, ", classes, "). Received: ", label);
}

double loss_row(const Kernels& kernels, Output meaning, int64_t outputs, const float* y, Target target, float scale,
                float* dy) {
  switch (meaning) {
    case Output::logits: return logits_row(kernels, outputs, y, target, scale, dy);
    case Output::softmax: return softmax_row(outputs, y, target, scale, dy);
    case Output::probabilities: return probabilities_row(outputs, y, target, scale, dy);
    case Output::values: break;
  }
  return squared_error_row(outputs, y, target.values, scale, dy);
}

double softmax_cross_entropy(int64_t batch, int64_t classes, const float* logits, const Targets& targets,
                             float* dlogits) {
  if (targets.labels)
    for (int64_t n = 0; n < batch; ++n) check_label(targets.labels[n], classes);
  const float scale = 1.0f / static_cast<float>(batch);
  double sum = 0;
  for (int64_t n = 0; n < batch; ++n) {
    const Target target{targets.labels ? targets.labels[n] : 0,
                        targets.values ? targets.values + n * classes : nullptr};
    sum += loss_row(kernels(), Output::logits, classes, logits + n * classes, target, scale, dlogits + n * classes);
  }
  return sum / static_cast<double>(batch);
}

double mean_squared_error(int64_t batch, int64_t outputs, const float* y_pred, const float* y_true, float* dy_pred) {
  const float scale = 1.0f / static_cast<float>(batch);
  double sum = 0;
  for (int64_t n = 0; n < batch; ++n)
    sum += loss_row(kernels(), Output::values, outputs, y_pred + n * outputs, {0, y_true + n * outputs}, scale,
                    dy_pred + n * outputs);
  return sum / static_cast<double>(batch);
}

}  // namespace cnncore
