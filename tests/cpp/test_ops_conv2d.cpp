// conv2d and conv2d_backward against loops that follow their definition.
#include "arrays.h"
#include "isas.h"
#include "reference.h"

using namespace cnncore;
using namespace testing;

namespace {

struct Case {
  Conv2dParams params;
  int64_t batch;
};

Conv2dParams square(int64_t size, int64_t channels, int64_t filters, int64_t kernel) {
  Conv2dParams p;
  p.in_height = p.in_width = size, p.in_channels = channels, p.filters = filters,
  p.kernel_height = p.kernel_width = kernel;
  return p;
}

std::string to_text(const Case& c) {
  const Conv2dParams& p = c.params;
  std::string text = "batch " + std::to_string(c.batch) + ", x " +
                     to_string(Shape{p.in_height, p.in_width, p.in_channels}) + ", kernel " +
                     to_string(Shape{p.kernel_height, p.kernel_width, p.filters});
  text += ", strides " + to_string(Shape{p.stride_height, p.stride_width}) + ", dilation " +
          to_string(Shape{p.dilation_height, p.dilation_width});
  return text + ", groups " + std::to_string(p.groups) + ", padding " +
         to_string(Shape{p.padding.top, p.padding.bottom, p.padding.left, p.padding.right});
}

// Returns random valid parameters.
Case random_case(Random& random) {
  const auto small = [&](int64_t most) { return random.integer(1, most); };
  for (;;) {
    Case c{square(1, 1, 1, 1), small(3)};
    Conv2dParams& p = c.params;
    p.groups = random.pick<int64_t>({1, 1, 2, 3});
    p.in_channels = p.groups * random.pick<int64_t>({1, 1, 2, 3, 5, 8});
    p.filters = random.coin() ? p.groups * random.pick<int64_t>({1, 2, 3, 8, 17}) : p.in_channels;
    if (random.integer(0, 4) == 0) p.groups = p.filters = p.in_channels;  // depthwise
    p.in_height = small(11), p.in_width = small(11);
    p.kernel_height = small(5), p.kernel_width = small(5);
    p.stride_height = small(3), p.stride_width = small(3);
    p.dilation_height = small(2), p.dilation_width = small(2);
    p.padding = {random.integer(0, 3), random.integer(0, 3), random.integer(0, 3), random.integer(0, 3)};
    const int64_t height = p.in_height + p.padding.top + p.padding.bottom,
                  width = p.in_width + p.padding.left + p.padding.right;
    if ((p.kernel_height - 1) * p.dilation_height < height && (p.kernel_width - 1) * p.dilation_width < width) return c;
  }
}

// Returns shapes for which special code runs: many samples, whole vectors of channels, a kernel as large as the input.
std::vector<Case> chosen_cases() {
  std::vector<Case> cases = {
      {square(5, 3, 4, 5), 70}, {square(1, 7, 33, 1), 131}, {square(9, 1, 32, 3), 9}, {square(4, 64, 10, 1), 3}};
  for (const int64_t size : {4, 5, 8, 9}) {  // Winograd's algorithm, if the channels fill whole vectors
    cases.push_back({square(size, 16, 32, 3), 3});
    cases.push_back({square(size, 32, 16, 3), 2});
    cases.push_back({square(size, 32, 32, 3), 17});
    cases.back().params.padding = {1, 1, 1, 1};
    cases.push_back({square(size, 8, 32, 3), 2});
    cases.back().params.padding = {2, 0, 1, 3};
  }
  return cases;
}

struct Arrays {
  ConvSizes sizes;
  Floats x, kernel, bias, y, dy, dx, dkernel, dbias;

