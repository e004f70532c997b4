// The names of the losses, and losses as functions of whole arrays.
#include "cnncore/loss.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "ops/loss_rows.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

constexpr std::array kLossNames = {
    "sparse_categorical_crossentropy",
    "categorical_crossentropy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_focal_crossentropy",
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "hinge",
    "squared_hinge",
    "categorical_hinge",
    "kl_divergence",
    "poisson",
    "cosine_similarity",
};
static_assert(kLossNames.size() == static_cast<size_t>(LossKind::cosine_similarity) + 1);

constexpr int64_t kTaskFloats = 4096;  // the values of a task; it does not depend on the number of threads
constexpr int64_t kFlopsPerValue = 40;

void check_labels(const LossSpec& loss, int64_t rows, int64_t cols, const Targets& targets) {
  check((loss.kind == LossKind::sparse_categorical_crossentropy) == (targets.labels != nullptr),
        "[loss] expected integer labels for sparse_categorical_crossentropy and float targets for the other losses");
  for (int64_t r = 0; targets.labels && r < rows; ++r) check_label(loss, targets.labels[r], cols);
}

Targets advanced(const Targets& targets, int64_t rows, int64_t cols) {
  return {targets.labels ? targets.labels + rows : nullptr, targets.values ? targets.values + rows * cols : nullptr};
}

// Cuts the rows into tasks, and calls task(first row, number of rows) for each. Little work runs on few threads.
template <class Task>
void for_rows(int64_t rows, int64_t cols, Task task) {
  const int64_t size = std::max<int64_t>(1, kTaskFloats / cols);
  parallel_for((rows + size - 1) / size, kFlopsPerValue * rows * cols,
               [&](int64_t i, int) { task(i * size, std::min(size, rows - i * size)); });
}

}  // namespace

LossKind parse_loss(std::string_view name) {
  for (size_t i = 0; i < kLossNames.size(); ++i)
    if (name == kLossNames[i]) return static_cast<LossKind>(i);
  std::string known;
  for (const char* other : kLossNames) known += (known.empty() ? "" : ", ") + std::string(other);
  fail("[loss] expected one of ", known, ". Received: '", name, "'");
}

const char* to_string(LossKind kind) { return kLossNames.at(static_cast<size_t>(kind)); }

void check_loss(const LossSpec& loss, int64_t cols) {
  const char* name = to_string(loss.kind);
  const auto in = [&](bool good, const char* what, double value) {
    check(good, "[", name, "] expected ", what, ". Received: ", value);
  };
  in(loss.label_smoothing >= 0 && loss.label_smoothing <= 1, "label_smoothing in [0, 1]", loss.label_smoothing);
  in(loss.delta > 0, "delta > 0", loss.delta);
  in(loss.gamma >= 0, "gamma >= 0", loss.gamma);
  in(std::isfinite(loss.alpha), "alpha to be finite", loss.alpha);
  check(cols >= 1, "[", name, "] expected predictions of at least one value. Received: ", cols);
  check(loss.class_alpha.empty() || static_cast<int64_t>(loss.class_alpha.size()) == cols, "[", name,
        "] expected one alpha for each of ", cols, " classes. Received: ", loss.class_alpha.size());
}

void loss_values(const LossSpec& loss, int64_t rows, int64_t cols, const float* y_pred, const Targets& targets,
                 double* values) {
  check_loss(loss, cols);
  check_labels(loss, rows, cols, targets);
  for_rows(rows, cols, [&](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r)
      values[r] =
          loss_rows(kernels(), loss,
                    {.rows = 1, .cols = cols, .y = y_pred + r * cols, .targets = advanced(targets, r, cols)}, nullptr);
  });
}

double reduced_loss(const LossSpec& loss, int64_t rows, int64_t cols, const float* y_pred, const Targets& targets,
                    const float* row_weight, float* dy_pred) {
  check_loss(loss, cols);
  check_labels(loss, rows, cols, targets);
  const double divisor = loss_divisor(loss, row_count(loss, rows, targets, row_weight));
  const float scale = static_cast<float>(1 / divisor);
  const int64_t size = std::max<int64_t>(1, kTaskFloats / cols);
  std::vector<double> sums(static_cast<size_t>((rows + size - 1) / size));
  for_rows(rows, cols, [&](int64_t first, int64_t count) {
    sums[static_cast<size_t>(first / size)] = loss_rows(kernels(), loss,
                                                        {.rows = count,
                                                         .cols = cols,
                                                         .y = y_pred + first * cols,
                                                         .targets = advanced(targets, first, cols),
                                                         .row_weight = row_weight ? row_weight + first : nullptr,
                                                         .scale = scale},
                                                        dy_pred ? dy_pred + first * cols : nullptr);
  });
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum / divisor;
}

double softmax_cross_entropy(int64_t batch, int64_t classes, const float* logits, const Targets& targets,
                             float* dlogits) {
  const LossKind kind = targets.labels ? LossKind::sparse_categorical_crossentropy : LossKind::categorical_crossentropy;
  return reduced_loss({.kind = kind, .from_logits = true}, batch, classes, logits, targets, nullptr, dlogits);
}

double mean_squared_error(int64_t batch, int64_t outputs, const float* y_pred, const float* y_true, float* dy_pred) {
  return reduced_loss({.kind = LossKind::mean_squared_error}, batch, outputs, y_pred, {nullptr, y_true}, nullptr,
                      dy_pred);
}

}  // namespace cnncore
