#include "ops/loss_rows.h"

#include <limits>

#include "ops/loss_binary.h"
#include "ops/loss_crossentropy.h"
#include "ops/loss_pointwise.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

using pointwise::Point;

/// The rows of a batch, for one loss. It calls row(y, r, factor, dy) for each row that is not ignored.
struct Batch {
  const LossSpec& loss;
  int64_t rows, cols;
  const float* y;
  const Targets& targets;
  const float* row_weight;
  float scale;
  float* dy;

  bool ignored(int64_t r) const {
    return loss.ignore_class && targets.labels && targets.labels[r] == *loss.ignore_class;
  }

  template <class Row>
  double sum(const Row& row) const {
    double total = 0;
    for (int64_t r = 0; r < rows; ++r) {
      float* to = dy ? dy + r * cols : nullptr;
      if (ignored(r)) {
        if (to) std::fill_n(to, cols, 0.0f);
        continue;
      }
      const float weight = row_weight ? row_weight[r] : 1.0f;
      total += weight * row(y + r * cols, r, scale * weight, to);
    }
    return total;
  }

  // The loss of a row is the sum of f(y, t) over its values, divided by `divisor`. There are four separate sums, so
  // that an addition does not have to wait for the one before it.
  template <class Function>
  double points(double divisor, Function f) const {
    return sum([&](const float* from, int64_t r, float factor, float* to) {
      constexpr int64_t kBlock = 64;
      const float* t = targets.values + r * cols;
      const double slope = factor / divisor;
      double totals[4] = {0, 0, 0, 0};
      for (int64_t first = 0; first < cols; first += kBlock) {
        const int64_t count = std::min(kBlock, cols - first);
        double value[kBlock], slopes[kBlock];
        for (int64_t j = 0; j < count; ++j) {
          const Point point = f(static_cast<double>(from[first + j]), static_cast<double>(t[first + j]));
          value[j] = point.value, slopes[j] = slope * point.slope;
        }
        for (int64_t j = count; j % 4 != 0; ++j) value[j] = 0;
        for (int64_t j = 0; j < count; j += 4)
          for (int64_t i = 0; i < 4; ++i) totals[i] += value[j + i];
        for (int64_t j = 0; to && j < count; ++j) to[first + j] = static_cast<float>(slopes[j]);
      }
      return ((totals[0] + totals[1]) + (totals[2] + totals[3])) / divisor;
    });
  }

  template <class Function>
  double means(Function f) const {
    return points(static_cast<double>(cols), f);
  }

  // The same with label smoothing of binary targets.
  template <class Function>
  double binary_means(Function f) const {
    const double keep = 1 - loss.label_smoothing, shift = 0.5 * loss.label_smoothing;
    return means([&](double from, double t) { return f(from, t * keep + shift); });
  }
};

double binary_crossentropy(const Batch& b, Output meaning) {
  const float keep = static_cast<float>(1 - b.loss.label_smoothing);
  const float shift = static_cast<float>(0.5 * b.loss.label_smoothing);
  return b.sum([&](const float* y, int64_t r, float factor, float* dy) {
    const float* t = b.targets.values + r * b.cols;
    const float share = factor / static_cast<float>(b.cols);
    double total = 0;
    binary::Terms terms;
    for (int64_t first = 0; first < b.cols; first += binary::kBlock) {
      const int64_t count = std::min(binary::kBlock, b.cols - first);
      if (b.loss.from_logits)
        binary::logits(count, y + first, t + first, keep, shift, terms);
      else
        binary::probabilities(count, y + first, t + first, keep, shift, meaning == Output::sigmoid, terms);
      for (int64_t j = 0; j < count; ++j) total += terms.value[j];
      for (int64_t j = 0; dy && j < count; ++j) dy[first + j] = share * terms.slope[j];
    }
    return total / static_cast<double>(b.cols);
  });
}

