// The kernels whose vectors hold neighbouring channels (depthwise convolution and pooling), against sums in double.
#include "arrays.h"
#include "isas.h"

using namespace cnncore;
using namespace testing;

namespace {

std::vector<int64_t> channel_counts(int64_t width) {
  return {1, 2, 3, width - 1, width, width + 1, 2 * width - 1, 2 * width, 3 * width + 1, 5 * width + 3};
}

// Random offsets of whole pixels, which are multiples of the number of channels.
struct Pixels : Ints {
  Pixels(int64_t size, int64_t reach, int64_t channels, Random& random) : Ints(size, random) {
    for (int64_t i = 0; i < size; ++i) data()[i] = static_cast<int32_t>(channels * random.integer(0, reach - 1));
  }
};

struct Depthwise {
  int64_t pixels, taps, channels;
  Pixels x_offset, tap_offset;
  Places w_offset;
  Floats x, w, bias;

  Depthwise(int64_t pixel_count, int64_t tap_count, int64_t channel_count, Random& random)
      : pixels(pixel_count),
        taps(tap_count),
        channels(channel_count),
        x_offset(pixels, 20, channels, random),
        tap_offset(taps, 9, channels, random),
        w_offset(taps, channels, random),
        x(largest(x_offset) + largest(tap_offset) + channels, random),
        w(largest(w_offset) + channels, random),
        bias(channels, random) {
    fill(x, random), fill(w, random), fill(bias, random);
  }
  float at(int64_t p, int64_t t, int64_t c) const { return x[x_offset[p] + tap_offset[t] + c]; }
};

void check_depthwise(const Kernels& k, int64_t pixels, int64_t taps, int64_t channels, Random& random) {
  Depthwise d(pixels, taps, channels, random);
  Places y_offset(pixels, channels, random);
  Floats y(largest(y_offset) + channels, random), alone(y.size(), random);
  const bool with_bias = random.coin(), relu = random.coin();
  DepthwiseArgs a{d.x.data(),
                  d.x_offset.data(),
                  d.tap_offset.data(),
                  pixels,
                  taps,
                  channels,
                  d.w.data(),
                  d.w_offset.data(),
                  with_bias ? d.bias.data() : nullptr,
                  y.data(),
                  y_offset.data(),
                  relu};
  k.depthwise(a);
  Mismatches wrong;
  for (int64_t p = 0; p < pixels; ++p) {
    for (int64_t c = 0; c < channels; ++c) {
      Sum s;
      if (with_bias) s.add(d.bias[c]);
      for (int64_t t = 0; t < taps; ++t) s.add(d.at(p, t, c), d.w[d.w_offset[t] + c]);
      wrong.expect(y[y_offset[p] + c], relu ? std::max(0.0, s.value) : s.value, s.bound());
    }
  }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK(covered(y) == pixels * channels);
  CHECK((d.x.intact() && d.w.intact() && d.bias.intact() && y.intact()));

  a.y = alone.data(), a.pixels = 1;
  for (int64_t p = 0; p < pixels; ++p, ++a.x_offset, ++a.y_offset) k.depthwise(a);
  CHECK(same_bits(alone.data(), y.data(), y.size()));
}

// A whole image with borders of 0 or 1 pixels; the taps that lie outside the image are left out.
void check_depthwise_nine(const Kernels& k, int64_t height, int64_t width, int64_t channels, Random& random) {
  const int64_t top = height < 3 ? 1 : random.integer(0, 1), left = width < 3 ? 1 : random.integer(0, 1);
  const int64_t out_height = height + top + (height < 3 ? 1 : random.integer(0, 1)) - 2;
  const int64_t out_width = width + left + (width < 3 ? 1 : random.integer(0, 1)) - 2;
  Floats x(height * width * channels, random), w(9 * channels, random), bias(channels, random);
  Floats y(out_height * out_width * channels, random), parts(y.size(), random);
  fill(x, random), fill(w, random), fill(bias, random);
  const bool with_bias = random.coin(), relu = random.coin();
  DepthwiseNineArgs a{x.data(), height,    width, channels,   top, left, w.data(), with_bias ? bias.data() : nullptr,
                      y.data(), out_width, 0,     out_height, relu};
  k.depthwise_nine(a);
  Mismatches wrong;
  for (int64_t i = 0; i < out_height; ++i)
    for (int64_t j = 0; j < out_width; ++j)
      for (int64_t c = 0; c < channels; ++c) {
        Sum s;
        if (with_bias) s.add(bias[c]);
        for (int64_t t = 0; t < 9; ++t) {
          const int64_t row = i - top + t / 3, column = j - left + t % 3;
          if (row >= 0 && row < height && column >= 0 && column < width)
            s.add(x[(row * width + column) * channels + c], w[t * channels + c]);
        }
        wrong.expect(y[(i * out_width + j) * channels + c], relu ? std::max(0.0, s.value) : s.value, s.bound());
      }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK((x.intact() && w.intact() && bias.intact() && y.intact()));

  a.y = parts.data();
  for (int64_t begin = 0; begin < out_height; begin = a.row_end) {  // a few rows at a time must give the same bits
    a.row_begin = begin, a.row_end = std::min(out_height, begin + random.integer(1, 3));
    k.depthwise_nine(a);
  }
  CHECK(same_bits(parts.data(), y.data(), y.size()));
}

void check_depthwise_weights(const Kernels& k, int64_t pixels, int64_t taps, int64_t channels, Random& random) {
  Depthwise d(pixels, taps, channels, random);
  Places dy_offset(pixels, channels, random);
  Floats dy(largest(dy_offset) + channels, random), dw(d.w.size(), random);
  fill(dy, random), fill(dw, random);
  const std::vector<float> before = dw.copy();
  k.depthwise_weights({d.x.data(), d.x_offset.data(), d.tap_offset.data(), pixels, taps, channels, dy.data(),
                       dy_offset.data(), dw.data(), d.w_offset.data()});
  Mismatches wrong;
  for (int64_t t = 0; t < taps; ++t) {
    for (int64_t c = 0; c < channels; ++c) {
      Sum s;
      s.add(before[static_cast<size_t>(d.w_offset[t] + c)]);
      for (int64_t p = 0; p < pixels; ++p) s.add(d.at(p, t, c), dy[dy_offset[p] + c]);
      wrong.expect(dw[d.w_offset[t] + c], s);
    }
  }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK((d.x.intact() && dy.intact() && dw.intact()));
}

}  // namespace

