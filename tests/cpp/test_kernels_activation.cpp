// The activations of every instruction set against double: value, gradient and second derivative.
#include <functional>

#include "arrays.h"
#include "isas.h"
#include "ops/activation_rows.h"

using namespace cnncore;
using namespace testing;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
// The kernels give 0 for an exponential below the least normal float, and slopes multiply it by powers of x.
double underflow(double x) { return 4 * std::numeric_limits<float>::min() * std::pow(1 + x * x, 2); }

double sigmoid(double x) { return x > 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }
double phi(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * M_PI); }

using Function = std::function<double(double)>;

// The value f, the slope f', the second derivative f'', and how far the rounding of the argument changes each: by a
// number of units times (1 + growth(x)), since e^(w (1 + u)) has a relative error of |w| u.
struct Case {
  ActivationSpec spec;
  Function value, slope, second;
  Function growth = [](double) { return 0.0; };
};

ActivationSpec with(Activation kind, float alpha, float max_value = kInfinity, float threshold = 0) {
  ActivationSpec spec = kind;
  spec.alpha = alpha, spec.max_value = max_value, spec.threshold = threshold;
  return spec;
}

Case relu_case(const ActivationSpec& s) {
  return {s, [s](double x) { return x > s.threshold ? std::fmin(x, s.max_value) : s.alpha * (x - s.threshold); },
          [s](double x) { return x >= s.max_value && x > s.threshold ? 0
                                 : x > s.threshold                   ? 1
                                                                     : s.alpha; },
          [](double) { return 0.0; }};
}

Case elu_case(const ActivationSpec& s, double scale, double alpha) {
  return {s, [=](double x) { return scale * (x > 0 ? x : alpha * std::expm1(x)); },
          [=](double x) { return scale * (x > 0 ? 1 : alpha * std::exp(x)); },
          [=](double x) { return x > 0 ? 0 : scale * alpha * std::exp(x); }};
}

Case gelu_tanh_case() {
  const auto w = [](double x) { return 2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x); };
  const auto dw = [](double x) { return 2 * std::sqrt(2 / M_PI) * (1 + 3 * 0.044715 * x * x); };
  const auto d2w = [](double x) { return 2 * std::sqrt(2 / M_PI) * 6 * 0.044715 * x; };
  return {Activation::gelu_tanh, [=](double x) { return x * sigmoid(w(x)); },
          [=](double x) { return sigmoid(w(x)) + x * sigmoid(w(x)) * sigmoid(-w(x)) * dw(x); },
          [=](double x) {
            const double s = sigmoid(w(x)), r = sigmoid(-w(x));
            return s * r * (2 * dw(x) + x * ((r - s) * dw(x) * dw(x) + d2w(x)));
          },
          [=](double x) { return std::fabs(w(x)); }};
}

Case mish_case() {
  const auto t = [](double x) { return std::tanh(softplus(x)); };
  const auto dt = [=](double x) { return (1 - t(x) * t(x)) * sigmoid(x); };
  return {Activation::mish, [=](double x) { return x * t(x); }, [=](double x) { return t(x) + x * dt(x); },
          [=](double x) {
            const double d2t = -2 * t(x) * dt(x) * sigmoid(x) + (1 - t(x) * t(x)) * sigmoid(x) * sigmoid(-x);
            return 2 * dt(x) + x * d2t;
          }};
}

