// Losses and optimizers through the public C++ API, and the runtime's switches.
#include <cstdlib>

#include "arrays.h"
#include "isas.h"
#include "reference.h"

using namespace cnncore;
using namespace testing;

namespace {

constexpr int64_t kBatch = 6, kClasses = 7;

struct Logits {
  std::vector<float> logits, one_hot, gradient, gradient_one_hot;
  std::vector<int64_t> labels;

  explicit Logits(float reach, Random& random)
      : logits(kBatch * kClasses), one_hot(logits.size()), gradient(logits.size()), gradient_one_hot(logits.size()) {
    fill(logits, random, -reach, reach);
    for (int64_t n = 0; n < kBatch; ++n) {
      labels.push_back(random.integer(0, kClasses - 1));
      one_hot[static_cast<size_t>(n * kClasses + labels.back())] = 1.0f;
    }
  }
};

}  // namespace

TEST_CASE("softmax_cross_entropy: value and gradient, from labels and from probabilities, at any scale of the logits") {
  for_each_isa([](const Kernels&) {
    Random random(61);
    for (const float reach : {1.0f, 20.0f, 5000.0f}) {
      Logits l(reach, random);
      const double loss =
          softmax_cross_entropy(kBatch, kClasses, l.logits.data(), {l.labels.data(), nullptr}, l.gradient.data());
      CHECK(softmax_cross_entropy(kBatch, kClasses, l.logits.data(), {nullptr, l.one_hot.data()},
                                  l.gradient_one_hot.data()) == loss);
      CHECK(l.gradient == l.gradient_one_hot);
      double expected = 0;
      Mismatches wrong;
      for (int64_t n = 0; n < kBatch; ++n) {
        const float* row = l.logits.data() + n * kClasses;
        const double top = *std::max_element(row, row + kClasses);
        double sum = 0;
        for (int64_t c = 0; c < kClasses; ++c) sum += std::exp(row[c] - top);
        expected += std::log(sum) + top - row[l.labels[static_cast<size_t>(n)]];
        for (int64_t c = 0; c < kClasses; ++c) {
          const double p = std::exp(row[c] - top) / sum, target = c == l.labels[static_cast<size_t>(n)];
          // The argument of exp is rounded, so its magnitude counts; exp itself (3), the same in the sum (3 + log
          // classes), the sum and the scale.
          wrong.expect(l.gradient[static_cast<size_t>(n * kClasses + c)], (p - target) / kBatch,
                       ((top - row[c] + 10 + kClasses) * p + 3) * kUnit / kBatch);
        }
      }
      CHECK(loss == doctest::Approx(expected / kBatch).epsilon(1e-12));
      CHECK(wrong.count == 0);
    }
  });
}

TEST_CASE("losses refuse labels out of range and unknown names") {
  Random random(62);
  Logits l(1, random);
  for (const int64_t label : {int64_t{-1}, kClasses}) {
    l.labels[2] = label;
    l.gradient.assign(l.gradient.size(), 3.0f);
    const std::string text = "[loss] expected labels in [0, 7). Received: " + std::to_string(label);
    CHECK_THROWS_WITH_AS(
        softmax_cross_entropy(kBatch, kClasses, l.logits.data(), {l.labels.data(), nullptr}, l.gradient.data()),
        text.c_str(), std::invalid_argument);
    for (const float g : l.gradient) CHECK(g == 3.0f);  // nothing half done
  }
  CHECK(parse_loss("mean_squared_error") == LossKind::mean_squared_error);
  CHECK_THROWS_WITH_AS(parse_loss("hing"),
                       doctest::Contains("[loss] expected one of sparse_categorical_crossentropy, "),
                       std::invalid_argument);
}

TEST_CASE("mean_squared_error") {
  const std::vector<float> y = {1, 2, 3, 4}, t = {1, 0, 3.5f, 8};
  std::vector<float> dy(4);
  CHECK(mean_squared_error(2, 2, y.data(), t.data(), dy.data()) == (0 + 4 + 0.25 + 16) / 4);
  CHECK(dy == std::vector<float>{0, 1, -0.25f, -2});
}

namespace {

// Ten steps on a fixed gradient that changes sign, in double, as Keras states the rules.
struct Trajectory {
  static constexpr int64_t kSize = 37;
  static constexpr int kSteps = 10;
  std::vector<float> params, grads;

  explicit Trajectory(Random& random) : params(kSize), grads(kSize * kSteps) {
    fill(params, random), fill(grads, random);
  }

  template <class Rule>  // rule(step, parameter, gradient, state m, state v) -> parameter
  void check(Optimizer& optimizer, Rule rule) const {
    std::vector<float> moved = params;
    std::vector<double> expected(params.begin(), params.end()), m(kSize), v(kSize);
    Mismatches wrong;
    for (int s = 0; s < kSteps; ++s) {
      const float* g = grads.data() + s * kSize;
      optimizer.begin_step();
      optimizer.update(0, 16, moved.data(), g);
      optimizer.update(16, kSize - 16, moved.data() + 16, g + 16);
      for (size_t i = 0; i < kSize; ++i) expected[i] = rule(s + 1, expected[i], static_cast<double>(g[i]), m[i], v[i]);
    }
    // each step rounds parameter and state a few times; |params| stays below 2
    for (size_t i = 0; i < kSize; ++i) wrong.expect(moved[i], expected[i], kSteps * 8 * 2 * kUnit);
    CAPTURE(wrong.worst);
    CHECK(wrong.count == 0);
    CHECK(optimizer.step == kSteps);
  }
};

}  // namespace

