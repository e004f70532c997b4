#include "ops/loss_curvature.h"

#include <array>

#include "ops/loss_crossentropy.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

using pointwise::clip;
using pointwise::inside;
using rows::ClassTargets;

constexpr std::array kCurvatureNames = {"hessian", "gauss_newton", "fisher"};

/// One row: y and its tangent, the number of the row, the factor of the product, and where the product is written.
struct Row {
  const float* y;
  const float* tangent;
  int64_t r, cols;
  double factor;
  float* out;

  void set(int64_t j, double product) const { out[j] = static_cast<float>(factor * product); }
  /// The sum of f(j) over all values j of the row.
  template <class Function>
  double sum(Function f) const {
    double total = 0;
    for (int64_t j = 0; j < cols; ++j) total += f(j);
    return total;
  }
};

// The matrix total * (diag(p) - p p^T), multiplied by the tangent of the logits.
template <class Probability>
void softmax_product(const Row& row, double total, Probability p) {
  const double mean = row.sum([&](int64_t j) { return p(j) * row.tangent[j]; });
  for (int64_t j = 0; j < row.cols; ++j) row.set(j, total * p(j) * (row.tangent[j] - mean));
}

// For the loss -sum_j t_j log(y_j / sum(y)). Terms that are clipped count as constants.
void crossentropy_of_values(const Row& row, const ClassTargets& t, CurvatureKind kind) {
  const double sum = row.sum([&](int64_t j) { return static_cast<double>(row.y[j]); }), share = 1 / sum;
  const auto moves = [&](int64_t j) { return inside(row.y[j] * share); };
  const double total = t.sum(row.r, [&](int64_t j) { return moves(j) ? 1.0 : 0.0; });
  const double along = row.sum([&](int64_t j) { return static_cast<double>(row.tangent[j]); });
  const double common = kind == CurvatureKind::hessian ? total * share * share * along : 0.0;
  for (int64_t j = 0; j < row.cols; ++j) {
    const double y = row.y[j];
    const double target = kind == CurvatureKind::fisher ? total * share * y : t.at(row.r, j);
    row.set(j, (moves(j) ? target / (y * y) * row.tangent[j] : 0.0) - common);
  }
}

void class_crossentropy(const Row& row, const ClassTargets& t, const LossSpec& loss, CurvatureKind kind,
                        Output meaning) {
  const double total = t.sum(row.r, [](int64_t) { return 1.0; });
  if (loss.from_logits) {
    const double shift = rows::log_sum_exp(row.y, row.cols);
    return softmax_product(row, total, [&](int64_t j) { return std::exp(row.y[j] - shift); });
  }
  if (meaning == Output::softmax)
    return softmax_product(row, total, [&](int64_t j) { return static_cast<double>(row.y[j]); });
  crossentropy_of_values(row, t, kind);
}

// Let s be the derivative of a class's term by its probability, and p' the tangent of the probabilities. The gradient
// by y is scale (s - sum(s p)), and that by the logits p (s - sum(s p)). This computes the tangent of one of them.
void focal_crossentropy(const Row& row, const ClassTargets& t, const LossSpec& loss, CurvatureKind kind) {
  const bool logits = loss.from_logits, hessian = kind == CurvatureKind::hessian;
  const double shift = logits ? rows::log_sum_exp(row.y, row.cols) : 0.0;
  const double scale = logits ? 0.0 : 1 / row.sum([&](int64_t j) { return static_cast<double>(row.y[j]); });
  const rows::FocalCrossentropy focal{loss, t};
  const auto p = [&](int64_t j) { return logits ? std::exp(row.y[j] - shift) : row.y[j] * scale; };
  const double mean = row.sum([&](int64_t j) { return logits ? p(j) * row.tangent[j] : scale * row.tangent[j]; });
  const auto p_tangent = [&](int64_t j) {
    return logits ? p(j) * (row.tangent[j] - mean) : scale * row.tangent[j] - p(j) * mean;
  };
  const auto slope = [&](int64_t j) { return hessian ? focal.term(p(j), row.r, j).slope : 0.0; };
  const auto slope_tangent = [&](int64_t j) {
    const double second = focal.second(p(j), row.r, j);
    return (hessian ? second : std::max(second, 0.0)) * p_tangent(j);
  };
  const double common = row.sum([&](int64_t j) { return slope(j) * p(j); });
  const double common_tangent = row.sum([&](int64_t j) { return slope_tangent(j) * p(j) + slope(j) * p_tangent(j); });
  for (int64_t j = 0; j < row.cols; ++j) {
    const double factor = logits ? p(j) : scale, factor_tangent = logits ? p_tangent(j) : -scale * mean;
    row.set(j, (slope_tangent(j) - common_tangent) * factor + (slope(j) - common) * (hessian ? factor_tangent : 0.0));
  }
}