std::vector<Case> shrinking_cases() {
  const auto zero = [](double) { return 0.0; };
  const auto kept = [](double x) { return std::fabs(x) > 0.5 ? 1.0 : 0.0; };
  const auto t = [](double x) { return std::tanh(x); };
  return {
      {Activation::hard_shrink, [](double x) { return std::fabs(x) > 0.5 ? x : 0; }, kept, zero},
      {Activation::soft_shrink, [](double x) { return std::copysign(std::fmax(std::fabs(x) - 0.5, 0), x); }, kept,
       zero},
      {Activation::tanh_shrink, [=](double x) { return x - t(x); }, [=](double x) { return t(x) * t(x); },
       [=](double x) { return 2 * t(x) * (1 - t(x) * t(x)); },
       [=](double x) { return x == 0 ? 0 : std::fmin(1e30, std::fabs(x / (x - t(x)))); }},  // the difference cancels
      {with(Activation::threshold, -0.25f, kInfinity, -0.5f), [](double x) { return x > -0.5 ? x : -0.25; },
       [](double x) { return x > -0.5 ? 1.0 : 0.0; }, zero},
  };
}

Case squareplus_case(double b) {
  const auto s = [=](double x) { return std::sqrt(x * x + b); };
  return {with(Activation::squareplus, static_cast<float>(b)),
          [=](double x) { return x > 0 ? (x + s(x)) / 2 : b / (2 * (s(x) - x)); },
          [=](double x) { return (x > 0 ? (x + s(x)) / 2 : b / (2 * (s(x) - x))) / s(x); },
          [=](double x) { return b / (2 * std::pow(s(x), 3)); }};
}

Case sparse_plus_case() {
  const auto half = [](double x) { return std::fmin(std::fmax((x + 1) / 2, 0), 1); };
  return {Activation::sparse_plus, [=](double x) { return x > 1 ? x : half(x) * half(x); }, half,
          [](double x) { return std::fabs(x) < 1 ? 0.5 : 0; }};
}

std::vector<Case> cases() {
  const auto celu = [](double a) {
    return Case{with(Activation::celu, static_cast<float>(a)),
                [=](double x) { return x > 0 ? x : a * std::expm1(x / a); },
                [=](double x) { return x > 0 ? 1 : std::exp(x / a); },
                [=](double x) { return x > 0 ? 0 : std::exp(x / a) / a; }};
  };
  return {
      relu_case(Activation::leaky_relu),
      relu_case(Activation::relu6),
      relu_case(with(Activation::relu, 0.0f, 2.0f, 0.5f)),
      relu_case(with(Activation::relu, 0.25f, 2.0f, 0.5f)),
      elu_case(with(Activation::elu, 0.5f), 1, 0.5),
      elu_case(Activation::selu, 1.0507009873554805, 1.6732632423543772),
      celu(1.0),
      celu(0.5),
      {Activation::gelu, [](double x) { return x * std::erfc(-x / std::sqrt(2)) / 2; },
       [](double x) { return std::erfc(-x / std::sqrt(2)) / 2 + x * phi(x); },
       [](double x) { return phi(x) * (2 - x * x); }},
      gelu_tanh_case(),
      {Activation::silu, [](double x) { return x * sigmoid(x); },
       [](double x) { return sigmoid(x) * (1 + x * sigmoid(-x)); },
       [](double x) { return sigmoid(x) * sigmoid(-x) * (2 + x * (sigmoid(-x) - sigmoid(x))); }},
      mish_case(),
      {Activation::hard_sigmoid, [](double x) { return std::fmin(std::fmax(x / 6 + 0.5, 0), 1); },
       [](double x) { return std::fabs(x) < 3 ? 1.0 / 6 : 0; }, [](double) { return 0.0; }},
      {Activation::hard_silu, [](double x) { return x * std::fmin(std::fmax(x / 6 + 0.5, 0), 1); },
       [](double x) { return x <= -3  ? 0
                             : x >= 3 ? 1
                                      : x / 3 + 0.5; },
       [](double x) { return std::fabs(x) < 3 ? 1.0 / 3 : 0; }},
      {Activation::softplus, softplus, sigmoid, [](double x) { return sigmoid(x) * sigmoid(-x); }},
      {Activation::softsign, [](double x) { return x / (1 + std::fabs(x)); },
       [](double x) { return 1 / std::pow(1 + std::fabs(x), 2); },
       [](double x) {
         return (x > 0 ? -2 : x < 0 ? 2 : 0) / std::pow(1 + std::fabs(x), 3);
       }},
      {Activation::exponential, [](double x) { return std::exp(x); }, [](double x) { return std::exp(x); },
       [](double x) { return std::exp(x); }},
      {Activation::log_sigmoid, [](double x) { return -softplus(-x); }, [](double x) { return sigmoid(-x); },
       [](double x) { return -sigmoid(x) * sigmoid(-x); }},
      {Activation::hard_tanh, [](double x) { return std::fmin(std::fmax(x, -1), 1); },
       [](double x) { return std::fabs(x) < 1 ? 1 : 0; }, [](double) { return 0.0; }},
      {Activation::sparse_sigmoid, [](double x) { return std::fmin(std::fmax((x + 1) / 2, 0), 1); },
       [](double x) { return std::fabs(x) < 1 ? 0.5 : 0; }, [](double) { return 0.0; }},
      sparse_plus_case(),
      squareplus_case(4.0),
      squareplus_case(0.25),
  };
}

