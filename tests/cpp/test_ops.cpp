// Pooling, dense, activations, losses and optimizers through the public C++ API.
#include "arrays.h"
#include "isas.h"
#include "reference.h"

using namespace cnncore;
using namespace testing;

namespace {

Pool2dParams random_pool(Random& random) {
  for (;;) {
    Pool2dParams p;
    p.in_height = random.integer(1, 9), p.in_width = random.integer(1, 9),
    p.channels = random.pick<int64_t>({1, 2, 3, 5, 8, 17, 33});
    p.pool_height = random.integer(1, 4), p.pool_width = random.integer(1, 4);
    p.stride_height = random.integer(1, 5), p.stride_width = random.integer(1, 5);
    const auto less_than = [&](int64_t size) { return random.integer(0, size - 1); };
    p.padding = {less_than(p.pool_height), less_than(p.pool_height), less_than(p.pool_width), less_than(p.pool_width)};
    if (p.pool_height <= p.in_height + p.padding.top + p.padding.bottom &&
        p.pool_width <= p.in_width + p.padding.left + p.padding.right)
      return p;
  }
}

void check_pool(const Pool2dParams& p, int64_t batch, Random& random) {
  const int64_t in = batch * p.in_height * p.in_width * p.channels, out = batch * element_count(pool2d_output_shape(p));
  Floats x(in, random), y_max(out, random), y_avg(out, random), dy(out, random), dx_max(in, random), dx_avg(in, random);
  fill(x, random), fill_integers(dy, random, 100);
  max_pool2d(p, batch, x.data(), y_max.data());
  max_pool2d_backward(p, batch, x.data(), dy.data(), dx_max.data());
  avg_pool2d(p, batch, x.data(), y_avg.data());
  avg_pool2d_backward(p, batch, dy.data(), dx_avg.data());
  Mismatches wrong;
  Sums to_max(static_cast<size_t>(in)), to_avg(static_cast<size_t>(in));
  for_windows(p, batch, [&](int64_t at, const std::vector<int64_t>& window) {
    const int64_t best = place_of_maximum(x.data(), window);
    wrong.expect(y_max[at], x[best], 0);
    to_max[static_cast<size_t>(best)].add(dy[at]);
    Sum mean;
    for (const int64_t i : window) {
      mean.add(x[i] / static_cast<double>(window.size()));
      to_avg[static_cast<size_t>(i)].add(dy[at] / static_cast<double>(window.size()));
    }
    wrong.expect(y_avg[at], mean, 2);  // 1 / count and the product with it
  });
  for (int64_t i = 0; i < in; ++i) {
    wrong.expect(dx_max[i], to_max[static_cast<size_t>(i)].value, 0);
    wrong.expect(dx_avg[i], to_avg[static_cast<size_t>(i)], 2);
  }
  CHECK(wrong.count == 0);
  CHECK((x.intact() && y_max.intact() && y_avg.intact() && dy.intact() && dx_max.intact() && dx_avg.intact()));
}

}  // namespace

TEST_CASE("pooling: any window, stride and padding") {
  for_each_isa([](const Kernels&) {
    Random random(51);
    for (int i = 0; i < 150; ++i) check_pool(random_pool(random), random.integer(1, 4), random);
  });
}

TEST_CASE("pool2d_output_shape refuses what makes no sense") {
  Pool2dParams p;
  p.in_height = 7, p.in_width = 8, p.channels = 3;
  CHECK(pool2d_output_shape(p) == Shape{3, 4, 3});
  p.pool_height = 9;
  CHECK_THROWS_WITH_AS(
      pool2d_output_shape(p),
      "[pool2d] expected a kernel no larger than the padded input. Received: kernel 9 (dilated), input 7",
      std::invalid_argument);
  p.pool_height = 2, p.padding.left = 2;
  CHECK_THROWS_WITH_AS(pool2d_output_shape(p),
                       "[pool2d] expected a padding smaller than the window 2x2. Received: ((0, 0), (2, 0))",
                       std::invalid_argument);
  p.padding.left = 0, p.stride_width = 0;
  CHECK_THROWS_WITH_AS(pool2d_output_shape(p), "[pool2d] expected the stride between 1 and 2147483647. Received: 0",
                       std::invalid_argument);
}