TEST_CASE("depthwise_nine is the sum over nine taps, within the image") {
  for_each_isa([](const Kernels& k) {
    Random random(12);
    for (const int64_t channels : channel_counts(k.width))
      for (const int64_t height : {1, 2, 3, 4, 6, 9, 13})
        check_depthwise_nine(k, height, random.integer(1, 7), channels, random);
  });
}

TEST_CASE("depthwise and depthwise_weights are the sums over each channel's taps") {
  for_each_isa([](const Kernels& k) {
    Random random(11);
    for (const int64_t channels : channel_counts(k.width)) {
      for (const int64_t pixels : {1, 2, 7, 8, 9, 16, 17, 29})
        check_depthwise(k, pixels, random.pick<int64_t>({1, 2, 9, 25}), channels, random);
      for (const int64_t taps : {1, 2, 4, 5, 6, 9, 10, 14, 25})
        check_depthwise_weights(k, random.integer(1, 30), taps, channels, random);
    }
  });
}

namespace {

// Windows of one to ten positions of a small image that may overlap, or of one or two positions that do not.
struct Windows {
  int64_t windows, channels;
  bool disjoint;
  Ints begin;
  std::vector<std::vector<int32_t>> positions;
  Ints offset;
  Floats x, dy;

  static constexpr int64_t kPixels = 30, kMostWindows = 13;

