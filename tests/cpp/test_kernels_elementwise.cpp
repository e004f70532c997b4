// Activations, softmax, rescaling, sums and transposition of every instruction set, against double.
#include <functional>

#include "arrays.h"
#include "isas.h"

using namespace cnncore;
using namespace testing;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
// The kernels do not give values of e^x below about the least normal float.
constexpr double kUnderflow = 2.0 * std::numeric_limits<float>::min();

// The published accuracy of the polynomials (Moshier's Cephes library: expf and tanhf).
constexpr double kExpError = 1.7e-7, kTanhError = 1.3e-7;

std::vector<int64_t> sizes(int64_t width) {
  return {1, 2, 3, width - 1, width, width + 1, 2 * width - 1, 2 * width + 1, 4 * width, 97};
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
// The error of 1 / (1 + e): the relative error of e times e's share of the sum, and two more roundings.
double sigmoid_bound(double x) {
  return sigmoid(x) * ((1 - sigmoid(x)) * (kExpError + kUnit) + 2 * kUnit) * (1 + kUnit) + kUnderflow;
}
// tanh is a polynomial near zero and 1 - 2 / (e^2x + 1) elsewhere.
double tanh_bound(double x) {
  const double part = 2 * sigmoid(-2 * x), share = sigmoid(2 * x);  // 2 / (e + 1) and e / (e + 1)
  return std::fabs(std::tanh(x)) * (kTanhError + kUnit) + part * (share * kExpError + 2 * kUnit);
}

std::vector<float> awkward_numbers() {
  return {0.0f, -0.0f, 1e-30f, -1e-30f, 0.3f,  -0.3f,  0.624f, 0.626f, -0.624f, -0.626f,  1.0f,      -1.0f,
          9.5f, -9.5f, 40.0f,  -40.0f,  87.0f, -87.0f, 88.5f,  -88.5f, 1000.0f, -1000.0f, kInfinity, -kInfinity};
}

void check_activation(const Kernels& k, Activation kind, const std::function<double(double)>& f,
                      const std::function<double(double)>& bound, Random& random) {
  for (const int64_t size : sizes(k.width)) {
    Floats x(size, random), y(size, random);
    fill(x, random, -12, 12);
    for (int64_t i = 0; i < size; i += 2) x[i] = random.pick(awkward_numbers());
    k.activation(kind, x.data(), y.data(), size);
    Mismatches wrong;
    for (int64_t i = 0; i < size; ++i) wrong.expect(y[i], f(x[i]), bound(x[i]));
    CAPTURE(wrong.worst);
    CHECK(wrong.count == 0);
    CHECK((x.intact() && y.intact()));
    k.activation(kind, x.data(), x.data(), size);
    CHECK(same_bits(x.data(), y.data(), size));  // in place
    x[size - 1] = kNan;
    k.activation(kind, x.data(), y.data(), size);
    CHECK(std::isnan(y[size - 1]));
  }
}

// The gradient is computed from y, and |y| <= 1 as for tanh.
void check_activation_backward(const Kernels& k, Activation kind, const std::function<double(double)>& derivative,
                               const std::function<double(double)>& bound, Random& random) {
  for (const int64_t size : sizes(k.width)) {
    Floats y(size, random), dy(size, random), dx(size, random);
    fill(y, random), fill(dy, random);
    if (size > 2) y[0] = 0.0f, y[1] = 1.0f;
    k.activation_backward(kind, kind == Activation::linear ? nullptr : y.data(), dy.data(), dx.data(), size);
    Mismatches wrong;
    for (int64_t i = 0; i < size; ++i) wrong.expect(dx[i], dy[i] * derivative(y[i]), std::fabs(dy[i]) * bound(y[i]));
    CAPTURE(wrong.worst);
    CHECK(wrong.count == 0);
    CHECK((y.intact() && dy.intact() && dx.intact()));
    k.activation_backward(kind, y.data(), dy.data(), dy.data(), size);
    CHECK(same_bits(dy.data(), dx.data(), size));  // in place
  }
}

double exact(double) { return 0.0; }

}  // namespace

