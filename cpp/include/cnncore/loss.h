// Losses: the mean over a batch, and the gradient of that mean.
#pragma once

#include <cstdint>
#include <string_view>

namespace cnncore {

enum class Loss { sparse_categorical_crossentropy, categorical_crossentropy, mean_squared_error };

/// Keras' names; throws std::invalid_argument for another.
Loss parse_loss(std::string_view name);

/// What a batch is compared with: labels[n] in [0, classes) for the sparse loss, else values (batch, classes).
struct Targets {
  const int64_t* labels = nullptr;
  const float* values = nullptr;
};

/// -sum_j t_j log softmax(logits)_j, averaged over the batch; dlogits = (softmax(logits) - t) / batch for targets that
/// sum to one. Throws std::invalid_argument for a label out of range.
double softmax_cross_entropy(int64_t batch, int64_t classes, const float* logits, const Targets& targets,
                             float* dlogits);

/// mean over all elements of (y_pred - y_true)^2; dy_pred = 2 (y_pred - y_true) / (batch * outputs).
double mean_squared_error(int64_t batch, int64_t outputs, const float* y_pred, const float* y_true, float* dy_pred);

}  // namespace cnncore
