#include <algorithm>

#include "cnncore/activation.h"
#include "ops/prelu_rows.h"
#include "ops/shards.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {

PreluPlan::PreluPlan(const Shape& sample, const Shape& alpha) : shapes_("[prelu] ", {sample, alpha}) {
  check(alpha.size() == sample.size() && shapes_.output_shape() == sample,
        "[prelu] expected an alpha of the sample's shape, with 1 along shared axes. Received: x ", sample, ", alpha ",
        alpha);
}

namespace {

// The alphas of a block of x. All samples have the same alphas, so the number of the sample does not matter.
Operand alpha_of(const Broadcast& shapes, Broadcast::Block b, const float* alpha) {
  b.sample = 0;
  return shapes.operand(1, b, alpha);
}

}  // namespace

void PreluPlan::forward(const Kernels& k, int64_t count, const float* x, const float* alpha, float* y) const {
  shapes_.for_blocks(count, [&](const Broadcast::Block& b) {
    const int64_t at = shapes_.output_offset(b);
    k.prelu({x + at, alpha_of(shapes_, b, alpha), b.rows, b.cols, y + at});
  });
}

void PreluPlan::backward(const Kernels& k, int64_t count, const float* x, const float* alpha, const float* dy,
                         float* dx, float* dalpha) const {
  float t[Broadcast::kBlock];
  shapes_.for_blocks(count, [&](const Broadcast::Block& b) {
    const int64_t at = shapes_.output_offset(b);
    k.prelu_backward(
        {x + at, alpha_of(shapes_, b, alpha), dy + at, b.rows, b.cols, dx ? dx + at : nullptr, dalpha ? t : nullptr});
    if (!dalpha) return;
    const Operand own = alpha_of(shapes_, b, dalpha);
    add_to_operand(k.merge_reduce, b, t, own);
  });
}

void PreluPlan::add_second(const Kernels& k, int64_t count, const float* x, const float* x_tangent, const float* dy,
                           float* dalpha) const {
  float t[Broadcast::kBlock];
  shapes_.for_blocks(count, [&](const Broadcast::Block& b) {
    const int64_t at = shapes_.output_offset(b);
    for (int64_t i = 0; i < b.rows * b.cols; ++i) t[i] = x[at + i] > 0.0f ? 0.0f : x_tangent[at + i] * dy[at + i];
    const Operand own = alpha_of(shapes_, b, dalpha);
    add_to_operand(k.merge_reduce, b, t, own);
  });
}

void prelu(const Shape& sample, const Shape& alpha_shape, int64_t batch, const float* x, const float* alpha, float* y) {
  const PreluPlan plan(sample, alpha_shape);
  const int64_t size = element_count(sample);
  parallel_for(batch, batch * size,
               [&](int64_t n, int) { plan.forward(kernels(), 1, x + n * size, alpha, y + n * size); });
}

void prelu_backward(const Shape& sample, const Shape& alpha_shape, int64_t batch, const float* x, const float* alpha,
                    const float* dy, float* dx, float* dalpha) {
  const PreluPlan plan(sample, alpha_shape);
  const int64_t size = element_count(sample), alphas = element_count(alpha_shape);
  const Shards shards(batch);
  std::vector<float> partials(static_cast<size_t>(shards.count * alphas));
  parallel_for(shards.count, 4 * batch * size, [&](int64_t s, int) {
    const int64_t at = shards.begin(s) * size;
    plan.backward(kernels(), shards.end(s) - shards.begin(s), x + at, alpha, dy + at, dx ? dx + at : nullptr,
                  partials.data() + s * alphas);
  });
  std::fill_n(dalpha, alphas, 0.0f);
  for (int64_t s = 0; s < shards.count; ++s) kernels().accumulate(partials.data() + s * alphas, dalpha, alphas);
}

}  // namespace cnncore
