// What the outputs of a batch are trained for, sample by sample.
#pragma once

#include <vector>

#include "cnncore/curvature.h"
#include "ops/loss_rows.h"
#include "plan/plan.h"

namespace cnncore {

class OutputLosses {
 public:
  explicit OutputLosses(const Plan& plan)
      : plan_(plan), meaning_(plan.outputs.size()), logits_(plan.outputs.size()), divisor_(plan.outputs.size()) {}

  /// Before the samples: which outputs take their last activation's gradient with the loss, and what the sums of losses
  /// are divided by.
  void prepare(const TrainBatch& batch);
  /// Outputs whose last activation's gradient the loss takes, by output.
  const std::vector<uint8_t>& logits() const { return logits_; }
  double divisor(size_t output) const { return divisor_[output]; }

  /// Sample n's loss times its weight; dy receives the gradient of the batch's total loss.
  double sample(const TrainBatch& batch, size_t output, int64_t n, const float* y, float* dy) const;
  /// dy' from y', the tangents in a product with curvature.
  void sample_curvature(CurvatureKind kind, const TrainBatch& batch, size_t output, int64_t n, const float* y,
                        const float* y_tangent, float* dy_tangent) const;

 private:
  const Plan& plan_;
  // per output: how the loss takes it, and what its gradient is multiplied by
  std::vector<Output> meaning_;
  std::vector<uint8_t> logits_;
  std::vector<double> divisor_;
};

}  // namespace cnncore
