// The losses of a training step: for a slice, between its forward and backward pass, or for the whole batch.
#include <algorithm>

#include "run/training.h"

namespace cnncore {

void Training::slice_losses(const TrainBatch& batch, const Slices& own, const SliceOf& slice) {
  for (size_t o = 0; o < plan_->outputs.size(); ++o) {
    const PlannedOutput& output = plan_->outputs[o];
    const float* y = own.value(output.tensor, slice.first);
    float* dy = own.grad(output.tensor, slice.first);
    double sum = 0;
    for (int64_t n = 0; n < slice.count; ++n, y += output.size, dy += output.size)
      sum += output_losses_.sample(batch, o, slice.first + n, y, dy);
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
        sum += output_losses_.sample(batch, o, n, y, dy);
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
    losses_.outputs[o] = sum / output_losses_.divisor(o);
  }
  losses_.steps = 0;
  for (size_t shard = 0; shard < static_cast<size_t>(shards_.count); ++shard)
    losses_.steps += shard_losses_[shard * pitch + pitch - 1];
  losses_.steps /= static_cast<double>(plan_->mode.batch);
}

}  // namespace cnncore
