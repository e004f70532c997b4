// Optimizers through the public C++ API: what all optimizers share, and rules that keep state.
#include <algorithm>
#include <functional>
#include <stdexcept>

#include "arrays.h"
#include "cnncore/optimizer_rules.h"
#include "cnncore/runtime.h"
#include "isas.h"

using namespace cnncore;
using namespace testing;

namespace {

constexpr int64_t kSize = 9000;  // three pieces

std::vector<float> random_vector(int64_t size, uint64_t seed, float reach = 1.0f) {
  Random random(seed);
  std::vector<float> values(static_cast<size_t>(size));
  fill(values, random, -reach, reach);
  return values;
}

bool apply(Optimizer& optimizer, std::vector<float>& params, const std::vector<float>& grads) {
  const UpdateRange all{0, static_cast<int64_t>(params.size()), params.data(), grads.data()};
  return optimizer.apply({&all, 1});
}

// Gradient descent with a learning rate of 1: the change of the parameters is the gradient that the rule was given.
std::vector<float> given(Optimizer& optimizer, const std::vector<float>& grads) {
  std::vector<float> params(grads.size());
  optimizer.learning_rate = 1.0f;
  apply(optimizer, params, grads);
  for (float& p : params) p = -p;
  return params;
}

double norm(const std::vector<float>& v, size_t begin, size_t end) {
  double sum = 0;
  for (size_t i = begin; i < end; ++i) sum += static_cast<double>(v[i]) * v[i];
  return std::sqrt(sum);
}

void check_close(const std::vector<float>& a, const std::vector<double>& b, double tolerance) {
  REQUIRE(a.size() == b.size());
  Mismatches wrong;
  for (size_t i = 0; i < a.size(); ++i) wrong.expect(a[i], b[i], tolerance * (1 + std::fabs(b[i])));
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
}

const std::vector<VariableRange> kTwo = {{"kernel", 0, 5000, {50, 100}, true}, {"bias", 5008, 3992, {3992}, false}};

}  // namespace

TEST_CASE("a step is the same however its ranges are cut and ordered, at any number of threads") {
  const std::vector<float> grads = random_vector(kSize, 1), start = random_vector(kSize, 2);
  std::vector<std::vector<float>> results;
  const int before = num_threads();
  for (const int threads : {1, 2, 3})
    for (const bool whole : {true, false}) {
      set_num_threads(threads);
      Adam optimizer(kSize);
      optimizer.set_options({.weight_decay = 0.1, .global_clipnorm = 0.5f});
      std::vector<float> params = start;
      for (int s = 0; s < 3; ++s) {
        const std::vector<int64_t> cuts =
            whole ? std::vector<int64_t>{0, kSize} : std::vector<int64_t>{0, 7, 4096, kSize};
        std::vector<UpdateRange> ranges;
        for (size_t i = 0; i + 1 < cuts.size(); ++i)
          ranges.push_back({cuts[i], cuts[i + 1] - cuts[i], params.data() + cuts[i], grads.data() + cuts[i]});
        CHECK(optimizer.apply(ranges));
      }
      CHECK(optimizer.step == 3);
      if (whole || threads > 1) results.push_back(params);
      if (!whole)
        check_close(params, {results[0].begin(), results[0].end()}, 1e-6);  // the norm is summed in another order
    }
  set_num_threads(before);
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[3]);
  CHECK(results[2] == results[4]);
}

TEST_CASE("what lies between variables is not touched, and ranges outside are refused") {
  Sgd optimizer(kSize);
  optimizer.set_variables(kTwo);
  std::vector<float> params(kSize, 1.0f);
  const std::vector<float> grads(kSize, 1.0f);
  apply(optimizer, params, grads);
  for (size_t i = 0; i < params.size(); ++i) CHECK((params[i] == 1.0f) == (i >= 5000 && i < 5008));
  const UpdateRange outside{kSize - 1, 2, params.data(), grads.data()};
  CHECK_THROWS_WITH_AS(optimizer.apply({&outside, 1}),
                       "[optimizer] expected ranges within 9000 parameters. Received: 2 at 8999",
                       std::invalid_argument);
  CHECK_THROWS_AS(optimizer.set_variables({{"a", 0, 5, {5}}, {"b", 4, 5, {5}}}), std::invalid_argument);
  CHECK_THROWS_AS(optimizer.set_variables({{"a", kSize - 1, 2, {2}}}), std::invalid_argument);
  CHECK_THROWS_AS(optimizer.set_variables({}), std::invalid_argument);
}

