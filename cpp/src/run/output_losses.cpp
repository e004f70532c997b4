#include "run/output_losses.h"

#include <algorithm>

#include "ops/loss_curvature.h"

namespace cnncore {
namespace {

// The targets of the rows of one sample.
Targets targets_of(const Targets& all, int64_t sample, int64_t rows, int64_t columns) {
  return {all.labels ? all.labels + sample * rows : nullptr,
          all.values ? all.values + sample * rows * columns : nullptr};
}

// The weights of the rows of one sample, or null if the sample has one weight.
const float* row_weights_of(const OutputLoss& y, int64_t sample, int64_t rows) {
  return y.sample_weight && y.row_weights ? y.sample_weight + sample * rows : nullptr;
}

// The factor that all rows of a sample have in common.
float weight_of(const OutputLoss& y, int64_t sample) {
  return y.sample_weight && !y.row_weights ? y.sample_weight[sample] : 1.0f;
}

int64_t sample_of(const TrainBatch& batch, int64_t n) { return batch.indices ? batch.indices[n] : n; }

}  // namespace

void OutputLosses::prepare(const TrainBatch& batch) {
  for (size_t o = 0; o < plan_.outputs.size(); ++o) {
    const OutputLoss& y = batch.y[o];
    const PlannedOutput& output = plan_.outputs[o];
    meaning_[o] = Output::values;
    divisor_[o] = 1;
    if (!y.loss) continue;
    if (output.activation) meaning_[o] = output_meaning(*y.loss, *output.activation);
    const int64_t rows = output.size / output.columns;
    double count = 0;
    for (int64_t n = 0; n < batch.size; ++n) {
      const int64_t sample = sample_of(batch, n);
      const float weight = weight_of(y, sample);
      const double rows_here =
          row_count(*y.loss, rows, targets_of(y.y, sample, rows, output.columns), row_weights_of(y, sample, rows));
      count += y.loss->reduction == Reduction::weighted_mean ? weight * rows_here : rows_here;
    }
    divisor_[o] = loss_divisor(*y.loss, count);
  }
  for (size_t o = 0; o < plan_.outputs.size(); ++o) logits_[o] = meaning_[o] != Output::values;
}

double OutputLosses::sample(const TrainBatch& batch, size_t o, int64_t n, const float* y, float* dy) const {
  const PlannedOutput& output = plan_.outputs[o];
  const OutputLoss& wanted = batch.y[o];
  if (!wanted.loss) {
    std::fill_n(dy, output.size, 0.0f);
    return 0;
  }
  const float weight = weight_of(wanted, sample_of(batch, n));
  return weight * loss_rows(plan_.kernels, *wanted.loss, rows_of(batch, o, n, y), dy);
}

LossRows OutputLosses::rows_of(const TrainBatch& batch, size_t o, int64_t n, const float* y) const {
  const PlannedOutput& output = plan_.outputs[o];
  const OutputLoss& wanted = batch.y[o];
  const int64_t sample = sample_of(batch, n), rows = output.size / output.columns;
  return {.meaning = meaning_[o],
          .rows = rows,
          .cols = output.columns,
          .y = y,
          .targets = targets_of(wanted.y, sample, rows, output.columns),
          .row_weight = row_weights_of(wanted, sample, rows),
          .scale = wanted.weight * weight_of(wanted, sample) / static_cast<float>(divisor_[o])};
}

void OutputLosses::sample_curvature(CurvatureKind kind, const TrainBatch& batch, size_t o, int64_t n, const float* y,
                                    const float* y_tangent, float* dy_tangent) const {
  const PlannedOutput& output = plan_.outputs[o];
  const OutputLoss& wanted = batch.y[o];
  if (!wanted.loss) {
    std::fill_n(dy_tangent, output.size, 0.0f);
    return;
  }
  loss_rows_curvature(*wanted.loss, kind, rows_of(batch, o, n, y), y_tangent, dy_tangent);
}

}  // namespace cnncore