  Windows(int64_t window_count, int64_t channel_count, Random& random)
      : windows(window_count),
        channels(channel_count),
        disjoint(random.coin()),
        begin(windows + 1, random),
        positions(choose(random)),
        offset(begin[windows], random),
        x(kPixels * channels, random),
        dy(windows * channels, random) {
    int64_t i = 0;
    for (const auto& window : positions)
      for (const int32_t position : window) offset[i++] = position;
    fill(x, random), fill(dy, random);
  }
  std::vector<std::vector<int32_t>> choose(Random& random) {
    std::vector<std::vector<int32_t>> chosen;
    begin[0] = 0;
    const std::vector<int32_t> all = shuffled(kPixels, random);
    for (int64_t q = 0; q < windows; ++q) {
      const int64_t size = random.integer(1, disjoint ? kPixels / kMostWindows : 10);
      std::vector<int32_t> order =
          disjoint ? std::vector<int32_t>(all.begin() + begin[q], all.end()) : shuffled(kPixels, random);
      order.resize(static_cast<size_t>(size));
      for (int32_t& position : order) position *= static_cast<int32_t>(channels);
      chosen.push_back(order);
      begin[q + 1] = begin[q] + static_cast<int32_t>(size);
    }
    return chosen;
  }
  PoolArgs args(float* y, float* dx) {
    return {x.data(), offset.data(), begin.data(), windows, channels, y, dy.data(), dx, disjoint};
  }
  bool intact() const { return begin.intact() && offset.intact() && x.intact() && dy.intact(); }
};

// Returns the place of the maximum, the first of several equal ones. A NaN wins over numbers, and the last NaN over
// other NaNs.
size_t place_of_maximum(const Windows& w, size_t q, int64_t c) {
  size_t best = 0;
  for (size_t i = 1; i < w.positions[q].size(); ++i) {
    const float value = w.x[w.positions[q][i] + c];
    if (value > w.x[w.positions[q][best] + c] || std::isnan(value)) best = i;
  }
  return best;
}

void check_max_pool(const Kernels& k, int64_t windows, int64_t channels, Random& random) {
  Windows w(windows, channels, random);
  const bool ties = random.coin(), nans = random.coin();
  if (ties) fill_integers(w.x, random, 2);
  if (nans)
    w.x[random.integer(0, w.x.size() - 1)] = w.x[random.integer(0, w.x.size() - 1)] =
        std::numeric_limits<float>::quiet_NaN();
  fill_integers(w.dy, random, 100);  // so that dx is exact in any order
  Floats y(windows * channels, random), dx(w.x.size(), random);
  fill_integers(dx, random, 5);
  std::vector<float> expected = dx.copy();
  if (w.disjoint)
    for (const int32_t from : w.offset.copy()) std::fill_n(&expected[static_cast<size_t>(from)], channels, 0.0f);
  k.max_pool(w.args(y.data(), nullptr));
  k.max_pool_backward(w.args(nullptr, dx.data()));
  int64_t wrong = 0;
  for (int64_t q = 0; q < windows; ++q) {
    for (int64_t c = 0; c < channels; ++c) {
      const int64_t from = w.positions[static_cast<size_t>(q)][place_of_maximum(w, static_cast<size_t>(q), c)] + c;
      const float value = y[q * channels + c], best = w.x[from];
      wrong += std::isnan(best) ? !std::isnan(value) : !same_bits(&value, &best, 1);
      expected[static_cast<size_t>(from)] += w.dy[q * channels + c];
    }
  }
  CHECK(wrong == 0);
  CHECK(same_bits(dx.data(), expected.data(), dx.size()));
  k.max_pool_tangent(w.args(y.data(), dx.data()));
  for (int64_t q = 0; q < windows; ++q)
    for (int64_t c = 0; c < channels; ++c) {
      const size_t from = w.positions[static_cast<size_t>(q)][place_of_maximum(w, static_cast<size_t>(q), c)] + c;
      wrong += !same_bits(&y[q * channels + c], &dx[static_cast<int64_t>(from)], 1);
    }
  CHECK(wrong == 0);
  CHECK((w.intact() && y.intact() && dx.intact()));
}

void check_avg_pool(const Kernels& k, int64_t windows, int64_t channels, Random& random) {
  Windows w(windows, channels, random);
  Floats y(windows * channels, random), dx(w.x.size(), random);
  fill(dx, random);
  std::vector<Sum> expected(static_cast<size_t>(dx.size()));
  for (int64_t i = 0; i < dx.size(); ++i) expected[static_cast<size_t>(i)].add(dx[i]);
  if (w.disjoint)
    for (const int32_t from : w.offset.copy()) std::fill_n(&expected[static_cast<size_t>(from)], channels, Sum());
  k.avg_pool(w.args(y.data(), nullptr));
  k.avg_pool_backward(w.args(nullptr, dx.data()));
  constexpr int64_t kOfTheMean = 2;  // 1 / count and the product with it
  Mismatches wrong;
  for (int64_t q = 0; q < windows; ++q) {
    const std::vector<int32_t>& window = w.positions[static_cast<size_t>(q)];
    for (int64_t c = 0; c < channels; ++c) {
      Sum mean;
      for (const int32_t at : window) {
        mean.add(w.x[at + c] / static_cast<double>(window.size()));
        expected[static_cast<size_t>(at + c)].add(w.dy[q * channels + c] / static_cast<double>(window.size()));
      }
      wrong.expect(y[q * channels + c], mean, kOfTheMean);
    }
  }
  for (int64_t i = 0; i < dx.size(); ++i) wrong.expect(dx[i], expected[static_cast<size_t>(i)], kOfTheMean);
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK((w.intact() && y.intact() && dx.intact()));
}

}  // namespace

TEST_CASE("max_pool and its gradient: the first maximum, NaN kept") {
  for_each_isa([](const Kernels& k) {
    Random random(12);
    for (const int64_t channels : channel_counts(k.width))
      for (const int64_t windows : {1, 2, 5, 13, 13, 13, 13}) check_max_pool(k, windows, channels, random);
  });
}

TEST_CASE("avg_pool and its gradient: the mean over the positions listed") {
  for_each_isa([](const Kernels& k) {
    Random random(13);
    for (const int64_t channels : channel_counts(k.width))
      for (const int64_t windows : {1, 2, 5, 13}) check_avg_pool(k, windows, channels, random);
  });
}