namespace {

void check_dense(const DenseParams& p, int64_t batch, bool with_bias, Random& random) {
  CAPTURE(p.features);
  CAPTURE(p.units);
  CAPTURE(batch);
  Floats x(batch * p.features, random), kernel(p.features * p.units, random), bias(p.units, random),
      y(batch * p.units, random);
  Floats dy(y.size(), random), dx(x.size(), random), dkernel(kernel.size(), random), dbias(p.units, random);
  fill(x, random), fill(kernel, random), fill(bias, random), fill(dy, random);
  dense(p, batch, x.data(), kernel.data(), with_bias ? bias.data() : nullptr, y.data());
  dense_backward(p, batch, x.data(), kernel.data(), dy.data(), dx.data(), dkernel.data(), dbias.data());
  Sums sum_y(static_cast<size_t>(y.size())), sum_x(static_cast<size_t>(x.size())),
      sum_kernel(static_cast<size_t>(kernel.size()));
  Sums sum_bias(static_cast<size_t>(p.units));
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t u = 0; u < p.units; ++u) {
      const int64_t at = n * p.units + u;
      if (with_bias) sum_y[static_cast<size_t>(at)].add(bias[u]);
      sum_bias[static_cast<size_t>(u)].add(dy[at]);
      for (int64_t f = 0; f < p.features; ++f) {
        sum_y[static_cast<size_t>(at)].add(x[n * p.features + f], kernel[f * p.units + u]);
        sum_x[static_cast<size_t>(n * p.features + f)].add(dy[at], kernel[f * p.units + u]);
        sum_kernel[static_cast<size_t>(f * p.units + u)].add(x[n * p.features + f], dy[at]);
      }
    }
  }
  Mismatches wrong;
  for (int64_t i = 0; i < y.size(); ++i) wrong.expect(y[i], sum_y[static_cast<size_t>(i)]);
  for (int64_t i = 0; i < x.size(); ++i) wrong.expect(dx[i], sum_x[static_cast<size_t>(i)]);
  for (int64_t i = 0; i < kernel.size(); ++i) wrong.expect(dkernel[i], sum_kernel[static_cast<size_t>(i)]);
  for (int64_t i = 0; i < p.units; ++i) wrong.expect(dbias[i], sum_bias[static_cast<size_t>(i)]);
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK((x.intact() && kernel.intact() && bias.intact() && y.intact() && dy.intact() && dx.intact() &&
         dkernel.intact() && dbias.intact()));
}

}  // namespace

TEST_CASE("dense and dense_backward") {
  for_each_isa([](const Kernels&) {
    Random random(52);
    for (const int64_t batch : {1, 2, 13, 63, 64, 65, 130}) {
      for (const int64_t units : {1, 10, 16, 31, 67})
        check_dense({random.pick<int64_t>({1, 3, 16, 47, 48, 49, 97}), units}, batch, random.coin(), random);
    }
  });
  CHECK_THROWS_WITH_AS(dense({0, 3}, 1, nullptr, nullptr, nullptr, nullptr),
                       "[dense] expected features between 1 and 2147483647. Received: 0", std::invalid_argument);
}

TEST_CASE("dense: the same bits at any number of threads") {
  const int before = num_threads();
  for_each_isa([](const Kernels&) {
    Random random(53);
    const DenseParams p{300, 129};
    constexpr int64_t kBatch = 200;
    std::vector<float> x(kBatch * 300), kernel(300 * 129), dy(kBatch * 129);
    fill(x, random), fill(kernel, random), fill(dy, random);
    std::vector<std::vector<float>> results;
    for (const int threads : {1, 2, 3, 8}) {
      set_num_threads(threads);
      std::vector<float> all(dy.size() + x.size() + kernel.size() + 129);
      float* dx = all.data() + dy.size();
      dense(p, kBatch, x.data(), kernel.data(), nullptr, all.data());
      dense_backward(p, kBatch, x.data(), kernel.data(), dy.data(), dx, dx + x.size(), dx + x.size() + kernel.size());
      results.push_back(all);
    }
    for (const std::vector<float>& result : results) CHECK(result == results.front());
  });
  set_num_threads(before);
}

TEST_CASE("activation: in rows, in place, by name") {
  for_each_isa([](const Kernels&) {
    Random random(54);
    std::vector<float> x(7 * 5), y(x.size()), dy(x.size()), dx(x.size());
    fill(x, random), fill(dy, random);
    activation(Activation::softmax, 7, 5, x.data(), y.data());
    activation_backward(Activation::softmax, 7, 5, nullptr, y.data(), dy.data(), dx.data());
    for (size_t r = 0; r < 7; ++r) {
      double sum = 0, of_gradient = 0;
      for (size_t c = 0; c < 5; ++c) sum += y[5 * r + c], of_gradient += dx[5 * r + c];
      CHECK(sum == doctest::Approx(1).epsilon(10 * kUnit));
      CHECK(std::fabs(of_gradient) <= 10 * kUnit);  // a constant added to all logits changes nothing
    }
    activation(Activation::relu, 7, 5, x.data(), x.data());
    for (const float value : x) CHECK(value >= 0);
  });
  for (const char* name : {"linear", "relu", "sigmoid", "tanh", "softmax", "leaky_relu", "gelu_tanh", "log_softmax"})
    CHECK(std::string(to_string(parse_activation(name))) == name);
  CHECK(parse_activation("swish") == Activation::silu);
  CHECK(parse_activation("hard_swish") == Activation::hard_silu);
  CHECK_THROWS_WITH_AS(
      parse_activation("glu"),
      "[activation] expected one of linear, relu, sigmoid, tanh, softmax, leaky_relu, relu6, elu, "
      "selu, celu, gelu, gelu_tanh, silu, mish, hard_sigmoid, hard_silu, softplus, softsign, "
      "exponential, log_sigmoid, log_softmax, hard_shrink, soft_shrink, tanh_shrink, hard_tanh, threshold, "
      "squareplus, sparse_plus, sparse_sigmoid. Received: 'glu'",
      std::invalid_argument);
}
