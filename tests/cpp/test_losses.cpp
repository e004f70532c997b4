// Losses, and the settings of the runtime, through the public C++ API.
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
          // The roundings: of the argument of exp, times its magnitude; of exp itself (3); of the same exp in the sum
          // (3 + log classes); of the sum; and of the scale.
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
    for (const float g : l.gradient) CHECK(g == 3.0f);  // nothing was written
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
