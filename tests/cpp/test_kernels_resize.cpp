// Padding, permutation, upsampling, global pooling, dropout and noise of every instruction set against their
// definitions.
#include "arrays.h"
#include "isas.h"
#include "ops/random_rows.h"
#include "ops/resize_rows.h"
#include "reference.h"

using namespace cnncore;
using namespace testing;

namespace {

ImageSize random_image(Random& random) {
  return {random.integer(1, 9), random.integer(1, 9), random.pick<int64_t>({1, 2, 3, 8, 17, 33})};
}

int64_t size_of(const ImageSize& in) { return in.height * in.width * in.channels; }

constexpr int64_t kCount = 2;

}  // namespace

TEST_CASE("zeros around images, and the inside again") {
  for_each_isa([](const Kernels& k) {
    Random random(91);
    for (int i = 0; i < 50; ++i) {
      const ImageSize in = random_image(random);
      const auto side = [&] { return random.integer(0, 3); };
      const Padding padding{side(), side(), side(), side()};
      const Shape out = zero_padding2d_output_shape(in, padding);
      const int64_t size = element_count(out);
      Floats x(kCount * size_of(in), random), y(kCount * size, random), back(x.size(), random);
      fill(x, random);
      pad_rows(kCount, in, padding, x.data(), y.data());
      Mismatches wrong;
      for (int64_t at = 0; at < y.size(); ++at) {
        const int64_t c = at % in.channels, column = at / in.channels % out[1] - padding.left;
        const int64_t row = at / in.channels / out[1] % out[0] - padding.top, n = at / size;
        const bool inside = row >= 0 && row < in.height && column >= 0 && column < in.width;
        const int64_t from = ((n * in.height + row) * in.width + column) * in.channels + c;
        wrong.expect(y[at], inside ? x[from] : 0.0, 0);
      }
      CHECK(wrong.count == 0);
      crop_rows(k, kCount, {out[0], out[1], out[2]}, padding, y.data(), back.data());
      CHECK(same_bits(back.data(), x.data(), x.size()));
      crop_rows(k, kCount, {out[0], out[1], out[2]}, padding, y.data(), back.data(), true);
      for (int64_t at = 0; at < x.size(); ++at) wrong.expect(back[at], 2.0 * x[at], 0);
      CHECK(wrong.count == 0);
      CHECK((x.intact() && y.intact() && back.intact()));
    }
  });
  CHECK_THROWS_WITH_AS(cropping2d_output_shape({3, 4, 1}, {1, 2, 0, 0}),
                       "[cropping2d] expected to leave at least one pixel of an image of 3x4. Received: ((1, 2), "
                       "(0, 0))",
                       std::invalid_argument);
}

TEST_CASE("any permutation of axes") {
  for_each_isa([](const Kernels& k) {
    Random random(92);
    for (int i = 0; i < 120; ++i) {
      Shape in(static_cast<size_t>(random.integer(1, 5)));
      for (int64_t& size : in) size = random.pick<int64_t>({1, 2, 3, 5, 16, 19});
      while (element_count(in) > 30000) in.pop_back();
      std::vector<int> dims;
      for (const int32_t d : shuffled(static_cast<int64_t>(in.size()), random)) dims.push_back(d + 1);
      const PermutePlan plan(in, dims);
      const int64_t size = element_count(in);
      Floats x(kCount * size, random), y(x.size(), random), back(x.size(), random);
      fill(x, random);
      plan.forward(k, kCount, x.data(), y.data());
      std::vector<int64_t> pitch(in.size(), 1);
      for (size_t a = in.size() - 1; a > 0; --a) pitch[a - 1] = pitch[a] * in[a];
      Mismatches wrong;
      for (int64_t at = 0; at < y.size(); ++at) {
        int64_t rest = at % size, from = at / size * size;
        for (size_t a = dims.size(); a-- > 0;) {
          const int64_t length = plan.output_shape()[a];
          from += rest % length * pitch[static_cast<size_t>(dims[a] - 1)];
          rest /= length;
        }
        wrong.expect(y[at], x[from], 0);
      }
      CHECK(wrong.count == 0);
      plan.backward(k, kCount, y.data(), back.data());
      CHECK(same_bits(back.data(), x.data(), x.size()));
      CHECK((x.intact() && y.intact() && back.intact()));
    }
  });
  CHECK_THROWS_WITH_AS(
      permute_output_shape({4, 5}, {1, 1}),
      "[permute] expected dims with each of 1 to 2 once, for samples of shape (4, 5). Received: (1, 1)",
      std::invalid_argument);
}

