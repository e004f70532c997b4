// The losses of the outputs of a batch, sample by sample.
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

  /// Called before the samples. Decides for which outputs the loss includes the gradient of the last activation, and
  /// computes what the sums of losses are divided by.
  void prepare(const TrainBatch& batch);
  /// For each output, whether the loss includes the gradient of the last activation.
  const std::vector<uint8_t>& logits() const { return logits_; }
  double divisor(size_t output) const { return divisor_[output]; }

  /// Returns the loss of sample n, multiplied by its weight. Writes the gradient of the total loss of the batch to dy.
  double sample(const TrainBatch& batch, size_t output, int64_t n, const float* y, float* dy) const;
  /// In a product with curvature: computes the tangent of dy from that of y.
  void sample_curvature(CurvatureKind kind, const TrainBatch& batch, size_t output, int64_t n, const float* y,
                        const float* y_tangent, float* dy_tangent) const;

 private:
  // The rows of output o of sample n of the batch.
  LossRows rows_of(const TrainBatch& batch, size_t o, int64_t n, const float* y) const;

  const Plan& plan_;
  // for each output: how the loss uses it, and the factor of its gradient
  std::vector<Output> meaning_;
  std::vector<uint8_t> logits_;
  std::vector<double> divisor_;
};

}  // namespace cnncore
