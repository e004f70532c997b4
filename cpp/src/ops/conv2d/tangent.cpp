#include "ops/conv2d/tangent.h"

#include <algorithm>

namespace cnncore {

Conv2dTangent::Conv2dTangent(const Conv2dParams& params, const Conv2dFusion& fusion, const Kernels& kernels)
    : k_(kernels),
      plan_(params, {.training = false}, kernels),
      relu_(fusion.activation == Activation::relu),
      max_pool_(fusion.max_pool) {
  const Shape out = conv2d_output_shape(params);
  width_ = out[1], pooled_height_ = out[0] / 2, pooled_width_ = out[1] / 2, filters_ = out[2];
  const int64_t size = plan_.images() * plan_.output_size();
  own_ = layout_.take<float>(plan_.scratch_size());
  if (max_pool_) full_ = layout_.take<float>(size);
  term_ = layout_.take<float>(size);
}

void Conv2dTangent::run(int64_t count, const Run& all) const {
  const int64_t out = max_pool_ ? pooled_height_ * pooled_width_ * filters_ : plan_.output_size();
  for (int64_t n = 0; n < count; n += plan_.images()) {
    const int64_t images = std::min(plan_.images(), count - n);
    Run run = all;
    run.x += n * plan_.input_size();
    if (run.x_tangent) run.x_tangent += n * plan_.input_size();
    run.y += n * out, run.y_tangent += n * out;
    if (max_pool_) {
      run.winner += n * out;
      float* full = full_.in(run.scratch);
      sum(images, run, full);
      pool(images, run, full);
      continue;
    }
    sum(images, run, run.y_tangent);
    for (int64_t i = 0; relu_ && i < images * out; ++i) run.y_tangent[i] = run.y[i] > 0.0f ? run.y_tangent[i] : 0.0f;
  }
}

// The tangent of the convolution itself, before relu and the pool.
void Conv2dTangent::sum(int64_t count, const Run& run, float* to) const {
  float* own = own_.in(run.scratch);
  if (run.x_tangent)
    plan_.forward(count, {run.x_tangent, run.kernel.values, run.kernel.packed, nullptr, to, nullptr, own});
  if (!run.kernel_tangent.values) return;
  float* second = run.x_tangent ? term_.in(run.scratch) : to;
  plan_.forward(count,
                {run.x, run.kernel_tangent.values, run.kernel_tangent.packed, run.bias_tangent, second, nullptr, own});
  if (second != to) k_.accumulate(second, to, count * plan_.output_size());
}

void Conv2dTangent::pool(int64_t count, const Run& run, const float* full) const {
  const int64_t row = width_ * filters_, pooled_row = pooled_width_ * filters_;
  for (int64_t n = 0; n < count; ++n)
    for (int64_t i = 0; i < pooled_height_; ++i) {
      const int64_t at = (n * pooled_height_ + i) * pooled_row;
      k_.read_winners({.x = full + n * plan_.output_size() + 2 * i * row,
                       .row = row,
                       .winner = run.winner + at,
                       .windows = pooled_width_,
                       .channels = filters_,
                       .y = run.y_tangent + at});
    }
}

}  // namespace cnncore