// How far the rounding of the output changes the slopes of the activations whose backward pass reads the output.
double lost_to_output(const Case& c, double x) {
  return needs_input(c.spec) ? 0 : 4 * kUnit * std::fmax(1, std::fabs(c.value(x)));
}

void check_case(const Kernels& k, const Case& c, int64_t size, Random& random) {
  Floats x(size, random), y(size, random), dy(size, random), dx(size, random), d2(size, random);
  fill(x, random, -14, 14), fill(dy, random);
  for (int64_t i = 0; i < size; i += 3) x[i] = random.real(-1, 1);
  for (int64_t i = 1; i < size; i += 5) x[i] = random.pick<float>({0.0f, 1e-30f, -1e-30f, 3, -3, 60, -60, 87, -100});
  activation_rows(k, c.spec, 1, size, x.data(), y.data());
  activation_rows_backward(k, c.spec, 1, size, x.data(), y.data(), dy.data(), dx.data());
  activation_rows_second(k, c.spec, size, x.data(), y.data(), d2.data());
  Mismatches values, slopes, seconds;
  for (int64_t i = 0; i < size; ++i) {
    const double at = x[i], units = 8 * kUnit * (1 + c.growth(at)), lost = lost_to_output(c, at);
    values.expect(y[i], c.value(at), units * std::fabs(c.value(at)) + underflow(at));
    const double weight = std::fabs(dy[i]), terms = std::fabs(c.slope(at)) + std::fabs(at * c.second(at));
    slopes.expect(dx[i], dy[i] * c.slope(at), weight * (2 * units * terms + lost) + underflow(at));
    const double bend = std::fabs(c.second(at)) * (1 + at * at) + std::fabs(c.slope(at)) * kUnit;
    seconds.expect(d2[i], c.second(at), 4 * units * bend + 8 * lost + underflow(at));
  }
  const std::string kind = to_string(c.spec.kind);
  CAPTURE(kind);
  CAPTURE(values.worst);
  CAPTURE(slopes.worst);
  CAPTURE(seconds.worst);
  CHECK(values.count == 0);
  CHECK(slopes.count == 0);
  CHECK(seconds.count == 0);
  CHECK((x.intact() && y.intact() && dy.intact() && dx.intact() && d2.intact()));
  activation_rows(k, c.spec, 1, size, x.data(), x.data());
  CHECK(same_bits(x.data(), y.data(), size));
}

void check_limits(const Kernels& k, const Case& c) {
  const std::string kind = to_string(c.spec.kind);
  CAPTURE(kind);
  const float x[] = {kInfinity, -kInfinity, kNan};
  float y[3], dy[3] = {1, 1, 1}, dx[3];
  activation_rows(k, c.spec, 1, 3, x, y);
  for (int i = 0; i < 2; ++i) {
    const double far = c.value(i == 0 ? 1e30 : -1e30);
    if (std::fabs(far) > 1e20)
      CHECK(y[i] == std::copysign(kInfinity, far));
    else
      CHECK(y[i] == doctest::Approx(far).epsilon(1e-6));
  }
  CHECK(std::isnan(y[2]));
  activation_rows_backward(k, c.spec, 1, 3, x, y, dy, dx);
  for (int i = 0; i < 2; ++i) CHECK(!std::isnan(dx[i]));
}

}  // namespace

