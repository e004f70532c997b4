// How a convolution, or a transposed one, runs on whole arrays: the batch is shared between threads.
#pragma once

#include <algorithm>

#include "ops/conv2d/plan.h"
#include "ops/shards.h"
#include "runtime/buffer.h"
#include "runtime/interrupt.h"
#include "runtime/threads.h"

namespace cnncore {

/// Packs the kernel in tasks, on several threads. Plan is Conv2dPlan or Conv2dTransposePlan, also below.
template <class Plan>
void pack_on_threads(const Plan& plan, const float* kernel, float* packed) {
  parallel_for(plan.pack_tasks(), 4 * plan.packed_size(), [&](int64_t task, int) { plan.pack(task, kernel, packed); });
}

struct ConvolutionArrays {
  const float* x;
  const float* kernel;
  const float* bias;  // may be null
  float* y;
};

template <class Plan>
void forward_of_arrays(const Plan& plan, int64_t batch, const ConvolutionArrays& of) {
  const Buffer<float> packed(plan.packed_size());
  pack_on_threads(plan, of.kernel, packed.data());
  const int64_t step = plan.images(), tasks = (batch + step - 1) / step;
  const int64_t scratch = aligned_count<float>(plan.scratch_size());
  const int threads = threads_for(tasks, batch * plan.flops());
  const Buffer<float> memory(scratch * threads);
  interruptible_for_on(threads, tasks, [&](int64_t task, int thread) {
    const int64_t n = task * step;
    plan.forward(std::min(step, batch - n), {.x = of.x + n * plan.input_size(),
                                             .kernel = of.kernel,
                                             .packed = packed.data(),
                                             .bias = of.bias,
                                             .y = of.y + n * plan.output_size(),
                                             .winner = nullptr,
                                             .scratch = memory.data() + thread * scratch});
  });
}

/// Gradients are skipped if their pointer is null.
struct ConvolutionGradients {
  const float* x;
  const float* kernel;
  const float* dy;
  float* dx;
  float* dkernel;
  float* dbias;
};

template <class Plan>
void backward_of_arrays(const Plan& plan, int64_t batch, const ConvolutionGradients& of) {
  const Shards shards(batch, of.dkernel ? plan.partial_size() : 0);
  const int64_t scratch = aligned_count<float>(plan.scratch_size());
  const int threads = threads_for(shards.count, 2 * batch * plan.flops());
  const Buffer<float> memory(scratch * threads), packed(plan.packed_size());
  const bool weights = of.dkernel || of.dbias;
  const Buffer<float> partials(weights ? plan.partial_size() * shards.count : 0);
  pack_on_threads(plan, of.kernel, packed.data());
  interruptible_for_on(threads, shards.count, [&](int64_t shard, int thread) {
    for (int64_t n = shards.begin(shard); n < shards.end(shard); n += plan.backward_images()) {
      plan.backward(std::min(plan.backward_images(), shards.end(shard) - n),
                    {.x = of.x + n * plan.input_size(),
                     .dy = of.dy + n * plan.output_size(),
                     .kernel = of.kernel,
                     .packed = packed.data(),
                     .dx = of.dx ? of.dx + n * plan.input_size() : nullptr,
                     .partial = weights ? partials.data() + shard * plan.partial_size() : nullptr,
                     .overwrite = n == shards.begin(shard),
                     .scratch = memory.data() + thread * scratch});
    }
  });
  const Partials sums{partials.data(), shards.count, plan.partial_size()};
  if (of.dkernel)
    parallel_for(plan.reduce_tasks(), partials.size(), [&](int64_t task, int) { plan.reduce(task, sums, of.dkernel); });
  if (of.dbias) plan.reduce_bias(sums, of.dbias);
}

}  // namespace cnncore