TEST_CASE("activations and their gradients") {
  for_each_isa([](const Kernels& k) {
    Random random(31);
    check_activation(k, Activation::linear, [](double x) { return x; }, exact, random);
    check_activation(k, Activation::relu, [](double x) { return x > 0 ? x : 0.0; }, exact, random);
    check_activation(k, Activation::sigmoid, sigmoid, sigmoid_bound, random);
    check_activation(k, Activation::tanh, [](double x) { return std::tanh(x); }, tanh_bound, random);
    check_activation_backward(k, Activation::linear, [](double) { return 1.0; }, exact, random);
    check_activation_backward(k, Activation::relu, [](double y) { return y > 0 ? 1.0 : 0.0; }, exact, random);
    check_activation_backward(
        k, Activation::sigmoid, [](double y) { return y * (1 - y); },
        [](double y) { return 4 * kUnit * std::fabs(y * (1 - y)); }, random);
    check_activation_backward(
        k, Activation::tanh, [](double y) { return 1 - y * y; },
        [](double y) { return 3 * kUnit * (y * y + std::fabs(1 - y * y)); }, random);
  });
}

namespace {

void check_softmax(const Kernels& k, int64_t rows, int64_t cols, float reach, Random& random) {
  Floats x(rows * cols, random), y(rows * cols, random), dy(rows * cols, random), dx(rows * cols, random);
  fill(x, random, -reach, reach), fill(dy, random);
  k.softmax_rows(x.data(), y.data(), rows, cols);
  k.softmax_rows_backward(y.data(), dy.data(), dx.data(), rows, cols);
  Mismatches wrong;
  for (int64_t r = 0; r < rows; ++r) {
    const float* row = x.data() + r * cols;
    const double top = *std::max_element(row, row + cols);
    double sum = 0, sum_error = 0;
    const auto relative = [&](int64_t c) { return kUnit * (top - row[c]) + kExpError; };  // of e^(x - top)
    for (int64_t c = 0; c < cols; ++c) {
      sum += std::exp(row[c] - top);
      sum_error += std::exp(row[c] - top) * relative(c);
    }
    Sum dot;
    for (int64_t c = 0; c < cols; ++c) {
      const double p = std::exp(row[c] - top) / sum;
      wrong.expect(y[r * cols + c], p,
                   p * (relative(c) + sum_error / sum + static_cast<double>(cols + 3) * kUnit) + kUnderflow);
      dot.add(y[r * cols + c], dy[r * cols + c]);
    }
    for (int64_t c = 0; c < cols; ++c) {
      const double p = y[r * cols + c], g = dy[r * cols + c];
      wrong.expect(dx[r * cols + c], p * (g - dot.value),
                   p * (dot.bound() + 2 * kUnit * std::fabs(g - dot.value)) + kUnderflow);
    }
  }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK((x.intact() && y.intact() && dy.intact() && dx.intact()));
  k.softmax_rows(x.data(), x.data(), rows, cols);
  CHECK(same_bits(x.data(), y.data(), rows * cols));  // in place
}

}  // namespace

TEST_CASE("softmax_rows and its gradient") {
  for_each_isa([](const Kernels& k) {
    Random random(32);
    for (const int64_t cols : sizes(k.width))
      for (const float reach : {1.0f, 30.0f, 1000.0f}) check_softmax(k, random.integer(1, 5), cols, reach, random);
    float row[5] = {1.0f, 2.0f, kNan, 0.0f, -1.0f};
    k.softmax_rows(row, row, 1, 5);
    for (const float p : row) CHECK(std::isnan(p));
  });
}

