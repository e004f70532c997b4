// The losses of a training step: on a slice between its forward and backward pass, or on the whole batch.
#include <algorithm>

#include "run/training.h"

namespace cnncore {
namespace {

// The rows of one sample's targets.
Targets targets_of(const Targets& all, int64_t sample, int64_t rows, int64_t columns) {
  return {all.labels ? all.labels + sample * rows : nullptr,
          all.values ? all.values + sample * rows * columns : nullptr};
}

// The weights of one sample's rows; null where they are one number.
const float* row_weights_of(const OutputLoss& y, int64_t sample, int64_t rows) {
  return y.sample_weight && y.row_weights ? y.sample_weight + sample * rows : nullptr;
}

// What is common to all rows of a sample.
float weight_of(const OutputLoss& y, int64_t sample) {
  return y.sample_weight && !y.row_weights ? y.sample_weight[sample] : 1.0f;
}

}  // namespace

// Which outputs take their last activation's gradient with the loss, and what the sums of losses are divided by.
void Training::prepare_losses(const TrainBatch& batch) {
  for (size_t o = 0; o < plan_->outputs.size(); ++o) {
    const OutputLoss& y = batch.y[o];
    const PlannedOutput& output = plan_->outputs[o];
    meaning_[o] = Output::values;
    divisor_[o] = 1;
    if (!y.loss) continue;
    if (output.activation) meaning_[o] = output_meaning(*y.loss, *output.activation);
    const int64_t rows = output.size / output.columns;
    double count = 0;
    for (int64_t n = 0; n < batch.size; ++n) {
      const int64_t sample = batch.indices ? batch.indices[n] : n;
      const float weight = weight_of(y, sample);
      const double rows_here =
          row_count(*y.loss, rows, targets_of(y.y, sample, rows, output.columns), row_weights_of(y, sample, rows));
      count += y.loss->reduction == Reduction::weighted_mean ? weight * rows_here : rows_here;
    }
    divisor_[o] = loss_divisor(*y.loss, count);
  }
  for (size_t o = 0; o < plan_->outputs.size(); ++o) logits_[o] = meaning_[o] != Output::values;
}

// One sample's loss times its weight; dy receives the gradient of the batch's total loss.
double Training::sample_loss(const TrainBatch& batch, size_t o, int64_t n, const float* y, float* dy) const {
  const PlannedOutput& output = plan_->outputs[o];
  const OutputLoss& wanted = batch.y[o];
  if (!wanted.loss) {
    std::fill_n(dy, output.size, 0.0f);
    return 0;
  }
  const int64_t sample = batch.indices ? batch.indices[n] : n, rows = output.size / output.columns;
  const float weight = weight_of(wanted, sample);
  const float scale = wanted.weight * weight / static_cast<float>(divisor_[o]);
  return weight * loss_rows(plan_->kernels, *wanted.loss, meaning_[o], rows, output.columns, y,
                            targets_of(wanted.y, sample, rows, output.columns), row_weights_of(wanted, sample, rows),
                            scale, dy);
}

void Training::slice_losses(const TrainBatch& batch, const Slices& own, const SliceOf& slice) {
  for (size_t o = 0; o < plan_->outputs.size(); ++o) {
    const PlannedOutput& output = plan_->outputs[o];
    const float* y = own.value(output.tensor, slice.first);
    float* dy = own.grad(output.tensor, slice.first);
    double sum = 0;
    for (int64_t n = 0; n < slice.count; ++n, y += output.size, dy += output.size)
      sum += sample_loss(batch, o, slice.first + n, y, dy);
    shard_losses_[static_cast<size_t>(slice.shard) * (plan_->outputs.size() + 1) + o] += sum;
  }
}

void Training::batch_losses(const TrainBatch& batch) {
  Slices whole = slices(0);
  for (size_t o = 0; o < plan_->outputs.size(); ++o) {
    const PlannedOutput& output = plan_->outputs[o];
    const float* y = whole.value(output.tensor, 0);
    float* dy = whole.grad(output.tensor, 0);
    double sum = 0;
    if (batch.y[o].batch_loss) {
      sum = batch.y[o].batch_loss(batch.size, y, dy);
      for (int64_t i = 0; batch.y[o].weight != 1.0f && i < batch.size * output.size; ++i) dy[i] *= batch.y[o].weight;
    } else {
      for (int64_t n = 0; n < batch.size; ++n, y += output.size, dy += output.size)
        sum += sample_loss(batch, o, n, y, dy);
    }
    shard_losses_[o] = sum;
  }
}

void Training::sum_losses() {
  const size_t pitch = plan_->outputs.size() + 1;
  const bool whole = !plan_->fuses_loss();
  for (size_t o = 0; o < plan_->outputs.size(); ++o) {
    double sum = 0;
    for (size_t shard = 0; shard < static_cast<size_t>(whole ? 1 : shards_.count); ++shard)
      sum += shard_losses_[shard * pitch + o];
    losses_.outputs[o] = sum / divisor_[o];
  }
  losses_.steps = 0;
  for (size_t shard = 0; shard < static_cast<size_t>(shards_.count); ++shard)
    losses_.steps += shard_losses_[shard * pitch + pitch - 1];
  losses_.steps /= static_cast<double>(plan_->mode.batch);
}

}  // namespace cnncore