TEST_CASE("gradients are clipped: by variable, all together, by value") {
  const std::vector<float> grads = random_vector(kSize, 3, 2.0f);
  Sgd optimizer(kSize);
  optimizer.set_variables(kTwo);
  optimizer.set_options({.clipnorm = 0.5f});
  std::vector<float> g = given(optimizer, grads);
  CHECK(norm(g, 0, 5000) == doctest::Approx(0.5).epsilon(1e-5));
  CHECK(norm(g, 5008, 9000) == doctest::Approx(0.5).epsilon(1e-5));
  CHECK(g[7] / grads[7] == doctest::Approx(0.5 / norm(grads, 0, 5000)).epsilon(1e-5));
  optimizer.set_options({.clipnorm = 1e6f});
  CHECK(given(optimizer, grads)[17] == grads[17]);
  optimizer.set_options({.global_clipnorm = 0.5f});
  g = given(optimizer, grads);
  CHECK(norm(g, 0, 9000) == doctest::Approx(0.5).epsilon(1e-5));
  optimizer.set_options({.clipvalue = 0.5f});
  g = given(optimizer, grads);
  for (const size_t i : {size_t{0}, size_t{4999}, size_t{5008}}) CHECK(g[i] == std::clamp(grads[i], -0.5f, 0.5f));
  // The norm is right even if the squares are too large for float32.
  std::vector<float> huge(kSize, 1e30f);
  optimizer.set_options({.clipnorm = 1.0f});
  CHECK(norm(given(optimizer, huge), 0, 5000) == doctest::Approx(1.0).epsilon(1e-5));
  CHECK(optimizer.finite());
}

TEST_CASE("weights decay before the step, but for variables that are excluded") {
  Sgd optimizer(kSize);
  optimizer.set_variables(kTwo);
  optimizer.set_options({.weight_decay = 0.5});
  optimizer.learning_rate = 0.1f;
  std::vector<float> params(kSize, 2.0f);
  apply(optimizer, params, std::vector<float>(kSize, 1.0f));
  CHECK(params[0] == doctest::Approx(2 * (1 - 0.1 * 0.5) - 0.1));
  CHECK(params[8999] == doctest::Approx(2 - 0.1));
}

TEST_CASE("gradients are accumulated: the parameters move once in so many calls, by the mean") {
  Adam often(kSize), once(kSize);
  once.set_options({.gradient_accumulation_steps = 3});
  std::vector<float> a = random_vector(kSize, 4), b = a, mean(kSize);
  for (int update = 1; update <= 2; ++update) {
    std::fill(mean.begin(), mean.end(), 0.0f);
    for (uint64_t i = 0; i < 3; ++i) {
      const std::vector<float> grads = random_vector(kSize, 10 + i), before = b;
      for (size_t j = 0; j < mean.size(); ++j) mean[j] += grads[j] / 3;
      apply(once, b, grads);
      CHECK((b == before) == (i < 2));
    }
    apply(often, a, mean);
    CHECK(once.updates() == often.updates());
  }
  check_close(b, {a.begin(), a.end()}, 1e-5);
  CHECK(once.step == 6);
  CHECK(once.state().count("gradient_accumulator") == 1);
}

TEST_CASE("averages of the parameters are kept and put in their place") {
  Sgd optimizer(2);
  optimizer.learning_rate = 1.0f;
  optimizer.set_options({.use_ema = true, .ema_momentum = 0.75, .ema_overwrite_frequency = 3});
  std::vector<float> params = {0.0f, 4.0f};
  std::vector<double> average;
  for (int s = 1; s <= 3; ++s) {
    apply(optimizer, params, {-1.0f, 2.0f});
    const std::vector<double> now = {s * 1.0, 4.0 - 2 * s};
    if (average.empty()) average = now;
    for (size_t i = 0; i < 2 && s > 1; ++i) average[i] = 0.75 * average[i] + 0.25 * now[i];
    check_close(*optimizer.state().at("average"), average, 1e-6);
  }
  check_close(params, average, 1e-6);
}

TEST_CASE("a step that leaves something infinite says so, in the parameters or in the state") {
  Sgd sgd(4);
  sgd.learning_rate = 3e38f;
  std::vector<float> params(4, 1.0f);
  CHECK(!apply(sgd, params, {0.0f, 0.0f, 1e10f, 0.0f}));
  CHECK(!sgd.finite());
  Adam adam(4);
  params.assign(4, 1.0f);
  CHECK(apply(adam, params, {1.0f, 1.0f, 1.0f, 1.0f}));
  CHECK(!apply(adam, params, {1.0f, 1.0f, 1e25f, 1.0f}));  // the parameter stays, its second moment is infinite
  CHECK(std::isfinite(params[2]));
  CHECK(std::isinf((*adam.state().at("v"))[2]));
}

