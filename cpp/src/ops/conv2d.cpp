// Convolution as a function of arrays: it checks the parameters, plans, and shares the batch between threads.
#include "cnncore/conv2d.h"

#include <algorithm>
#include <vector>

#include "ops/conv2d/plan.h"
#include "ops/shards.h"
#include "ops/validate.h"
#include "runtime/buffer.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/interrupt.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

// An output that is larger than the caches of a core is written to memory without going through them. A store through
// the caches would first read what it overwrites. But memory is slow, so this is only worth it if the arithmetic takes
// longer than the writing.
bool worth_streaming(const float* y, int64_t floats, int64_t flops) {
  constexpr int64_t kCacheFloats = 1 << 19, kFlopsPerFloat = 48;
  return floats >= kCacheFloats && flops >= kFlopsPerFloat * floats && reinterpret_cast<uintptr_t>(y) % kAlignment == 0;
}

void pack(const Conv2dPlan& plan, const float* kernel, float* packed) {
  parallel_for(plan.pack_tasks(), 4 * plan.packed_size(), [&](int64_t task, int) { plan.pack(task, kernel, packed); });
}

int64_t flops_of(const Conv2dParams& p, const Shape& out) {
  return 2 * element_count(out) * p.kernel_height * p.kernel_width * (p.in_channels / p.groups);
}

}  // namespace

Shape conv2d_output_shape(const Conv2dParams& p) {
  constexpr const char* op = "[conv2d] ";
  check_sizes(op, {{"in_channels", p.in_channels}, {"filters", p.filters}, {"groups", p.groups}}, 1);
  check(p.in_channels % p.groups == 0, op,
        "expected in_channels to be a multiple of groups. Received: in_channels=", p.in_channels,
        ", groups=", p.groups);
  check(p.filters % p.groups == 0, op, "expected filters to be a multiple of groups. Received: filters=", p.filters,
        ", groups=", p.groups);
  const Shape shape = {
      output_size(op, p.in_height, p.kernel_height, p.stride_height, {p.padding.top, p.padding.bottom},
                  p.dilation_height),
      output_size(op, p.in_width, p.kernel_width, p.stride_width, {p.padding.left, p.padding.right}, p.dilation_width),
      p.filters};
  check_image_fits(op, p.in_height + p.padding.top + p.padding.bottom, p.in_width + p.padding.left + p.padding.right,
                   p.in_channels);
  // The border of zeros around dy that the gradient of the input reads, which convolves dy with the flipped kernel.
  check_image_fits(op, p.in_height + 2 * (p.kernel_height - 1) * p.dilation_height + p.padding.top + p.padding.bottom,
                   p.in_width + 2 * (p.kernel_width - 1) * p.dilation_width + p.padding.left + p.padding.right,
                   p.filters);
  check_image_fits(op, multiply(op, p.kernel_height, p.kernel_width), p.in_channels, p.filters);
  return shape;
}

void conv2d(const Conv2dParams& params, int64_t batch, const float* x, const float* kernel, const float* bias,
            float* y) {
  const Shape out = conv2d_output_shape(params);
  const bool stream = worth_streaming(y, batch * element_count(out), batch * flops_of(params, out));
  const Conv2dPlan plan(params, {.training = false, .stream = stream}, kernels());
  const Buffer<float> packed(plan.packed_size());
  pack(plan, kernel, packed.data());
  const int64_t step = plan.images();
  const int64_t tasks = (batch + step - 1) / step;
  const int64_t scratch = aligned_count<float>(plan.scratch_size());
  const int64_t work = batch * plan.flops();
  const int threads = threads_for(tasks, work);
  const Buffer<float> memory(scratch * threads);
  interruptible_for_on(threads, tasks, [&](int64_t task, int thread) {
    const int64_t n = task * step;
    plan.forward(std::min(step, batch - n), {.x = x + n * plan.input_size(),
                                             .kernel = kernel,
                                             .packed = packed.data(),
                                             .bias = bias,
                                             .y = y + n * plan.output_size(),
                                             .winner = nullptr,
                                             .scratch = memory.data() + thread * scratch});
  });
}

void conv2d_backward(const Conv2dParams& params, int64_t batch, const float* x, const float* kernel, const float* dy,
                     float* dx, float* dkernel, float* dbias) {
  const Shape out = conv2d_output_shape(params);
  const bool stream = worth_streaming(dx, batch * params.in_height * params.in_width * params.in_channels,
                                      batch * flops_of(params, out));
  const Conv2dPlan plan(params, {.input_grad = dx != nullptr, .stream = stream}, kernels());
  const Shards shards(batch, dkernel ? plan.partial_size() : 0);
  const int64_t scratch = aligned_count<float>(plan.scratch_size());
  const int64_t work = 2 * batch * plan.flops();
  const int threads = threads_for(shards.count, work);
  const Buffer<float> memory(scratch * threads), packed(plan.packed_size());
  const bool weights = dkernel || dbias;
  const Buffer<float> partials(weights ? plan.partial_size() * shards.count : 0);
  pack(plan, kernel, packed.data());
  interruptible_for_on(threads, shards.count, [&](int64_t shard, int thread) {
    for (int64_t n = shards.begin(shard); n < shards.end(shard); n += plan.backward_images()) {
      plan.backward(std::min(plan.backward_images(), shards.end(shard) - n),
                    {.x = x + n * plan.input_size(),
                     .dy = dy + n * plan.output_size(),
                     .packed = packed.data(),
                     .dx = dx ? dx + n * plan.input_size() : nullptr,
                     .partial = weights ? partials.data() + shard * plan.partial_size() : nullptr,
                     .overwrite = n == shards.begin(shard),
                     .scratch = memory.data() + thread * scratch});
    }
  });
  const Partials sums{partials.data(), shards.count, plan.partial_size()};
  if (dkernel)
    parallel_for(plan.reduce_tasks(), partials.size(), [&](int64_t task, int) { plan.reduce(task, sums, dkernel); });
  if (dbias) plan.reduce_bias(sums, dbias);
}

}  // namespace cnncore