TEST_CASE("rescale_u8 and rescale_f32 round once a product and once a sum") {
  for_each_isa([](const Kernels& k) {
    Random random(33);
    for (const int64_t size : sizes(k.width)) {
      const float scale = random.real(-2, 2), offset = random.real(-1, 1);
      Bytes bytes(size, random);
      Floats x(size, random), from_bytes(size, random), from_floats(size, random);
      fill(x, random, -300, 300);
      for (int64_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(random.integer(0, 255));
      k.rescale_u8(bytes.data(), from_bytes.data(), size, scale, offset);
      k.rescale_f32(x.data(), from_floats.data(), size, scale, offset);
      int64_t wrong = 0;
      for (int64_t i = 0; i < size; ++i) {
        wrong += from_bytes[i] != static_cast<float>(bytes[i]) * scale + offset;
        wrong += from_floats[i] != x[i] * scale + offset;
      }
      CHECK(wrong == 0);
      CHECK((bytes.intact() && x.intact() && from_bytes.intact() && from_floats.intact()));
    }
  });
}

TEST_CASE("sum_rows, sum_winners and accumulate") {
  for_each_isa([](const Kernels& k) {
    Random random(34);
    for (const int64_t cols : sizes(k.width)) {
      const int64_t rows = random.integer(1, 40);
      Floats x(rows * cols, random), all(cols, random), won(cols, random);
      Bytes winner(rows * cols, random);
      fill(x, random), fill(all, random), fill(won, random);
      for (int64_t i = 0; i < winner.size(); ++i) winner[i] = static_cast<uint8_t>(random.integer(0, 4));
      std::vector<Sum> sum(static_cast<size_t>(cols)), sum_won(static_cast<size_t>(cols));
      for (int64_t c = 0; c < cols; ++c) {
        Sum& s = sum[static_cast<size_t>(c)];
        Sum& w = sum_won[static_cast<size_t>(c)];
        s.add(all[c]), w.add(won[c]);
        for (int64_t r = 0; r < rows; ++r) {
          s.add(x[r * cols + c]);
          if (winner[r * cols + c] < 4) w.add(x[r * cols + c]);
        }
      }
      k.sum_rows(x.data(), all.data(), rows, cols);
      for (int64_t i = 0; i < x.size(); ++i)
        if (winner[i] == 4) x[i] = kNan;  // must not be read
      k.sum_winners(x.data(), winner.data(), won.data(), rows, cols);
      Mismatches wrong;
      for (int64_t c = 0; c < cols; ++c) {
        wrong.expect(all[c], sum[static_cast<size_t>(c)]);
        wrong.expect(won[c], sum_won[static_cast<size_t>(c)]);
      }
      CHECK(wrong.count == 0);
      const std::vector<float> before = won.copy();
      k.accumulate(all.data(), won.data(), cols);
      int64_t different = 0;
      for (int64_t c = 0; c < cols; ++c) different += won[c] != before[static_cast<size_t>(c)] + all[c];
      CHECK(different == 0);
      CHECK((x.intact() && all.intact() && won.intact() && winner.intact()));
    }
  });
}

TEST_CASE("transpose moves every element and nothing else") {
  for_each_isa([](const Kernels& k) {
    Random random(35);
    for (const int64_t rows : sizes(k.width)) {
      for (const int64_t cols : sizes(k.width)) {
        const int64_t lds = cols + random.integer(0, 3), ldd = rows + random.integer(0, 3);
        Floats src((rows - 1) * lds + cols, random), dst((cols - 1) * ldd + rows, random);
        fill(src, random);
        k.transpose(src.data(), lds, dst.data(), ldd, rows, cols);
        int64_t wrong = 0;
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t c = 0; c < cols; ++c) wrong += dst[c * ldd + r] != src[r * lds + c];
        CHECK(wrong == 0);
        CHECK(covered(dst) == rows * cols);
        CHECK((src.intact() && dst.intact()));
      }
    }
  });
}

TEST_CASE("denormals are flushed between flush_denormals and restore_denormals only") {
  for_each_isa([](const Kernels& k) {
    volatile float denormal = 1e-40f, one = 1.0f;
    const auto product = [&] { return static_cast<float>(denormal * one); };
    CHECK(product() > 0.0f);
    const uint32_t saved = k.flush_denormals();
    const float flushed = product();
    const uint32_t nested = k.flush_denormals();
    k.restore_denormals(nested);
    const float still_flushed = product();
    k.restore_denormals(saved);
    if (std::string(k.name) != "scalar") {
      CHECK(flushed == 0.0f);
      CHECK(still_flushed == 0.0f);
    }
    CHECK(product() > 0.0f);
  });
}

TEST_CASE("a table says which instruction set it is for") {
  for_each_isa([](const Kernels& k) {
    const std::string name = k.name;
    CHECK(isa() == name);
    CHECK(k.width == (name.starts_with("avx512") || name == "amx" ? 16 : name == "avx2" ? 8 : 4));
  });
}
