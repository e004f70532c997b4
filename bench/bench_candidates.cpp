// Measures how many times as fast as the direct sum each algorithm of a convolution is, for each pass, on one thread.
// The speeds in cpp/src/ops/conv2d were measured by this program. The algorithms take turns, and the fastest run of
// each counts.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "cnncore/runtime.h"
#include "ops/conv2d/plan.h"
#include "runtime/dispatch.h"

namespace cnncore::bench {
namespace {

constexpr int64_t kBatch = 16;

struct Shape2d {
  const char* name;
  Conv2dParams params;
  bool pool = false, input_grad = true;
};

Conv2dParams square(int64_t size, int64_t channels, int64_t filters, int64_t kernel, int64_t pad = 0) {
  return {.in_height = size,
          .in_width = size,
          .in_channels = channels,
          .filters = filters,
          .kernel_height = kernel,
          .kernel_width = kernel,
          .padding = {pad, pad, pad, pad}};
}

std::vector<Shape2d> shapes() {
  std::vector<Shape2d> list = {{"28x28x1 6 5x5", square(28, 1, 6, 5, 2)},
                               {"28x28x1 32 3x3 pool, no dx", square(28, 1, 32, 3), true, false},
                               {"28x28x1 32 3x3", square(28, 1, 32, 3)},
                               {"13x13x32 64 3x3 pool", square(13, 32, 64, 3), true},
                               {"32x32x3 32 3x3", square(32, 3, 32, 3, 1)},
                               {"32x32x16 16 3x3", square(32, 16, 16, 3, 1)},
                               {"32x32x32 32 3x3 pool", square(32, 32, 32, 3, 1), true},
                               {"16x16x32 32 3x3", square(16, 32, 32, 3, 1)},
                               {"8x8x64 64 3x3", square(8, 64, 64, 3, 1)},
                               {"3x3x128 128 3x3", square(3, 128, 128, 3, 1)},
                               {"5x5x64 64 3x3", square(5, 64, 64, 3, 1)},
                               {"7x7x64 64 3x3", square(7, 64, 64, 3, 1)},
                               {"15x15x32 32 3x3", square(15, 32, 32, 3, 1)},
                               {"16x16x128 128 3x3", square(16, 128, 128, 3, 1)},
                               {"7x7x64 128 3x3 pool", square(7, 64, 128, 3, 1), true},
                               {"31x31x24 32 3x3 pool", square(31, 24, 32, 3, 1), true},
                               {"14x14x6 16 5x5", square(14, 6, 16, 5)},
                               {"48x48x8 16 1x1", square(48, 8, 16, 1)},
                               {"24x24x32 32 1x1", square(24, 32, 32, 1)}};
  Conv2dParams depthwise = square(25, 64, 64, 3, 1);
  depthwise.groups = 64;
  list.push_back({"25x25x64 depthwise 3x3", depthwise});
  depthwise.filters = 128;
  list.push_back({"25x25x64 depthwise 3x3, two filters each", depthwise});
  return list;
}

struct Arrays {
  explicit Arrays(const Conv2dPlan& plan, const Conv2dParams& p)
      : x(kBatch * plan.input_size()),
        kernel(p.kernel_height * p.kernel_width * p.in_channels / p.groups * p.filters),
        y(kBatch * plan.output_size()),
        dy(kBatch * plan.output_size()),
        dx(kBatch * plan.input_size()),
        packed(plan.packed_size()),
        partial(plan.partial_size()),
        scratch(plan.scratch_size()),
        winner(kBatch * plan.output_size()) {
    std::minstd_rand random(1);
    for (const Buffer<float>* a : {&x, &kernel, &dy})
      for (int64_t i = 0; i < a->size(); ++i) a->data()[i] = static_cast<float>(random()) / 0x1p30f - 1.0f;
    for (int64_t i = 0; i < winner.size(); ++i) winner.data()[i] = static_cast<uint8_t>(random() % 5);
    plan.pack(kernel.data(), packed.data());
  }
  Buffer<float> x, kernel, y, dy, dx, packed, partial, scratch;
  Buffer<uint8_t> winner;
};

enum class PassKind { forward, data, weights };

void run(PassKind kind, const Conv2dPlan& plan, const Arrays& a) {
  const int64_t step = kind == PassKind::forward ? plan.images() : plan.backward_images();
  for (int64_t n = 0; n < kBatch; n += step) {
    const int64_t count = std::min(step, kBatch - n), in = n * plan.input_size(), out = n * plan.output_size();
    if (kind == PassKind::forward)
      plan.forward(count, {.x = a.x.data() + in,
                           .kernel = a.kernel.data(),
                           .packed = a.packed.data(),
                           .bias = nullptr,
                           .y = a.y.data() + out,
                           .winner = a.winner.data() + out,
                           .scratch = a.scratch.data()});
    else
      plan.backward(count, {.x = a.x.data() + in,
                            .winner = a.winner.data() + out,
                            .dy = a.dy.data() + out,
                            .packed = a.packed.data(),
                            .dx = kind == PassKind::data ? a.dx.data() + in : nullptr,
                            .partial = kind == PassKind::weights ? a.partial.data() : nullptr,
                            .overwrite = n == 0,
                            .scratch = a.scratch.data()});
  }
}

double seconds(PassKind kind, const Conv2dPlan& plan, const Arrays& a) {
  const auto begin = std::chrono::steady_clock::now();
  run(kind, plan, a);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

Conv2dPlan::Passes only(PassKind kind, const char* name) {
  Conv2dPlan::Passes passes{
      .forward = kind == PassKind::forward, .data = kind == PassKind::data, .weights = kind == PassKind::weights};
  const char*& forced = kind == PassKind::forward ? passes.forced.forward
                        : kind == PassKind::data  ? passes.forced.data
                                                  : passes.forced.weights;
  forced = name;
  return passes;
}

template <class Candidates>
void measure(PassKind kind, const char* pass, const Shape2d& shape, const Candidates& candidates) {
  const Conv2dFusion fusion{.max_pool = shape.pool, .input_grad = shape.input_grad};
  const Conv2dProblem problem(shape.params, fusion);
  std::vector<const char*> names;
  std::vector<Conv2dPlan> plans;
  std::vector<Arrays> arrays;
  for (const auto* candidate : candidates) {
    if (candidate->speed(problem, kernels()) == 0) continue;
    names.push_back(candidate->name);
    plans.emplace_back(shape.params, fusion, kernels(), only(kind, candidate->name));
    arrays.emplace_back(plans.back(), shape.params);
  }
  if (names.size() < 2) return;
  std::vector<double> best(names.size(), 1e9);
  for (int repeat = 0; repeat < 25; ++repeat)
    for (size_t i = 0; i < names.size(); ++i) best[i] = std::min(best[i], seconds(kind, plans[i], arrays[i]));
  std::printf("%-42s %-8s", shape.name, pass);
  for (size_t i = 0; i < names.size(); ++i) std::printf("  %s %.2f", names[i], best.back() / best[i]);
  std::printf("   (direct: %.0f us)\n", best.back() * 1e6);
}

}  // namespace
}  // namespace cnncore::bench

int main() {
  using namespace cnncore;
  using namespace cnncore::bench;
  for (const std::string& isa : available_isas()) {
    if (isa == "scalar") continue;
    set_isa(isa);
    std::printf("%s\n", isa.c_str());
    for (const Shape2d& shape : shapes()) {
      measure(PassKind::forward, "forward", shape, forward_candidates());
      if (shape.input_grad) measure(PassKind::data, "data", shape, data_candidates());
      measure(PassKind::weights, "weights", shape, weights_candidates());
    }
  }
}
