// Losses that depend on a whole row: crossentropies of classes, categorical hinge and cosine similarity. Each is a
// function object that takes (y, r, factor, dy) and returns the loss of row r. If dy is not null, it writes factor
// times the gradient there.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/loss_pointwise.h"
#include "ops/loss_rows.h"

namespace cnncore::rows {

/// The targets of the classes of row r, with label smoothing s: t (1 - s) + s / cols.
struct ClassTargets {
  const Targets& targets;
  int64_t cols;
  double keep, spread;

  ClassTargets(const LossSpec& loss, const Targets& t, int64_t classes)
      : targets(t),
        cols(classes),
        keep(1 - loss.label_smoothing),
        spread(loss.label_smoothing / static_cast<double>(classes)) {}

  bool one_class() const { return targets.labels && spread == 0; }

  double at(int64_t r, int64_t j) const {
    const double t = targets.labels ? static_cast<double>(targets.labels[r] == j) : targets.values[r * cols + j];
    return t * keep + spread;
  }

  /// sum_j t_j f(j). f is not called for classes whose target is zero.
  template <class Function>
  double sum(int64_t r, Function f) const {
    if (one_class()) return f(targets.labels[r]);
    double total = 0;
    for (int64_t j = 0; j < cols; ++j)
      if (const double t = at(r, j); t != 0) total += t * f(j);
    return total;
  }
};

inline double log_sum_exp(const float* y, int64_t cols) {
  const double top = *std::max_element(y, y + cols);
  double sum = 0;
  for (int64_t j = 0; j < cols; ++j) sum += std::exp(y[j] - top);
  return std::log(sum) + top;
}

/// dy holds softmax(logits), and is replaced by factor * (sum(t) softmax - t). A label and the row that encodes it
/// one-hot give the same bits.
inline void softmax_crossentropy_gradient(const ClassTargets& t, int64_t r, float factor, float* dy) {
  if (t.one_class()) {
    dy[t.targets.labels[r]] -= 1;
    for (int64_t j = 0; j < t.cols; ++j) dy[j] *= factor;
    return;
  }
  const float total = static_cast<float>(t.sum(r, [](int64_t) { return 1.0; }));
  for (int64_t j = 0; j < t.cols; ++j) dy[j] = (dy[j] * total - static_cast<float>(t.at(r, j))) * factor;
}

struct LogitsCrossentropy {
  const Kernels& kernels;
  ClassTargets t;

  double operator()(const float* y, int64_t r, float factor, float* dy) const {
    if (dy) {
      kernels.softmax_rows(y, dy, 1, t.cols);
      softmax_crossentropy_gradient(t, r, factor, dy);
    }
    const double log_sum = log_sum_exp(y, t.cols);
    return t.sum(r, [&](int64_t j) { return log_sum - y[j]; });
  }
};

/// The crossentropy of probabilities, which are divided by their sum and then clipped. With `fused`, a softmax has made
/// them, and dy is the gradient of the input of that softmax.
struct ProbabilityCrossentropy {
  ClassTargets t;
  bool fused;

  double operator()(const float* y, int64_t r, float factor, float* dy) const {
    double sum = 0;
    for (int64_t j = 0; j < t.cols; ++j) sum += y[j];
    if (!std::isfinite(sum)) return std::nan("");
    if (dy && fused) {
      std::copy_n(y, t.cols, dy);
      softmax_crossentropy_gradient(t, r, factor, dy);
    } else if (dy) {
      gradient(y, r, 1 / sum, factor, dy);
    }
    const double share = 1 / sum;
    return t.sum(r, [&](int64_t j) { return -std::log(pointwise::clip(y[j] * share)); });
  }

  // The derivative of -sum_j t_j log(y_j / sum) by y_i. Probabilities that are clipped count as constants.
  void gradient(const float* y, int64_t r, double share, float factor, float* dy) const {
    const auto moves = [&](int64_t j) { return pointwise::inside(y[j] * share); };
    const double common = t.sum(r, [&](int64_t j) { return moves(j) ? share : 0.0; });
    for (int64_t i = 0; i < t.cols; ++i)
      dy[i] = static_cast<float>(factor * (common - (moves(i) ? t.at(r, i) / y[i] : 0.0)));
  }
};

/// -sum_j alpha_j (1 - p_j)^gamma t_j log(p_j), where p = y / sum(y), clipped. With from_logits, softmax(y) takes the
/// place of y.
struct FocalCrossentropy {
  const LossSpec& loss;
  ClassTargets t;

