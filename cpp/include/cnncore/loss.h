// Losses: their values row by row, and the reduced loss of a batch with its gradient. A row is the last axis of an
// output and has `cols` values, so that an output (samples, ..., cols) has samples * ... rows. Every loss has one
// definition for training and evaluation, which is that of Keras. Probabilities are clipped to [epsilon, 1 - epsilon]
// inside logarithms.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace cnncore {

/// With t the target and y the prediction of a row, and mean(...) over its values:
enum class LossKind {
  sparse_categorical_crossentropy,  ///< -log(y_label / sum(y)); with from_logits y is softmax(y) first
  categorical_crossentropy,         ///< -sum(t log(y / sum(y))); likewise
  binary_crossentropy,              ///< mean(-t log(y) - (1 - t) log(1 - y)); with from_logits y is sigmoid(y) first
  binary_focal_crossentropy,        ///< mean(w (1 - p)^gamma crossentropy), p = t y + (1 - t) (1 - y)
  categorical_focal_crossentropy,   ///< -sum(alpha (1 - y)^gamma t log(y))
  mean_squared_error,               ///< mean((y - t)^2)
  mean_absolute_error,              ///< mean(|y - t|)
  mean_absolute_percentage_error,   ///< 100 mean(|y - t| / max(|t|, epsilon))
  mean_squared_logarithmic_error,   ///< mean((log(1 + max(y, epsilon)) - log(1 + max(t, epsilon)))^2)
  huber,                            ///< mean(d^2 / 2 where |d| <= delta, else delta |d| - delta^2 / 2), d = y - t
  log_cosh,                         ///< mean(log(cosh(y - t)))
  hinge,                            ///< mean(max(1 - t y, 0)), t is -1 or 1
  squared_hinge,                    ///< mean(max(1 - t y, 0)^2)
  categorical_hinge,                ///< max(1 + max((1 - t) y) - sum(t y), 0)
  kl_divergence,                    ///< sum(t log(t / y)), both clipped to [epsilon, 1]
  poisson,                          ///< mean(y - t log(y + epsilon))
  cosine_similarity,                ///< -sum(t y) / (|t| |y|)
};

/// How the losses of a batch's rows become one number.
enum class Reduction {
  mean,           ///< sum(weight * loss) / rows; rows of `ignore_class` do not count
  sum,            ///< sum(weight * loss)
  weighted_mean,  ///< sum(weight * loss) / sum(weight)
};

struct LossSpec {
  LossKind kind;
  bool from_logits = false;    ///< crossentropies: whether y are logits, to which the loss applies softmax or sigmoid
  double label_smoothing = 0;  ///< crossentropies: t becomes t (1 - s) + s / cols, binary ones t (1 - s) + s / 2
  std::optional<int64_t> ignore_class = {};  ///< sparse loss: rows with this label have no loss and do not count
  double alpha = 0.25;                       ///< focal: weight of every class; binary: of class 1, where balanced
  std::vector<double> class_alpha = {};      ///< categorical focal: alpha class by class; empty: the one above
  double gamma = 2;                          ///< focal
  bool class_balancing = false;              ///< binary focal: w is alpha for class 1 and 1 - alpha for 0, else 1
  double delta = 1;                          ///< huber
  Reduction reduction = Reduction::mean;
};

/// The loss with this name in Keras. Throws std::invalid_argument for another name.
LossKind parse_loss(std::string_view name);
const char* to_string(LossKind kind);

/// The targets of rows: labels[r] in [0, cols) for the sparse loss, values (rows, cols) for all others.
struct Targets {
  const int64_t* labels = nullptr;
  const float* values = nullptr;
};

/// Throws std::invalid_argument if the parameters make no sense for rows of `cols` values.
void check_loss(const LossSpec& loss, int64_t cols);

/// values[r] = the loss of row r. Throws std::invalid_argument for a label out of range.
void loss_values(const LossSpec& loss, int64_t rows, int64_t cols, const float* y_pred, const Targets& targets,
                 double* values);

/// Returns the loss reduced over `rows`, each multiplied by its weight if row_weight is not null. Writes the gradient
/// to dy_pred (rows, cols) if that is not null. Throws std::invalid_argument for a label out of range.
double reduced_loss(const LossSpec& loss, int64_t rows, int64_t cols, const float* y_pred, const Targets& targets,
                    const float* row_weight, float* dy_pred);

/// -sum_j t_j log softmax(logits)_j, averaged over the batch; dlogits = (softmax(logits) - t) / batch for targets that
/// sum to one. Throws std::invalid_argument for a label out of range.
double softmax_cross_entropy(int64_t batch, int64_t classes, const float* logits, const Targets& targets,
                             float* dlogits);

/// mean over all elements of (y_pred - y_true)^2; dy_pred = 2 (y_pred - y_true) / (batch * outputs).
double mean_squared_error(int64_t batch, int64_t outputs, const float* y_pred, const float* y_true, float* dy_pred);

}  // namespace cnncore
