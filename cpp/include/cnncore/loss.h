// Losses: the loss of each row, and the loss of a batch with its gradient. A row is the last axis of an output and has
// `cols` values, so that an output (samples, ..., cols) has samples * ... rows. The definitions are those of Keras, and
// the same in training and evaluation. Probabilities are clipped to [epsilon, 1 - epsilon] before their logarithm is
// taken; epsilon is 1e-7.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace cnncore {

/// The kinds of losses. t is the target and y the prediction of a row; mean(...) and sum(...) are over its values. With
/// from_logits, y is first replaced by softmax(y), or by sigmoid(y) for the binary losses.
enum class LossKind {
  sparse_categorical_crossentropy,  ///< -log(y[label] / sum(y))
  categorical_crossentropy,         ///< -sum(t log(y / sum(y)))
  binary_crossentropy,              ///< mean(-t log(y) - (1 - t) log(1 - y))
  binary_focal_crossentropy,        ///< mean(w (1 - p)^gamma crossentropy), where p = t y + (1 - t) (1 - y)
  categorical_focal_crossentropy,   ///< -sum(alpha (1 - y)^gamma t log(y))
  mean_squared_error,               ///< mean((y - t)^2)
  mean_absolute_error,              ///< mean(|y - t|)
  mean_absolute_percentage_error,   ///< 100 mean(|y - t| / max(|t|, epsilon))
  mean_squared_logarithmic_error,   ///< mean((log(1 + max(y, epsilon)) - log(1 + max(t, epsilon)))^2)
  huber,                            ///< with d = y - t: mean(d^2 / 2 where |d| <= delta, else delta |d| - delta^2 / 2)
  log_cosh,                         ///< mean(log(cosh(y - t)))
  hinge,                            ///< mean(max(1 - t y, 0)), where t is -1 or 1; 0 stands for -1
  squared_hinge,                    ///< mean(max(1 - t y, 0)^2), with such t
  categorical_hinge,                ///< max(1 + max((1 - t) y) - sum(t y), 0)
  kl_divergence,                    ///< sum(t log(t / y)), with t and y clipped to [epsilon, 1]
  poisson,                          ///< mean(y - t log(y + epsilon))
  cosine_similarity,                ///< -sum(t y) / (|t| |y|)
};

/// How the losses of the rows of a batch become one number.
enum class Reduction {
  mean,           ///< sum(weight * loss) / rows, without the rows whose label is `ignore_class`
  sum,            ///< sum(weight * loss)
  weighted_mean,  ///< sum(weight * loss) / sum(weight)
};

struct LossSpec {
  LossKind kind;
  bool from_logits = false;  ///< crossentropies: whether y are logits instead of probabilities
  double label_smoothing =
      0;  ///< crossentropies: with s > 0, t becomes t (1 - s) + s / cols, or + s / 2 in binary ones
  std::optional<int64_t> ignore_class = {};  ///< sparse loss: rows with this label have no loss and do not count
  double alpha = 0.25;                       ///< focal losses: the factor alpha
  std::vector<double> class_alpha = {};      ///< categorical focal loss: if not empty, alpha for each class
  double gamma = 2;                          ///< focal losses
  /// binary focal loss: whether w is alpha for targets of 1 and 1 - alpha for targets of 0; otherwise w is 1
  bool class_balancing = false;
  double delta = 1;  ///< huber
  Reduction reduction = Reduction::mean;
};

/// Returns the loss with this name in Keras. Throws std::invalid_argument for another name.
LossKind parse_loss(std::string_view name);
const char* to_string(LossKind kind);

/// The targets of rows: labels[r] in [0, cols) for the sparse loss, values (rows, cols) for all others.
struct Targets {
  const int64_t* labels = nullptr;
  const float* values = nullptr;
};

/// Throws std::invalid_argument if a parameter is out of range or does not fit rows of `cols` values.
void check_loss(const LossSpec& loss, int64_t cols);

/// Writes the loss of each row r to values[r]. Throws std::invalid_argument for a label out of range.
void loss_values(const LossSpec& loss, int64_t rows, int64_t cols, const float* y_pred, const Targets& targets,
                 double* values);

/// Returns the loss of all rows, as `loss.reduction` says. If row_weight is not null, it has a weight for each row. If
/// dy_pred (rows, cols) is not null, the gradient is written to it. Throws std::invalid_argument for a label out of
/// range.
double reduced_loss(const LossSpec& loss, int64_t rows, int64_t cols, const float* y_pred, const Targets& targets,
                    const float* row_weight, float* dy_pred);

/// Returns the mean over the batch of -sum(t log(softmax(logits))), and writes its gradient to dlogits. Throws
/// std::invalid_argument for a label out of range.
double softmax_cross_entropy(int64_t batch, int64_t classes, const float* logits, const Targets& targets,
                             float* dlogits);

/// Returns the mean of (y_pred - y_true)^2 over all values, and writes its gradient to dy_pred.
double mean_squared_error(int64_t batch, int64_t outputs, const float* y_pred, const float* y_true, float* dy_pred);

}  // namespace cnncore