double binary_focal_crossentropy(const Batch& b) {
  const pointwise::Focal focal{b.loss.alpha, b.loss.gamma, b.loss.class_balancing};
  if (b.loss.from_logits)
    return b.binary_means([&](double y, double t) { return pointwise::logits_focal_crossentropy(y, t, focal); });
  return b.binary_means([&](double y, double t) { return pointwise::focal_crossentropy(y, t, focal); });
}

}  // namespace

Output output_meaning(const LossSpec& loss, Activation last) {
  if (loss.from_logits) return Output::values;
  const bool classes =
      loss.kind == LossKind::sparse_categorical_crossentropy || loss.kind == LossKind::categorical_crossentropy;
  if (classes && last == Activation::softmax) return Output::softmax;
  if (loss.kind == LossKind::binary_crossentropy && last == Activation::sigmoid) return Output::sigmoid;
  return Output::values;
}

double loss_rows(const Kernels& kernels, const LossSpec& loss, const LossRows& of, float* dy) {
  const Output meaning = of.meaning;
  const int64_t cols = of.cols;
  const Targets& targets = of.targets;
  const Batch b{.loss = loss,
                .rows = of.rows,
                .cols = cols,
                .y = of.y,
                .targets = targets,
                .row_weight = of.row_weight,
                .scale = of.scale,
                .dy = dy};
  switch (loss.kind) {
    case LossKind::sparse_categorical_crossentropy:
    case LossKind::categorical_crossentropy: {
      const rows::ClassTargets t(loss, targets, cols);
      if (loss.from_logits) return b.sum(rows::LogitsCrossentropy{kernels, t});
      return b.sum(rows::ProbabilityCrossentropy{t, meaning == Output::softmax});
    }
    case LossKind::binary_crossentropy: return binary_crossentropy(b, meaning);
    case LossKind::binary_focal_crossentropy: return binary_focal_crossentropy(b);
    case LossKind::categorical_focal_crossentropy:
      return b.sum(rows::FocalCrossentropy{loss, rows::ClassTargets(loss, targets, cols)});
    case LossKind::mean_squared_error: return b.means(pointwise::squared_error);
    case LossKind::mean_absolute_error: return b.means(pointwise::absolute_error);
    case LossKind::mean_absolute_percentage_error: return b.means(pointwise::percentage_error);
    case LossKind::mean_squared_logarithmic_error: return b.means(pointwise::squared_logarithmic_error);
    case LossKind::huber: return b.means([&](double p, double t) { return pointwise::huber(p, t, loss.delta); });
    case LossKind::log_cosh: return b.means(pointwise::log_cosh);
    case LossKind::hinge: return b.means(pointwise::hinge);
    case LossKind::squared_hinge: return b.means(pointwise::squared_hinge);
    case LossKind::categorical_hinge: return b.sum(rows::CategoricalHinge{targets, cols});
    case LossKind::kl_divergence: return b.points(1, pointwise::kl_divergence);
    case LossKind::poisson: return b.means(pointwise::poisson);
    case LossKind::cosine_similarity: return b.sum(rows::CosineSimilarity{targets, cols});
  }
  fail("[loss] expected a kind of loss. Received: ", static_cast<int>(loss.kind));
}

double row_count(const LossSpec& loss, int64_t rows, const Targets& targets, const float* row_weight) {
  if (loss.reduction == Reduction::sum) return 0;
  const bool weighted = loss.reduction == Reduction::weighted_mean && row_weight;
  if (!weighted && !loss.ignore_class) return static_cast<double>(rows);
  double count = 0;
  for (int64_t r = 0; r < rows; ++r)
    if (!loss.ignore_class || !targets.labels || targets.labels[r] != *loss.ignore_class)
      count += weighted ? static_cast<double>(row_weight[r]) : 1.0;
  return count;
}

double loss_divisor(const LossSpec& loss, double count) {
  if (loss.reduction == Reduction::sum) return 1;
  return count == 0 ? std::numeric_limits<double>::infinity() : count;
}

void check_label(const LossSpec& loss, int64_t label, int64_t classes) {
  if (loss.ignore_class && label == *loss.ignore_class) return;
  check(label >= 0 && label < classes, "[loss] expected labels in [0, ", classes, "). Received: ", label);
}

}  // namespace cnncore