namespace {

// The input pixels along one axis that output pixel o is computed from, and their weights.
std::vector<std::pair<int64_t, double>> shares(int64_t size, int64_t factor, bool bilinear, int64_t o) {
  if (!bilinear) return {{o / factor, 1.0}};
  const double at = (static_cast<double>(o) + 0.5) / static_cast<double>(factor) - 0.5;
  const int64_t low = static_cast<int64_t>(std::floor(at));
  const double weight = at - static_cast<double>(low);
  return {{std::clamp<int64_t>(low, 0, size - 1), 1 - weight}, {std::clamp<int64_t>(low + 1, 0, size - 1), weight}};
}

void check_upsampling(const Kernels& k, const Upsampling2dParams& p, Random& random) {
  const UpsamplingPlan plan(p);
  const Shape& out = plan.output_shape();
  const int64_t size = element_count(out), channels = p.in.channels;
  Floats x(kCount * size_of(p.in), random), y(kCount * size, random), dy(y.size(), random), dx(x.size(), random);
  fill(x, random), fill(dy, random);
  plan.forward(k, kCount, x.data(), y.data());
  plan.backward(k, kCount, dy.data(), dx.data(), false);
  Sums up(static_cast<size_t>(y.size())), down(static_cast<size_t>(x.size()));
  for (int64_t at = 0; at < y.size(); ++at) {
    const int64_t c = at % channels, j = at / channels % out[1], i = at / channels / out[1] % out[0], n = at / size;
    for (const auto& [row, by_row] : shares(p.in.height, p.height_factor, p.bilinear, i))
      for (const auto& [column, by_column] : shares(p.in.width, p.width_factor, p.bilinear, j)) {
        const int64_t from = ((n * p.in.height + row) * p.in.width + column) * channels + c;
        up[static_cast<size_t>(at)].add(x[from], by_row * by_column);
        down[static_cast<size_t>(from)].add(dy[at], by_row * by_column);
      }
  }
  Mismatches wrong;
  for (int64_t at = 0; at < y.size(); ++at) wrong.expect(y[at], up[static_cast<size_t>(at)], 4);
  for (int64_t at = 0; at < x.size(); ++at) wrong.expect(dx[at], down[static_cast<size_t>(at)], 4);
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  const std::vector<float> once = dx.copy();
  plan.backward(k, kCount, dy.data(), dx.data(), true);
  for (int64_t at = 0; at < x.size(); ++at)
    wrong.expect(dx[at], 2.0 * once[static_cast<size_t>(at)], 40 * kUnit * down[static_cast<size_t>(at)].magnitude);
  CHECK(wrong.count == 0);
  CHECK((x.intact() && y.intact() && dy.intact() && dx.intact()));
}

}  // namespace

TEST_CASE("upsampling by the nearest pixel and between four") {
  for_each_isa([](const Kernels& k) {
    Random random(93);
    for (int i = 0; i < 40; ++i)
      check_upsampling(k, {random_image(random), random.integer(1, 4), random.integer(1, 4), random.coin()}, random);
  });
}

TEST_CASE("global pooling") {
  for_each_isa([](const Kernels& k) {
    Random random(94);
    for (const int64_t channels : {1, 3, 16, 17, 64, 257, 300})
      for (const int64_t pixels : {1, 2, 49, 64, 65, 500}) {
        Floats x(kCount * pixels * channels, random), dx(x.size(), random), again(x.size(), random);
        Floats mean(kCount * channels, random), most(kCount * channels, random), dy(kCount * channels, random);
        fill_integers(x, random, 5), fill(dy, random);
        global_avg_pool_rows(k, kCount, pixels, channels, x.data(), mean.data());
        global_max_pool_rows(k, kCount, pixels, channels, x.data(), most.data());
        Mismatches wrong;
        global_max_pool_rows_backward(k, kCount, pixels, channels, x.data(), most.data(), dy.data(), dx.data());
        global_avg_pool_rows_backward(k, kCount, pixels, channels, dy.data(), again.data(), false);
        for (int64_t i = 0; i < kCount * channels; ++i) {
          const int64_t first = i / channels * pixels * channels + i % channels;
          Sum sum;
          int64_t best = 0;
          for (int64_t p = 0; p < pixels; ++p) {
            sum.add(x[first + p * channels] / static_cast<double>(pixels));
            if (x[first + p * channels] > x[first + best * channels]) best = p;
          }
          wrong.expect(mean[i], sum, 2);
          wrong.expect(most[i], x[first + best * channels], 0);
          for (int64_t p = 0; p < pixels; ++p) {
            wrong.expect(dx[first + p * channels], p == best ? dy[i] : 0, 0);
            wrong.expect(again[first + p * channels], dy[i] / static_cast<double>(pixels), 2 * kUnit);
          }
        }
        CHECK(wrong.count == 0);
        const std::vector<float> once = again.copy();
        global_avg_pool_rows_backward(k, kCount, pixels, channels, dy.data(), again.data(), true);
        for (int64_t i = 0; i < again.size(); ++i) wrong.expect(again[i], 2.0 * once[static_cast<size_t>(i)], 0);
        CHECK(wrong.count == 0);
        CHECK((x.intact() && dx.intact() && again.intact() && mean.intact() && most.intact() && dy.intact()));
      }
  });
}