  Arrays(const Case& c, Random& random)
      : sizes(c.params, c.batch),
        x(sizes.x, random),
        kernel(sizes.kernel, random),
        bias(c.params.filters, random),
        y(sizes.y, random),
        dy(sizes.y, random),
        dx(sizes.x, random),
        dkernel(sizes.kernel, random),
        dbias(c.params.filters, random) {
    fill(x, random), fill(kernel, random), fill(bias, random), fill(dy, random);
  }
  bool intact() const {
    return x.intact() && kernel.intact() && bias.intact() && y.intact() && dy.intact() && dx.intact() &&
           dkernel.intact() && dbias.intact();
  }
};

// `tiled` is the bound of Winograd's algorithm, if that may be used.
void expect_all(Mismatches& wrong, const Floats& result, const Sums& sums, const std::vector<double>& tiled) {
  for (int64_t i = 0; i < result.size(); ++i) {
    const Sum& sum = sums[static_cast<size_t>(i)];
    wrong.expect(result[i], sum.value,
                 tiled.empty() ? sum.bound() : std::max(sum.bound(), tiled[static_cast<size_t>(i)]));
  }
}

void check_forward(const Case& c, Arrays& a, bool with_bias) {
  const Conv2dParams& p = c.params;
  conv2d(p, c.batch, a.x.data(), a.kernel.data(), with_bias ? a.bias.data() : nullptr, a.y.data());
  Sums y(static_cast<size_t>(a.sizes.y));
  std::vector<double> tiled;
  if (may_use_winograd(p)) tiled = tiled_bounds(p, c.batch, a.x.data(), a.kernel.data());
  for (int64_t i = 0; with_bias && i < a.sizes.y; ++i) {
    y[static_cast<size_t>(i)].add(a.bias[i % p.filters]);
    if (!tiled.empty()) tiled[static_cast<size_t>(i)] += kUnit * std::fabs(a.bias[i % p.filters]);
  }
  for_products(p, c.batch,
               [&](int64_t x, int64_t k, int64_t out) { y[static_cast<size_t>(out)].add(a.x[x], a.kernel[k]); });
  Mismatches wrong;
  expect_all(wrong, a.y, y, tiled);
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
}

void check_backward(const Case& c, Arrays& a) {
  const Conv2dParams& p = c.params;
  conv2d_backward(p, c.batch, a.x.data(), a.kernel.data(), a.dy.data(), a.dx.data(), a.dkernel.data(), a.dbias.data());
  Sums dx(static_cast<size_t>(a.sizes.x)), dkernel(static_cast<size_t>(a.sizes.kernel)),
      dbias(static_cast<size_t>(p.filters));
  for_products(p, c.batch, [&](int64_t x, int64_t k, int64_t out) {
    dx[static_cast<size_t>(x)].add(a.kernel[k], a.dy[out]);
    dkernel[static_cast<size_t>(k)].add(a.x[x], a.dy[out]);
  });
  for (int64_t i = 0; i < a.sizes.y; ++i) dbias[static_cast<size_t>(i % p.filters)].add(a.dy[i]);
  std::vector<double> tiled_x, tiled_kernel;
  if (may_use_winograd(p)) {
    tiled_x = tiled_data_bounds(p, c.batch, a.dy.data(), a.kernel.data());
    tiled_kernel = tiled_kernel_bounds(p, c.batch, a.x.data(), a.dy.data());
  }
  Mismatches wrong_x, wrong_kernel, wrong_bias;
  expect_all(wrong_x, a.dx, dx, tiled_x);
  expect_all(wrong_kernel, a.dkernel, dkernel, tiled_kernel);
  expect_all(wrong_bias, a.dbias, dbias, {});
  CAPTURE(wrong_x.worst);
  CAPTURE(wrong_kernel.worst);
  CHECK(wrong_x.count == 0);
  CHECK(wrong_kernel.count == 0);
  CHECK(wrong_bias.count == 0);
}

// A gradient does not depend on which others are asked for.
void check_single_gradients(const Case& c, Arrays& a, Random& random) {
  Floats dx(a.sizes.x, random), dkernel(a.sizes.kernel, random), dbias(c.params.filters, random);
  const auto run = [&](float* to_x, float* to_kernel, float* to_bias) {
    conv2d_backward(c.params, c.batch, a.x.data(), a.kernel.data(), a.dy.data(), to_x, to_kernel, to_bias);
  };
  run(dx.data(), nullptr, nullptr), run(nullptr, dkernel.data(), nullptr), run(nullptr, nullptr, dbias.data());
  run(nullptr, nullptr, nullptr);
  CHECK(same_bits(dx.data(), a.dx.data(), dx.size()));
  CHECK(same_bits(dkernel.data(), a.dkernel.data(), dkernel.size()));
  CHECK(same_bits(dbias.data(), a.dbias.data(), dbias.size()));
}

void check_case(const Case& c, Random& random) {
  const std::string text = to_text(c);
  CAPTURE(text);
  Arrays a(c, random);
  check_forward(c, a, random.coin());
  check_backward(c, a);
  check_single_gradients(c, a, random);
  CHECK(a.intact());
}

}  // namespace

TEST_CASE("conv2d: any parameters") {
  for_each_isa([](const Kernels&) {
    Random random(41);
    for (int i = 0; i < 120; ++i) check_case(random_case(random), random);
  });
}

TEST_CASE("conv2d: shapes with paths of their own") {
  for_each_isa([](const Kernels&) {
    Random random(42);
    for (const Case& c : chosen_cases()) check_case(c, random);
  });
}

TEST_CASE("conv2d: a sample's bits do not depend on the others") {
  for_each_isa([](const Kernels&) {
    Random random(43);
    std::vector<Case> cases = chosen_cases();
    for (int i = 0; i < 20; ++i) cases.push_back(random_case(random));
    for (Case& c : cases) {
      const std::string text = to_text(c);
      CAPTURE(text);
      Arrays a(c, random);
      conv2d(c.params, c.batch, a.x.data(), a.kernel.data(), a.bias.data(), a.y.data());
      conv2d_backward(c.params, c.batch, a.x.data(), a.kernel.data(), a.dy.data(), a.dx.data(), nullptr, nullptr);
      const int64_t in = a.sizes.x / c.batch, out = a.sizes.y / c.batch;
      Floats y(out, random), dx(in, random);
      int64_t different = 0;
      for (int64_t n = 0; n < c.batch; ++n) {
        conv2d(c.params, 1, a.x.data() + n * in, a.kernel.data(), a.bias.data(), y.data());
        conv2d_backward(c.params, 1, a.x.data() + n * in, a.kernel.data(), a.dy.data() + n * out, dx.data(), nullptr,
                        nullptr);
        different += !same_bits(y.data(), a.y.data() + n * out, out) + !same_bits(dx.data(), a.dx.data() + n * in, in);
      }
      CHECK(different == 0);
    }
  });
}

