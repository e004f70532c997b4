// The losses of some rows, computed on the calling thread. A network calls this for each slice.
#pragma once

#include "cnncore/activation_kind.h"
#include "cnncore/loss.h"
#include "kernels/kernels.h"

namespace cnncore {

/// How a loss treats the output of a network. `values` means that dy is the gradient of the output. `softmax` and
/// `sigmoid` mean that this activation has made the output, and that dy is the gradient of the activation's input, the
/// logits. Then the backward pass of the activation is left out. The gradient of the logits is that of the loss without
/// clipping, so that a sample whose class is predicted wrongly with great certainty still has a gradient.
enum class Output { values, softmax, sigmoid };

/// Returns softmax or sigmoid if the loss can include the gradient of the last activation in its own, otherwise values.
Output output_meaning(const LossSpec& loss, Activation last);

/// Some rows of an output with their targets. If row_weight is null, all weights are 1. Gradients are multiplied by
/// `scale`.
struct LossRows {
  Output meaning = Output::values;
  int64_t rows, cols;
  const float* y;
  Targets targets;
  const float* row_weight = nullptr;
  float scale = 1.0f;
};

/// Returns sum_r weight[r] * loss(row r). If dy is not null, the gradient is written there, (rows, cols): scale *
/// weight[r] times the derivative of loss(row r). Rows whose label is the `ignore_class` of the loss have loss and
/// gradient 0. The labels must have been checked before. This allocates nothing.
double loss_rows(const Kernels& kernels, const LossSpec& loss, const LossRows& of, float* dy);

/// What these rows contribute to the divisor of the reduced loss: the number of rows that are not ignored, or the sum
/// of their weights. A caller sums this over the batch, calls `loss_divisor` with the sum, and calls loss_rows with the
/// weight of the loss divided by the divisor as scale.
double row_count(const LossSpec& loss, int64_t rows, const Targets& targets, const float* row_weight);
/// The divisor of the reduced loss. It is 1 for Reduction::sum. If no row counts, it is infinite, so that loss and
/// gradient are 0.
double loss_divisor(const LossSpec& loss, double count);

/// Throws std::invalid_argument if a label is neither in [0, classes) nor ignored.
void check_label(const LossSpec& loss, int64_t label, int64_t classes);

}  // namespace cnncore