TEST_CASE("optimizers follow Keras' rules over several steps, range by range") {
  for_each_isa([](const Kernels&) {
    Random random(63);
    const Trajectory trajectory(random);
    const float momentum = 0.9f, beta_1 = 0.9f, beta_2 = 0.999f;
    const double rate = 0.01f, mu = momentum, b1 = beta_1, b2 = beta_2;
    Sgd plain(Trajectory::kSize), heavy(Trajectory::kSize, momentum), nesterov(Trajectory::kSize, momentum, true);
    trajectory.check(plain, [&](int, double p, double g, double&, double&) { return p - rate * g; });
    trajectory.check(heavy, [&](int, double p, double g, double& m, double&) { return p + (m = mu * m - rate * g); });
    trajectory.check(nesterov, [&](int, double p, double g, double& m, double&) {
      m = mu * m - rate * g;
      return p + mu * m - rate * g;
    });
    const auto adam = [&](double decay) {
      return [&, decay](int step, double p, double g, double& m, double& v) {
        const double r = 0.001f;
        m = b1 * m + (1 - b1) * g, v = b2 * v + (1 - b2) * g * g;
        const double alpha = r * std::sqrt(1 - std::pow(b2, step)) / (1 - std::pow(b1, step));
        return p - r * decay * p - alpha * m / (std::sqrt(v) + 1e-7f);
      };
    };
    Adam adam_plain(Trajectory::kSize), adam_w(Trajectory::kSize, beta_1, beta_2, 1e-7f, 0.05f);
    trajectory.check(adam_plain, adam(0));
    trajectory.check(adam_w, adam(0.05f));
    CHECK(adam_w.state().size() == 2);
    CHECK(plain.state().empty());
    CHECK(heavy.state().at("velocity")->size() == Trajectory::kSize);
  });
}

TEST_CASE("the functions of optimizers are the classes' rules") {
  Random random(64);
  std::vector<float> params(20), grads(20), m(20), v(20), velocity(20);
  fill(params, random), fill(grads, random);
  std::vector<float> same = params, same_sgd = params, params_sgd = params;
  Adam adam(20);
  Sgd sgd(20, 0.5f, true);
  for (int64_t step = 1; step <= 3; ++step) {
    adam.begin_step(), sgd.begin_step();
    adam.update(0, 20, params.data(), grads.data());
    sgd.update(0, 20, params_sgd.data(), grads.data());
    adam_update(20, same.data(), grads.data(), m.data(), v.data(), step, 0.001f, 0.9f, 0.999f, 1e-7f, 0.0f);
    sgd_update(20, same_sgd.data(), grads.data(), velocity.data(), 0.01f, 0.5f, true);
  }
  CHECK(params == same);
  CHECK(params_sgd == same_sgd);
}

TEST_CASE("optimizers refuse what makes no sense") {
  CHECK_THROWS_WITH_AS(Sgd(0), "[optimizer] expected a positive number of parameters. Received: 0",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(Sgd(1, 1.0f), "[optimizer] expected momentum in [0, 1). Received: 1", std::invalid_argument);
  CHECK_THROWS_WITH_AS(Adam(1, -0.5f), "[optimizer] expected beta_1 in [0, 1). Received: -0.5", std::invalid_argument);
  CHECK_THROWS_WITH_AS(Adam(1, 0.9f, 1.0f), "[optimizer] expected beta_2 in [0, 1). Received: 1",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(Adam(1, 0.9f, 0.999f, 0.0f), "[optimizer] expected epsilon > 0. Received: 0",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(Adam(1, 0.9f, 0.999f, 1e-7f, -1.0f), "[optimizer] expected weight_decay >= 0. Received: -1",
                       std::invalid_argument);
  float p = 0;
  CHECK_THROWS_WITH_AS(adam_update(1, &p, &p, &p, &p, 0, 0.1f, 0.9f, 0.999f, 1e-7f, 0),
                       "[adam] expected step >= 1. Received: 0", std::invalid_argument);
}

TEST_CASE("runtime: instruction sets and threads are named or refused, and a refusal changes nothing") {
  const std::string before = isa();
  const int threads = num_threads();
  CHECK_THROWS_AS(set_isa("sse9"), std::invalid_argument);
  CHECK_THROWS_AS(set_isa(""), std::invalid_argument);
#if defined(__x86_64__)
  CHECK_THROWS_AS(set_isa("neon"), std::invalid_argument);
#else
  CHECK_THROWS_AS(set_isa("avx512"), std::invalid_argument);
#endif
  CHECK(isa() == before);
  CHECK_THROWS_WITH_AS(set_num_threads(0), "[set_num_threads] expected 1 to 1024 threads. Received: 0",
                       std::invalid_argument);
  CHECK_THROWS_AS(set_num_threads(-3), std::invalid_argument);
  CHECK(num_threads() == threads);
  const std::vector<std::string> names = available_isas();
  CHECK(names.front() == "scalar");
  CHECK(std::find(names.begin(), names.end(), before) != names.end());
  CHECK(build_info().at("version") == version);
}

TEST_CASE("shapes: sizes are multiplied with care") {
  CHECK(element_count({}) == 1);
  CHECK(element_count({3, 5, 7}) == 105);
  CHECK_THROWS_AS(element_count({int64_t{1} << 32, int64_t{1} << 32}), std::invalid_argument);
  CHECK(to_string(Shape{28, 28, 1}) == "(28, 28, 1)");
  CHECK(to_string(Shape{10}) == "(10,)");
  for (const int64_t size : {1, 5, 6, 28})
    for (const int64_t kernel : {1, 2, 3, 5})
      for (const int64_t stride : {1, 2, 3}) {
        const PaddingPair same = same_padding(size, kernel, stride);
        CHECK(same.after - same.before >= 0);
        CHECK(same.after - same.before <= 1);
        if (same.before + same.after + size >= kernel)
          CHECK(output_size("[test] ", size, kernel, stride, same) == (size + stride - 1) / stride);
      }
}