TEST_CASE("every rule notices an overflow, wherever it is") {
  constexpr int64_t size = 37;
  const auto check_rule = [](Optimizer& optimizer, float huge) {
    for (const int64_t at : {int64_t{0}, int64_t{20}, size - 1}) {
      std::vector<float> params(size, 1.0f), grads(size, 0.25f);
      for (const auto& [name, values] : optimizer.state()) std::fill(values->begin(), values->end(), 0.5f);
      CHECK(apply(optimizer, params, grads));
      grads[static_cast<size_t>(at)] = huge;
      CHECK(!apply(optimizer, params, grads));
      CHECK(!optimizer.finite());
    }
  };
  for_each_isa([&](const Kernels&) {
    Sgd sgd(size, 0.9f);
    sgd.learning_rate = 1e10f;
    check_rule(sgd, 1e35f);
    Adam adam(size), amsgrad(size, 0.9, 0.999, 1e-7f, true);
    Nadam nadam(size);
    Rmsprop rmsprop(size);
    Adagrad adagrad(size);
    Adadelta adadelta(size);
    Ftrl ftrl(size);
    Muon muon(size, {});
    for (Optimizer* optimizer :
         std::initializer_list<Optimizer*>{&adam, &amsgrad, &nadam, &rmsprop, &adagrad, &adadelta, &ftrl, &muon})
      check_rule(*optimizer, 1e25f);
    Adamax adamax(size);
    check_rule(adamax, std::numeric_limits<float>::infinity());
    Lion lion(size);
    check_rule(lion, std::numeric_limits<float>::infinity());
  });
}

TEST_CASE("an exception in a user's rule arrives at the caller") {
  struct Thrower : Optimizer {
    Thrower() : Optimizer(kSize) {}
    bool update(int64_t offset, int64_t, float*, const float*) override {
      if (offset > 0) throw std::runtime_error("no step here");
      return true;
    }
  } optimizer;
  std::vector<float> params(kSize);
  const int before = num_threads();
  for (const int threads : {1, 2}) {
    set_num_threads(threads);
    CHECK_THROWS_WITH_AS(apply(optimizer, params, params), "no step here", std::runtime_error);
  }
  set_num_threads(before);
}

TEST_CASE("the functions of optimizers are the classes' rules") {
  const std::vector<float> grads = random_vector(20, 64);
  std::vector<float> params = random_vector(20, 65), same = params, params_sgd = params, same_sgd = params;
  std::vector<float> m(20), v(20), velocity(20);
  Adam adam(20);
  adam.set_options({.weight_decay = 0.1});
  Sgd sgd(20, 0.5f, true);
  for (int64_t step = 1; step <= 3; ++step) {
    apply(adam, params, grads), apply(sgd, params_sgd, grads);
    adam_update({.step = step, .weight_decay = 0.1},
                {.size = 20, .params = same.data(), .grads = grads.data(), .m = m.data(), .v = v.data()});
    sgd_update(20, same_sgd.data(), grads.data(), velocity.data(), 0.01f, 0.5f, true);
  }
  CHECK(params == same);
  CHECK(params_sgd == same_sgd);
}

TEST_CASE("nadam goes on where its step is set, forward or back") {
  const std::vector<float> grads = random_vector(8, 66);
  Nadam first(8), second(8);
  std::vector<float> a = random_vector(8, 67), b = a;
  for (int s = 0; s < 4; ++s) apply(first, a, grads);
  for (int s = 0; s < 7; ++s) apply(second, b, grads);
  b = a;
  for (const auto& [name, values] : first.state()) *second.state().at(name) = *values;
  second.step = first.step;
  apply(first, a, grads), apply(second, b, grads);
  CHECK(a == b);
}

namespace {

// Returns Muon's direction for a matrix, in double.
std::vector<double> orthogonalized(const std::vector<float>& g, size_t rows, size_t cols, int steps) {
  const bool tall = rows > cols;
  const size_t n = std::min(rows, cols), length = std::max(rows, cols);
  std::vector<double> x(rows * cols);
  double squares = 0;
  for (const float value : g) squares += static_cast<double>(value) * value;
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < cols; ++j)
      x[tall ? j * length + i : i * length + j] = g[i * cols + j] / (std::sqrt(squares) + 1e-7);
  const auto product = [](const std::vector<double>& a, const std::vector<double>& b, size_t m, size_t depth,
                          size_t k) {
    std::vector<double> y(m * k);
    for (size_t i = 0; i < m; ++i)
      for (size_t t = 0; t < depth; ++t)
        for (size_t j = 0; j < k; ++j) y[i * k + j] += a[i * depth + t] * b[t * k + j];
    return y;
  };
  for (int s = 0; s < steps; ++s) {
    std::vector<double> transposed(x.size());
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < length; ++j) transposed[j * n + i] = x[i * length + j];
    const std::vector<double> gram = product(x, transposed, n, length, n), square = product(gram, gram, n, n, n);
    std::vector<double> factor(n * n);
    for (size_t i = 0; i < n * n; ++i) factor[i] = -4.7750 * gram[i] + 2.0315 * square[i];
    const std::vector<double> rest = product(factor, x, n, n, length);
    for (size_t i = 0; i < x.size(); ++i) x[i] = 3.4445 * x[i] + rest[i];
  }
  if (!tall) return x;
  std::vector<double> y(x.size());
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < cols; ++j) y[i * cols + j] = x[j * length + i];
  return y;
}

}  // namespace

