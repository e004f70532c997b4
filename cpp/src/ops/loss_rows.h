// Losses of single samples, on the calling thread; the network calls them slice by slice.
#pragma once

#include "cnncore/loss.h"
#include "kernels/kernels.h"

namespace cnncore {

/// What a network's output means to its loss.
enum class Output {
  logits,   ///< softmax is part of the loss
  softmax,  ///< probabilities of a softmax whose gradient is taken together with the loss's: dy is that of the logits
  probabilities,  ///< other probabilities, normalised by their sum and clipped to [1e-7, 1 - 1e-7] as Keras does
  values,         ///< compared as they are
};

/// One sample's target: a label, or `values`.
struct Target {
  int64_t label = 0;
  const float* values = nullptr;
};

/// The loss of y (outputs); dy, where not null, receives `scale` times its gradient.
double loss_row(const Kernels& kernels, Output meaning, int64_t outputs, const float* y, Target target, float scale,
                float* dy);

/// Throws std::invalid_argument where a label is not in [0, classes).
void check_label(int64_t label, int64_t classes);

}  // namespace cnncore
