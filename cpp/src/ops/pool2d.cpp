// Pooling. Windows are lists of positions, so one kernel serves all sizes, strides and paddings.
#include "cnncore/pool2d.h"

#include <algorithm>

#include "ops/pool2d_plan.h"
#include "ops/validate.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {

Shape pool2d_output_shape(const Pool2dParams& p, const char* name) {
  const std::string prefix = std::string("[") + name + "] ";
  const char* op = prefix.c_str();
  check_sizes(op, {{"channels", p.channels}}, 1);
  const Shape shape = {output_size(op, p.in_height, p.pool_height, p.stride_height, {p.padding.top, p.padding.bottom}),
                       output_size(op, p.in_width, p.pool_width, p.stride_width, {p.padding.left, p.padding.right}),
                       p.channels};
  check_image_fits(op, p.in_height, p.in_width, p.channels);
  // A window that lies completely in the padding would have no maximum and no average.
  check(p.padding.top < p.pool_height && p.padding.bottom < p.pool_height && p.padding.left < p.pool_width &&
            p.padding.right < p.pool_width,
        op, "expected a padding smaller than the window ", p.pool_height, "x", p.pool_width, ". Received: ((",
        p.padding.top, ", ", p.padding.bottom, "), (", p.padding.left, ", ", p.padding.right, "))");
  check_image_fits(op, multiply(op, shape[0], shape[1]), p.pool_height, p.pool_width);
  return shape;
}

Pool2dPlan::Pool2dPlan(const Pool2dParams& params, Kind kind, const Kernels& kernels)
    : params_(params),
      kind_(kind),
      k_(kernels),
      x_size_(params.in_height * params.in_width * params.channels),
      disjoint_(params.pool_height <= params.stride_height && params.pool_width <= params.stride_width) {
  const Shape out = pool2d_output_shape(params, kind == Kind::max ? "max_pool2d" : "avg_pool2d");
  windows_ = out[0] * out[1];
  window_begin_.push_back(0);
  for (int64_t i = 0; i < out[0]; ++i) {
    for (int64_t j = 0; j < out[1]; ++j) {
      const int64_t top = i * params.stride_height - params.padding.top,
                    left = j * params.stride_width - params.padding.left;
      for (int64_t y = std::max<int64_t>(top, 0); y < std::min(top + params.pool_height, params.in_height); ++y)
        for (int64_t x = std::max<int64_t>(left, 0); x < std::min(left + params.pool_width, params.in_width); ++x)
          window_offset_.push_back(static_cast<int32_t>((y * params.in_width + x) * params.channels));
      window_begin_.push_back(static_cast<int32_t>(window_offset_.size()));
    }
  }
}

PoolArgs Pool2dPlan::image(int64_t n, const float* x, float* y, const float* dy, float* dx) const {
  const int64_t out = n * output_size(), in = n * x_size_;
  return {.x = x ? x + in : nullptr,
          .window_offset = window_offset_.data(),
          .window_begin = window_begin_.data(),
          .windows = windows_,
          .channels = params_.channels,
          .y = y ? y + out : nullptr,
          .dy = dy ? dy + out : nullptr,
          .dx = dx ? dx + in : nullptr,
          .overwrite = disjoint_};
}

void Pool2dPlan::forward(int64_t count, const float* x, float* y) const {
  for (int64_t n = 0; n < count; ++n) {
    const PoolArgs a = image(n, x, y, nullptr, nullptr);
    kind_ == Kind::max ? k_.max_pool(a) : k_.avg_pool(a);
  }
}

void Pool2dPlan::tangent(int64_t count, const float* x, const float* x_tangent, float* y_tangent) const {
  if (kind_ == Kind::average) return forward(count, x_tangent, y_tangent);
  for (int64_t n = 0; n < count; ++n)
    k_.max_pool_tangent(image(n, x, y_tangent, nullptr, const_cast<float*>(x_tangent)));
}

void Pool2dPlan::backward(int64_t count, const float* x, const float* dy, float* dx) const {
  for (int64_t n = 0; n < count; ++n) {
    const PoolArgs a = image(n, x, nullptr, dy, dx);
    const bool covered = disjoint_ && static_cast<int64_t>(window_offset_.size()) * params_.channels == x_size_;
    if (!covered) std::fill_n(a.dx, x_size_, 0.0f);
    kind_ == Kind::max ? k_.max_pool_backward(a) : k_.avg_pool_backward(a);
  }
}

void max_pool2d(const Pool2dParams& params, int64_t batch, const float* x, float* y) {
  const Pool2dPlan plan(params, Pool2dPlan::Kind::max, kernels());
  parallel_for(batch, batch * plan.flops(),
               [&](int64_t n, int) { plan.forward(1, x + n * plan.input_size(), y + n * plan.output_size()); });
}

void max_pool2d_backward(const Pool2dParams& params, int64_t batch, const float* x, const float* dy, float* dx) {
  const Pool2dPlan plan(params, Pool2dPlan::Kind::max, kernels());
  parallel_for(batch, batch * plan.flops(), [&](int64_t n, int) {
    plan.backward(1, x + n * plan.input_size(), dy + n * plan.output_size(), dx + n * plan.input_size());
  });
}

void avg_pool2d(const Pool2dParams& params, int64_t batch, const float* x, float* y) {
  const Pool2dPlan plan(params, Pool2dPlan::Kind::average, kernels());
  parallel_for(batch, batch * plan.flops(),
               [&](int64_t n, int) { plan.forward(1, x + n * plan.input_size(), y + n * plan.output_size()); });
}

void avg_pool2d_backward(const Pool2dParams& params, int64_t batch, const float* dy, float* dx) {
  const Pool2dPlan plan(params, Pool2dPlan::Kind::average, kernels());
  parallel_for(batch, batch * plan.flops(), [&](int64_t n, int) {
    plan.backward(1, nullptr, dy + n * plan.output_size(), dx + n * plan.input_size());
  });
}

}  // namespace cnncore