// For the loss -cos(t, y). It equals half of the squared distance between the two directions, minus one.
void cosine_similarity(const Row& row, const float* t, CurvatureKind kind) {
  const double yy = row.sum([&](int64_t j) { return static_cast<double>(row.y[j]) * row.y[j]; });
  const double tt = row.sum([&](int64_t j) { return static_cast<double>(t[j]) * t[j]; });
  const double length = std::max(std::sqrt(yy), pointwise::kEpsilon);
  if (length <= pointwise::kEpsilon) {
    std::fill_n(row.out, row.cols, 0.0f);
    return;
  }
  const double moved = row.sum([&](int64_t j) { return static_cast<double>(row.y[j]) * row.tangent[j]; }) / yy;
  if (kind == CurvatureKind::gauss_newton) {
    for (int64_t j = 0; j < row.cols; ++j) row.set(j, (row.tangent[j] - moved * row.y[j]) / yy);
    return;
  }
  const double dot = row.sum([&](int64_t j) { return static_cast<double>(t[j]) * row.y[j]; });
  const double turned = row.sum([&](int64_t j) { return static_cast<double>(t[j]) * row.tangent[j]; });
  const double scale = 1 / (length * std::max(std::sqrt(tt), pointwise::kEpsilon)), along = dot / yy;
  const double along_tangent = turned / yy - 2 * along * moved;
  for (int64_t j = 0; j < row.cols; ++j)
    row.set(j, scale * (moved * (t[j] - along * row.y[j]) + along_tangent * row.y[j] + along * row.tangent[j]));
}

/// The second derivatives of losses that are sums over single values.
struct Pointwise {
  const LossSpec& loss;
  CurvatureKind kind;
  Output meaning;

  bool fisher() const { return kind == CurvatureKind::fisher; }
  double positive(double second) const { return kind == CurvatureKind::hessian ? second : std::max(second, 0.0); }

  double binary(double y, double t) const {
    const double target = t * (1 - loss.label_smoothing) + 0.5 * loss.label_smoothing;
    if (loss.from_logits || meaning == Output::sigmoid) {
      const double p = loss.from_logits ? pointwise::sigmoid(y) : y;
      return p * (1 - p);
    }
    if (!inside(y)) return 0;
    return fisher() ? 1 / (y * (1 - y)) : crossentropy(y, target);
  }
  static double crossentropy(double p, double t) { return t / (p * p) + (1 - t) / ((1 - p) * (1 - p)); }

  double focal(double y, double t) const {
    const double target = t * (1 - loss.label_smoothing) + 0.5 * loss.label_smoothing;
    const pointwise::Focal focal{loss.alpha, loss.gamma, loss.class_balancing};
    if (!loss.from_logits) return positive(of_probability(y, target));
    const double p = pointwise::sigmoid(y), bend = p * (1 - p);
    const double slope = pointwise::focal_crossentropy(p, target, focal).slope;
    return positive(of_probability(p, target) * bend * bend + slope * bend * (1 - 2 * p));
  }
  double of_probability(double y, double t) const {
    const pointwise::Point entropy = pointwise::binary_crossentropy(y, t);
    const double miss = 1 - (t * y + (1 - t) * (1 - y)), gamma = loss.gamma;
    const double weight = loss.class_balancing ? t * loss.alpha + (1 - t) * (1 - loss.alpha) : 1;
    if (miss <= 0) return 0;
    const double change = -(2 * t - 1);  // the derivative of `miss`
    return weight * (gamma * (gamma - 1) * std::pow(miss, gamma - 2) * change * change * entropy.value +
                     2 * gamma * std::pow(miss, gamma - 1) * change * entropy.slope +
                     (inside(y) ? std::pow(miss, gamma) * crossentropy(y, t) : 0.0));
  }