TEST_CASE("each activation, its gradient and its second slope") {
  for_each_isa([](const Kernels& k) {
    Random random(61);
    std::vector<Case> all = cases();
    for (const Case& c : shrinking_cases()) all.push_back(c);
    for (const Case& c : all)
      for (const int64_t size : {int64_t{1}, k.width - 1, k.width, 2 * k.width + 1, int64_t{331}})
        check_case(k, c, size, random);
  });
}

TEST_CASE("activations of infinities and NaN") {
  for_each_isa([](const Kernels& k) {
    for (const Case& c : cases()) check_limits(k, c);
    for (const Case& c : shrinking_cases()) check_limits(k, c);
  });
}

TEST_CASE("the exponential overflows to infinity and underflows to zero") {
  for_each_isa([](const Kernels& k) {
    const float x[] = {88.7f, 88.8f, 200, -87.3f, -104, -200};
    float y[6];
    k.activation(Activation::exponential, x, y, 6);
    CHECK(y[0] == doctest::Approx(std::exp(static_cast<double>(x[0]))).epsilon(1e-6));
    CHECK((std::isinf(y[1]) && std::isinf(y[2])));
    CHECK(y[3] == doctest::Approx(std::exp(static_cast<double>(x[3]))).epsilon(1e-6));
    CHECK((y[4] == 0 && y[5] == 0));
  });
}

TEST_CASE("log_softmax, its gradient and its tangent") {
  for_each_isa([](const Kernels& k) {
    Random random(62);
    for (const int64_t cols : {int64_t{1}, int64_t{2}, int64_t{10}, k.width, 3 * k.width + 1, int64_t{1000}}) {
      constexpr int64_t kRows = 3;
      Floats x(kRows * cols, random), y(kRows * cols, random), g(kRows * cols, random), dx(kRows * cols, random),
          tangent(kRows * cols, random);
      fill(x, random, -30, 30), fill(g, random);
      activation_rows(k, Activation::log_softmax, kRows, cols, x.data(), y.data());
      activation_rows_backward(k, Activation::log_softmax, kRows, cols, nullptr, y.data(), g.data(), dx.data());
      activation_rows_tangent(k, Activation::log_softmax, kRows, cols, nullptr, y.data(), g.data(), tangent.data());
      Mismatches wrong;
      for (int64_t r = 0; r < kRows; ++r) {
        const float* row = x.data() + r * cols;
        const double top = *std::max_element(row, row + cols);
        double sum = 0, total = 0, dot = 0;
        for (int64_t c = 0; c < cols; ++c) sum += std::exp(row[c] - top), total += g[r * cols + c];
        const auto value = [&](int64_t c) { return row[c] - top - std::log(sum); };
        for (int64_t c = 0; c < cols; ++c) dot += std::exp(value(c)) * g[r * cols + c];
        const double length = static_cast<double>(cols), slack = (length + 70) * kUnit;
        for (int64_t c = 0; c < cols; ++c) {
          const int64_t at = r * cols + c;
          wrong.expect(y[at], value(c), 4 * kUnit * (60 + std::log(length)));
          wrong.expect(dx[at], g[at] - std::exp(value(c)) * total, slack * (1 + std::exp(value(c)) * length));
          wrong.expect(tangent[at], g[at] - dot, slack * 4);
        }
      }
      CAPTURE(wrong.worst);
      CHECK(wrong.count == 0);
      CHECK((x.intact() && y.intact() && g.intact() && dx.intact() && tangent.intact()));
    }
  });
}