TEST_CASE("muon moves matrices along their orthogonalized momentum, and the rest as adam does") {
  for_each_isa([](const Kernels&) {
    for (const auto& shape : std::vector<std::pair<int64_t, int64_t>>{{1, 7}, {9, 33}, {130, 17}, {60, 90}}) {
      const int64_t rows = shape.first, cols = shape.second;
      CAPTURE(rows);
      const int64_t size = rows * cols + 5;
      MuonParams p;
      p.nesterov = false, p.momentum = 0.0f, p.rms_rate = 0.5f;
      Muon muon(size, p);
      muon.set_variables({{"kernel", 0, rows * cols, {rows, cols}}, {"bias", rows * cols, 5, {5}}});
      muon.set_matrices({{rows, cols}, {0, 0}});
      Adam adam(size);
      const std::vector<float> grads = random_vector(size, 70);
      std::vector<float> params(static_cast<size_t>(size)), others = params;
      muon.learning_rate = adam.learning_rate = 0.25f;
      CHECK(apply(muon, params, grads));
      apply(adam, others, grads);
      const auto matrix = static_cast<std::ptrdiff_t>(rows * cols);
      CHECK(std::equal(params.begin() + matrix, params.end(), others.begin() + matrix));
      std::vector<double> expected = orthogonalized({grads.begin(), grads.begin() + matrix}, static_cast<size_t>(rows),
                                                    static_cast<size_t>(cols), p.ns_steps);
      for (double& value : expected) value *= -0.25 * 0.5 * std::sqrt(static_cast<double>(std::max(rows, cols)));
      params.resize(static_cast<size_t>(rows * cols));
      check_close(params, expected, 2e-5);
    }
  });
}

TEST_CASE("optimizers refuse what makes no sense") {
  const auto refused = [](const std::function<void()>& make, const char* text) {
    CHECK_THROWS_WITH_AS(make(), text, std::invalid_argument);
  };
  refused([] { Sgd(0); }, "[optimizer] expected a positive number of parameters. Received: 0");
  refused([] { Sgd(1, 1.5f); }, "[optimizer] expected momentum in [0, 1]. Received: 1.5");
  refused([] { Adam(1, -0.5); }, "[optimizer] expected beta_1 in [0, 1). Received: -0.5");
  refused([] { Adam(1, 0.9, 1.0); }, "[optimizer] expected beta_2 in [0, 1). Received: 1");
  refused([] { Adam(1, 0.9, 0.999, -1.0f); }, "[optimizer] expected epsilon >= 0. Received: -1");
  refused([] { Rmsprop(1, 1.0); }, "[optimizer] expected rho in [0, 1). Received: 1");
  refused([] { Adadelta(1, -1.0); }, "[optimizer] expected rho in [0, 1). Received: -1");
  refused([] { Adagrad(1, -1.0f); }, "[optimizer] expected initial_accumulator_value >= 0. Received: -1");
  refused([] { Lion(1, 0.0); }, "[optimizer] expected beta_1 in (0, 1]. Received: 0");
  refused([] { Nadam(1, 2.0); }, "[optimizer] expected beta_1 in [0, 1). Received: 2");
  refused([] { Adamax(1, 0.9, 2.0); }, "[optimizer] expected beta_2 in [0, 1). Received: 2");
  refused([] { Ftrl(1, {.learning_rate_power = 1.0f}); }, "[optimizer] expected learning_rate_power <= 0. Received: 1");
  refused([] { Muon(1, {.ns_steps = 0}); }, "[optimizer] expected ns_steps >= 1. Received: 0");
  Sgd sgd(4);
  refused([&] { sgd.set_options({.weight_decay = -1.0}); }, "[optimizer] expected weight_decay >= 0. Received: -1");
  refused([&] { sgd.set_options({.clipnorm = 1.0f, .clipvalue = 1.0f}); },
          "[optimizer] expected at most one of clipnorm, clipvalue and global_clipnorm");
  refused([&] { sgd.set_options({.gradient_accumulation_steps = 1}); },
          "[optimizer] expected gradient_accumulation_steps >= 2, or 0. Received: 1");
  refused([&] { sgd.set_options({.ema_momentum = 2.0}); }, "[optimizer] expected ema_momentum in [0, 1]. Received: 2");
  float p = 0;
  refused([&] { adam_update({.step = 0}, {.size = 1, .params = &p, .grads = &p, .m = &p, .v = &p}); },
          "[adam] expected step >= 1. Received: 0");
}