  double operator()(const float* y, int64_t r, float factor, float* dy) const {
    double scale = 0, shift = 0;  // p_j = y_j * scale, or exp(y_j - shift)
    if (loss.from_logits) {
      shift = log_sum_exp(y, t.cols);
    } else {
      for (int64_t j = 0; j < t.cols; ++j) scale += y[j];
      scale = 1 / scale;
    }
    const auto probability = [&](int64_t j) { return loss.from_logits ? std::exp(y[j] - shift) : y[j] * scale; };
    double value = 0, common = 0;
    for (int64_t j = 0; j < t.cols; ++j) {
      const double p = probability(j);
      const pointwise::Point point = term(p, r, j);
      value += point.value;
      common += point.slope * p;
    }
    if (!std::isfinite(value)) return std::nan("");
    for (int64_t j = 0; dy && j < t.cols; ++j) {
      const double p = probability(j), slope = term(p, r, j).slope - common;
      dy[j] = static_cast<float>(factor * slope * (loss.from_logits ? p : scale));
    }
    return value;
  }

  // The term of class j, and its derivative by p.
  pointwise::Point term(double probability, int64_t r, int64_t j) const {
    const double target = t.at(r, j);
    if (target == 0) return {0, 0};
    const double p = pointwise::clip(probability), log_p = std::log(p), rest = std::pow(1 - p, loss.gamma);
    const double weight = target * (loss.class_alpha.empty() ? loss.alpha : loss.class_alpha[static_cast<size_t>(j)]);
    const double slope = loss.gamma * std::pow(1 - p, loss.gamma - 1) * log_p - rest / p;
    return {-weight * rest * log_p, pointwise::inside(probability) ? weight * slope : 0};
  }
  // The second derivative of the term by p.
  double second(double p, int64_t r, int64_t j) const {
    const double target = t.at(r, j), gamma = loss.gamma;
    if (target == 0 || !pointwise::inside(p)) return 0;
    const double weight = target * (loss.class_alpha.empty() ? loss.alpha : loss.class_alpha[static_cast<size_t>(j)]);
    return weight * (-gamma * (gamma - 1) * std::pow(1 - p, gamma - 2) * std::log(p) +
                     2 * gamma * std::pow(1 - p, gamma - 1) / p + std::pow(1 - p, gamma) / (p * p));
  }
};

/// max(1 + max_j((1 - t_j) y_j) - sum_j t_j y_j, 0)
struct CategoricalHinge {
  const Targets& targets;
  int64_t cols;

  double operator()(const float* y, int64_t r, float factor, float* dy) const {
    const float* t = targets.values + r * cols;
    double hit = 0, miss = -std::numeric_limits<double>::infinity();
    int64_t worst = 0;
    for (int64_t j = 0; j < cols; ++j) {
      hit += static_cast<double>(t[j]) * y[j];
      const double other = (1 - static_cast<double>(t[j])) * y[j];
      if (other > miss || std::isnan(other)) miss = other, worst = j;
    }
    const double margin = 1 + miss - hit;
    if (!dy) return margin < 0 ? 0 : margin;
    const float moving = margin > 0 ? factor : 0;
    for (int64_t j = 0; j < cols; ++j) dy[j] = -moving * t[j];
    dy[worst] += moving * (1 - t[worst]);
    return margin < 0 ? 0 : margin;
  }
};

/// -sum(t y) / (|t| |y|), where lengths count as at least epsilon
struct CosineSimilarity {
  const Targets& targets;
  int64_t cols;

  double operator()(const float* y, int64_t r, float factor, float* dy) const {
    const float* t = targets.values + r * cols;
    double dot = 0, yy = 0, tt = 0;
    for (int64_t j = 0; j < cols; ++j) {
      dot += static_cast<double>(t[j]) * y[j];
      yy += static_cast<double>(y[j]) * y[j];
      tt += static_cast<double>(t[j]) * t[j];
    }
    const double length = std::max(std::sqrt(yy), pointwise::kEpsilon);
    const double scale = 1 / (length * std::max(std::sqrt(tt), pointwise::kEpsilon));
    const double along = length > pointwise::kEpsilon ? dot / yy : 0;
    for (int64_t j = 0; dy && j < cols; ++j) dy[j] = static_cast<float>(-factor * scale * (t[j] - along * y[j]));
    return -dot * scale;
  }
};

}  // namespace cnncore::rows