TEST_CASE("conv2d: the same bits at any number of threads") {
  const int before = num_threads();
  for_each_isa([](const Kernels&) {
    Random random(44);
    for (const Case& c :
         {Case{square(20, 8, 16, 3), 37}, Case{square(14, 32, 32, 3), 24}, Case{square(21, 3, 24, 5), 40}}) {
      Arrays one(c, random), many(c, random);
      const auto run = [&](Arrays& to, int threads) {
        set_num_threads(threads);
        conv2d(c.params, c.batch, one.x.data(), one.kernel.data(), one.bias.data(), to.y.data());
        conv2d_backward(c.params, c.batch, one.x.data(), one.kernel.data(), one.dy.data(), to.dx.data(),
                        to.dkernel.data(), to.dbias.data());
      };
      run(one, 1);
      for (const int threads : {2, 3, 8}) {
        run(many, threads);
        CHECK(same_bits(one.y.data(), many.y.data(), one.y.size()));
        CHECK(same_bits(one.dx.data(), many.dx.data(), one.dx.size()));
        CHECK(same_bits(one.dkernel.data(), many.dkernel.data(), one.dkernel.size()));
        CHECK(same_bits(one.dbias.data(), many.dbias.data(), one.dbias.size()));
      }
    }
  });
  set_num_threads(before);
}

TEST_CASE("conv2d: no samples, no work, zero gradients of the weights") {
  const Case c{square(6, 2, 3, 3), 0};
  Random random(45);
  Arrays a(c, random);
  conv2d(c.params, 0, a.x.data(), a.kernel.data(), a.bias.data(), a.y.data());
  conv2d_backward(c.params, 0, a.x.data(), a.kernel.data(), a.dy.data(), a.dx.data(), a.dkernel.data(), a.dbias.data());
  const auto zeros = [](const Floats& from) { return std::count(from.data(), from.data() + from.size(), 0.0f); };
  CHECK(zeros(a.dkernel) == a.dkernel.size());
  CHECK(zeros(a.dbias) == a.dbias.size());
}

TEST_CASE("conv2d_output_shape follows (W - F + 2P) / S + 1 and refuses what makes no sense") {
  Conv2dParams p = square(28, 1, 32, 3);
  CHECK(conv2d_output_shape(p) == Shape{26, 26, 32});
  p.stride_height = 2, p.padding = {1, 0, 2, 2}, p.dilation_width = 2;
  CHECK(conv2d_output_shape(p) == Shape{14, 28, 32});

  const auto refuses = [](const char* text, auto change) {
    Conv2dParams q = square(4, 4, 6, 3);
    change(q);
    CHECK_THROWS_WITH_AS(conv2d_output_shape(q), text, std::invalid_argument);
    float nothing = 0;
    CHECK_THROWS_WITH_AS(conv2d(q, 1, &nothing, &nothing, nullptr, &nothing), text, std::invalid_argument);
    CHECK_THROWS_WITH_AS(conv2d_backward(q, 1, &nothing, &nothing, &nothing, &nothing, nullptr, nullptr), text,
                         std::invalid_argument);
  };
  refuses("[conv2d] expected a kernel no larger than the padded input. Received: kernel 5 (dilated), input 4",
          [](Conv2dParams& q) { q.kernel_width = 5; });
  refuses("[conv2d] expected a kernel no larger than the padded input. Received: kernel 7 (dilated), input 6",
          [](Conv2dParams& q) { q.dilation_height = 3, q.padding.top = 2; });
  refuses("[conv2d] expected in_channels to be a multiple of groups. Received: in_channels=4, groups=3",
          [](Conv2dParams& q) { q.groups = 3; });
  refuses("[conv2d] expected filters to be a multiple of groups. Received: filters=6, groups=4",
          [](Conv2dParams& q) { q.groups = 4; });
  refuses("[conv2d] expected the stride between 1 and 2147483647. Received: 0",
          [](Conv2dParams& q) { q.stride_height = 0; });
  refuses("[conv2d] expected filters between 1 and 2147483647. Received: -2", [](Conv2dParams& q) { q.filters = -2; });
  refuses("[conv2d] expected the padding between 0 and 2147483647. Received: -1",
          [](Conv2dParams& q) { q.padding.left = -1; });
  refuses("[conv2d] expected an image (with its padding) of at most 536870911 values. Received: (100000, 100000, 4)",
          [](Conv2dParams& q) { q.in_height = q.in_width = 100000; });
}