  double squared_logarithmic(double y, double t) const {
    if (y < pointwise::kEpsilon) return 0;
    const double d = std::log(1 + y) - std::log(1 + std::max(t, pointwise::kEpsilon));
    return 2 * (kind == CurvatureKind::hessian ? 1 - d : 1.0) / ((1 + y) * (1 + y));
  }

  double operator()(double y, double t) const {
    switch (loss.kind) {
      case LossKind::binary_crossentropy: return binary(y, t);
      case LossKind::binary_focal_crossentropy: return focal(y, t);
      case LossKind::mean_squared_error: return 2;
      case LossKind::mean_squared_logarithmic_error: return squared_logarithmic(y, t);
      case LossKind::huber: return std::abs(y - t) <= loss.delta ? 1 : 0;
      case LossKind::log_cosh: return 1 - std::pow(std::tanh(y - t), 2);
      case LossKind::squared_hinge: return 1 - pointwise::side(t) * y > 0 ? 2 * std::pow(pointwise::side(t), 2) : 0;
      case LossKind::kl_divergence: {
        if (!inside(y, 1)) return 0;
        return fisher() ? 1 / y : clip(t, 1) / (y * y);
      }
      case LossKind::poisson: {
        const double rate = y + pointwise::kEpsilon;
        return fisher() ? 1 / rate : positive(t / (rate * rate));
      }
      default: return 0;  // the other losses consist of straight lines
    }
  }
};

}  // namespace

CurvatureKind parse_curvature(std::string_view name) {
  for (size_t i = 0; i < kCurvatureNames.size(); ++i)
    if (name == kCurvatureNames[i]) return static_cast<CurvatureKind>(i);
  fail("[curvature] expected \"hessian\", \"gauss_newton\" or \"fisher\". Received: \"", name, "\"");
}

const char* to_string(CurvatureKind kind) { return kCurvatureNames.at(static_cast<size_t>(kind)); }

void loss_rows_curvature(const LossSpec& loss, CurvatureKind kind, const LossRows& of, const float* y_tangent,
                         float* dy_tangent) {
  const int64_t cols = of.cols;
  const Targets& targets = of.targets;
  const ClassTargets classes(loss, targets, cols);
  const Pointwise second{loss, kind, of.meaning};
  for (int64_t r = 0; r < of.rows; ++r) {
    const double weight = of.scale * (of.row_weight ? of.row_weight[r] : 1.0);
    const Row row{of.y + r * cols, y_tangent + r * cols, r, cols, weight, dy_tangent + r * cols};
    if (loss.ignore_class && targets.labels && targets.labels[r] == *loss.ignore_class) {
      std::fill_n(row.out, cols, 0.0f);
      continue;
    }
    const float* t = targets.values ? targets.values + r * cols : nullptr;
    switch (loss.kind) {
      case LossKind::sparse_categorical_crossentropy:
      case LossKind::categorical_crossentropy: class_crossentropy(row, classes, loss, kind, of.meaning); break;
      case LossKind::categorical_focal_crossentropy: focal_crossentropy(row, classes, loss, kind); break;
      case LossKind::cosine_similarity: cosine_similarity(row, t, kind); break;
      case LossKind::categorical_hinge: std::fill_n(row.out, cols, 0.0f); break;
      default: {
        const double share = loss.kind == LossKind::kl_divergence ? 1.0 : 1.0 / static_cast<double>(cols);
        for (int64_t j = 0; j < cols; ++j) row.set(j, share * second(row.y[j], t[j]) * row.tangent[j]);
      }
    }
  }
}

void check_loss_curvature(const LossSpec& loss, CurvatureKind kind) {
  if (kind != CurvatureKind::fisher) return;
  switch (loss.kind) {
    case LossKind::sparse_categorical_crossentropy:
    case LossKind::categorical_crossentropy:
    case LossKind::binary_crossentropy:
    case LossKind::mean_squared_error:
    case LossKind::kl_divergence:
    case LossKind::poisson: return;
    default:
      fail(
          "[fisher] expected a loss that is the negative logarithm of a likelihood: a crossentropy, "
          "mean_squared_error, kl_divergence or poisson. Received: ",
          to_string(loss.kind));
  }
}

}  // namespace cnncore
