// Losses of some rows, on the calling thread; a network calls this slice by slice.
#pragma once

#include "cnncore/activation_kind.h"
#include "cnncore/loss.h"
#include "kernels/kernels.h"

namespace cnncore {

/// What a network's output means to its loss. For `softmax` and `sigmoid` dy is the gradient of the logits before that
/// activation, whose own backward pass is then left out; it is that of the loss without clipping, so a row that is
/// confident and wrong still learns.
enum class Output { values, softmax, sigmoid };

/// softmax or sigmoid where the loss takes the gradient of the output's last activation with its own, else values.
Output output_meaning(const LossSpec& loss, Activation last);

/// sum_r weight[r] * loss(row r), with weight 1 where row_weight is null. dy (rows, cols), where not null, receives
/// scale * weight[r] * d loss(row r) / dy. Rows whose label is the loss's `ignore_class` have loss and gradient 0.
/// The labels have been checked. Allocates nothing.
double loss_rows(const Kernels& kernels, const LossSpec& loss, Output meaning, int64_t rows, int64_t cols,
                 const float* y, const Targets& targets, const float* row_weight, float scale, float* dy);

/// What these rows add to the divisor of the reduced loss: their number without ignored ones, or their weights. Sum it
/// over the batch, hand that to `loss_divisor`, and call loss_rows with scale = loss weight / divisor.
double row_count(const LossSpec& loss, int64_t rows, const Targets& targets, const float* row_weight);
/// 1 for Reduction::sum; infinity where nothing counts, so that loss and gradient are 0.
double loss_divisor(const LossSpec& loss, double count);

/// Throws std::invalid_argument where a label is neither in [0, classes) nor ignored.
void check_label(const LossSpec& loss, int64_t label, int64_t classes);

}  // namespace cnncore
