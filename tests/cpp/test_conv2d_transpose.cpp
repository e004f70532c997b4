// The plan of a transposed convolution, used as networks use it: with fused activations, with samples in groups, and
// with two partial sums.
#include "arrays.h"
#include "isas.h"
#include "ops/conv2d_transpose_plan.h"

using namespace cnncore;
using namespace testing;

namespace {

constexpr int64_t kBatch = 5;

// Calls f(x index, kernel index, y index) for every product of the transposed convolution.
template <class Function>
void for_products(const Conv2dTransposeParams& p, Function f) {
  const Shape out = conv2d_transpose_output_shape(p);
  for (int64_t n = 0; n < kBatch; ++n)
    for (int64_t i = 0; i < p.in_height; ++i)
      for (int64_t j = 0; j < p.in_width; ++j)
        for (int64_t ky = 0; ky < p.kernel_height; ++ky)
          for (int64_t kx = 0; kx < p.kernel_width; ++kx) {
            const int64_t y = i * p.stride_height + ky * p.dilation_height - p.padding.top;
            const int64_t x = j * p.stride_width + kx * p.dilation_width - p.padding.left;
            if (y < 0 || y >= out[0] || x < 0 || x >= out[1]) continue;
            for (int64_t o = 0; o < p.filters; ++o)
              for (int64_t c = 0; c < p.in_channels; ++c)
                f(((n * p.in_height + i) * p.in_width + j) * p.in_channels + c,
                  ((ky * p.kernel_width + kx) * p.filters + o) * p.in_channels + c,
                  ((n * out[0] + y) * out[1] + x) * p.filters + o);
          }
}

// Returns small random integers, so that every sum is exact.
void check_plan(const Conv2dTransposeParams& p, Activation activation, const Kernels& k, Random& random) {
  const Conv2dTransposePlan plan(p, {.activation = activation}, k);
  const int64_t kernel_size = p.kernel_height * p.kernel_width * p.filters * p.in_channels;
  Floats x(kBatch * plan.input_size(), random), kernel(kernel_size, random), bias(p.filters, random),
      y(kBatch * plan.output_size(), random), dy(kBatch * plan.output_size(), random), dx(x.size(), random),
      dkernel(kernel_size, random), dbias(p.filters, random), packed(plan.packed_size(), random),
      scratch(plan.scratch_size() + 16, random), partials(2 * plan.partial_size(), random);
  for (Floats* a : {&x, &kernel, &bias, &dy}) fill_integers(*a, random, 3);
  for (int64_t task = 0; task < plan.pack_tasks(); ++task) plan.pack(task, kernel.data(), packed.data());
  for (int64_t n = 0; n < kBatch; n += plan.images())
    plan.forward(std::min(plan.images(), kBatch - n), {.x = x.data() + n * plan.input_size(),
                                                       .kernel = kernel.data(),
                                                       .packed = packed.data(),
                                                       .bias = bias.data(),
                                                       .y = y.data() + n * plan.output_size(),
                                                       .winner = nullptr,
                                                       .scratch = scratch.data()});
  for (int64_t n = 0, step = 0; n < kBatch; n += step) {
    step = n == 0 ? 1 : std::min(plan.backward_images(), kBatch - n);
    plan.backward(step, {.x = x.data() + n * plan.input_size(),
                         .y = y.data() + n * plan.output_size(),
                         .dy = dy.data() + n * plan.output_size(),
                         .kernel = kernel.data(),
                         .packed = packed.data(),
                         .dx = dx.data() + n * plan.input_size(),
                         .partial = partials.data() + (n > 0) * plan.partial_size(),
                         .overwrite = n <= 1,
                         .scratch = scratch.data()});
  }
  const Partials sums{partials.data(), 2, plan.partial_size()};
  for (int64_t task = 0; task < plan.reduce_tasks(); ++task) plan.reduce(task, sums, dkernel.data());
  plan.reduce_bias(sums, dbias.data());

  std::vector<double> to_y(static_cast<size_t>(y.size())), to_x(static_cast<size_t>(x.size())),
      to_kernel(static_cast<size_t>(kernel_size)), to_bias(static_cast<size_t>(p.filters));
  for (size_t i = 0; i < to_y.size(); ++i) to_y[i] = bias[static_cast<int64_t>(i) % p.filters];
  for_products(p, [&](int64_t from, int64_t at, int64_t to) { to_y[static_cast<size_t>(to)] += x[from] * kernel[at]; });
  const auto gradient = [&](int64_t to) {
    const bool passes = activation == Activation::linear || to_y[static_cast<size_t>(to)] > 0;
    return passes ? static_cast<double>(dy[to]) : 0.0;
  };
  for_products(p, [&](int64_t from, int64_t at, int64_t to) {
    to_x[static_cast<size_t>(from)] += kernel[at] * gradient(to);
    to_kernel[static_cast<size_t>(at)] += x[from] * gradient(to);
  });
  for (int64_t i = 0; i < y.size(); ++i) to_bias[static_cast<size_t>(i % p.filters)] += gradient(i);
  int64_t wrong = 0;
  for (int64_t i = 0; i < y.size(); ++i) {
    const double value = to_y[static_cast<size_t>(i)];
    wrong += y[i] != (activation == Activation::relu ? std::max(value, 0.0) : value);
  }
  const auto count_wrong = [&](const Floats& values, const std::vector<double>& expected) {
    for (int64_t i = 0; i < values.size(); ++i) wrong += values[i] != expected[static_cast<size_t>(i)];
  };
  count_wrong(dx, to_x), count_wrong(dkernel, to_kernel), count_wrong(dbias, to_bias);
  CHECK(wrong == 0);
  CHECK((y.intact() && dx.intact() && dkernel.intact() && packed.intact() && scratch.intact() && partials.intact()));
}

}  // namespace

TEST_CASE("conv2d_transpose: a plan with and without relu, by every algorithm of its convolution") {
  for_each_isa([](const Kernels& k) {
    Random random(51);
    for (const int64_t filters : {1, 3, 16, 32})
      for (const int64_t stride : {1, 2, 3})
        for (const Activation activation : {Activation::linear, Activation::relu}) {
          Conv2dTransposeParams p{.in_height = random.integer(2, 6),
                                  .in_width = random.integer(2, 6),
                                  .in_channels = random.pick<int64_t>({1, 8, 16, 32}),
                                  .filters = filters,
                                  .kernel_height = 3,
                                  .kernel_width = random.pick<int64_t>({2, 3, 3}),
                                  .stride_height = stride,
                                  .stride_width = random.coin() ? stride : 1,
                                  .padding = {1, random.integer(0, 1), 0, 1}};
          p.output_padding_height = random.integer(0, p.stride_height - 1);
          CAPTURE(to_string(Shape{p.in_height, p.in_width, p.in_channels, filters, stride}));
          check_plan(p, activation, k, random);
        }
  });
}