namespace {

uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

uint64_t draw(uint64_t seed, uint64_t step, int64_t sample, int64_t element) {
  constexpr uint64_t golden = 0x9e3779b97f4a7c15u;
  const uint64_t key = mixed(mixed(seed + golden * (step + 1)) + golden * static_cast<uint64_t>(sample + 1));
  return mixed(key + golden * static_cast<uint64_t>(element));
}

}  // namespace

TEST_CASE("dropout: an element's fate follows from seed, step, sample and element; shared where the noise shape is 1") {
  for_each_isa([](const Kernels& k) {
    Random random(95);
    for (int i = 0; i < 60; ++i) {
      const ImageSize in = random_image(random);
      const Shape sample = {in.height, in.width, in.channels};
      Shape noise = sample;
      for (int64_t& size : noise)
        if (i % 3 && random.coin()) size = 1;
      const float rate = random.pick<float>({0.0f, 0.1f, 0.5f, 0.9f, 1.0f});
      const uint64_t seed = static_cast<uint64_t>(random.integer(0, 1000)), step = 7;
      const int64_t size = size_of(in), first = 5;
      Floats x(kCount * size, random), y(x.size(), random);
      fill(x, random);
      DropoutPlan(rate, seed, sample, noise).run(k, step, first, kCount, x.data(), y.data());
      Mismatches wrong;
      for (int64_t at = 0; at < x.size(); ++at) {
        const int64_t place[] = {at % size / in.channels / in.width, at / in.channels % in.width, at % in.channels};
        int64_t element = 0;
        for (size_t a = 0; a < 3; ++a) element = element * noise[a] + (noise[a] == 1 ? 0 : place[a]);
        const uint64_t top = draw(seed, step, first + at / size, element) >> 32;
        const bool kept = rate < 1.0f && top >= static_cast<uint32_t>(static_cast<double>(rate) * 4294967296.0);
        wrong.expect(y[at], kept ? x[at] * (1.0f / (1.0f - rate)) : 0.0f, 0);
      }
      CHECK(wrong.count == 0);
      CHECK((x.intact() && y.intact()));
    }
  });
  CHECK_THROWS_WITH_AS(DropoutPlan(1.5f, 0, {3}, {3}), "[dropout] expected a rate in [0, 1]. Received: 1.5",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(
      DropoutPlan(0.5f, 0, {4, 3}, {2, 3}),
      "[dropout] expected shapes whose sizes along every axis are equal or 1. Received: (4, 3), (2, 3)",
      std::invalid_argument);
}

TEST_CASE("gaussian noise: normal draws of the generator") {
  for_each_isa([](const Kernels& k) {
    Random random(96);
    for (const int64_t size : {1, 15, 64, 65, 1000}) {
      Floats x(kCount * size, random), y(x.size(), random);
      fill(x, random);
      gaussian_noise_rows(k, {.stddev = 0.5f, .seed = 3, .step = 4, .size = size}, 6, kCount, x.data(), y.data());
      Mismatches wrong;
      for (int64_t at = 0; at < x.size(); ++at) {
        const uint64_t bits = draw(3, 4, 6 + at / size, at % size);
        // the float nearest to (top 24 bits + 1/2) / 2^24, and the low 24 bits as a fraction of a full turn
        const double u = (static_cast<float>(bits >> 40) + 0.5f) * 0x1p-24f;
        const double turn = (static_cast<double>(bits & 0xffffff) - 0x800000) * 0x1p-24;
        const double radius = std::sqrt(-2 * std::log(u)), normal = radius * std::cos(2 * M_PI * turn);
        wrong.expect(y[at], x[at] + 0.5 * normal, 2e-6 + 1e-6 / std::fmax(radius, 1e-3));
      }
      CAPTURE(wrong.worst);
      CHECK(wrong.count == 0);
      CHECK((x.intact() && y.intact()));
    }
  });
}

TEST_CASE("gaussian noise has the moments of a normal distribution") {
  constexpr int64_t kSize = 200000;
  std::vector<float> x(kSize), y(kSize);
  gaussian_noise_rows(kernels(), {.seed = 1, .step = 2, .size = kSize}, 0, 1, x.data(), y.data());
  double moments[4] = {};
  for (const float v : y)
    for (int i = 0; i < 4; ++i) moments[i] += std::pow(v, i + 1) / kSize;
  CHECK(std::fabs(moments[0]) < 0.01);
  CHECK(std::fabs(moments[1] - 1) < 0.01);
  CHECK(std::fabs(moments[2]) < 0.04);
  CHECK(std::fabs(moments[3] - 3) < 0.1);
}
