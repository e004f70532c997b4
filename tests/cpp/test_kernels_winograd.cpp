// winograd and winograd_weights of every instruction set against the direct sum, with the bound of Winograd's
// algorithm.
#include "isas.h"
#include "reference.h"

using namespace cnncore;
using namespace testing;

namespace {

// A side of squares, and the stride. The only squares with a stride of 2 are those of 2x2 outputs.
struct Kind {
  int64_t side, stride;
};
constexpr Kind kKinds[] = {{2, 1}, {4, 1}, {2, 2}};

// `squares` squares of side x side outputs, whose patches lie anywhere in an image of `pitch` pixels a row.
struct Squared {
  static constexpr int64_t kRows = 9, kPitch = 11;
  int64_t side, stride, patch, pixels, squares, channels, filters;
  Ints x_offset;
  Floats x, kernel, packed, bias, scratch;
  std::vector<int64_t> tap;

  Squared(const Kernels& k, Kind kind, int64_t square_count, int64_t channel_count, int64_t filter_vectors,
          Random& random)
      : side(kind.side),
        stride(kind.stride),
        patch(winograd_patch_side(side, stride)),
        pixels(side * side),
        squares(square_count),
        channels(channel_count),
        filters(filter_vectors * k.width),
        x_offset(squares, random),
        x(place_squares(random), random),
        kernel(9 * channels * filters, random),
        packed(patch * patch * channels * filters, random),
        bias(filters, random),
        scratch(patch * patch * kMostWinogradSquares * ((channels + k.width - 1) / k.width * k.width + 2 * k.width),
                random) {
    fill(x, random), fill(kernel, random), fill(bias, random);
    for (int64_t t = 0; t < 9; ++t) tap.push_back(t * channels * filters);
  }
  // Returns the number of floats of x: up to the last pixel of the last square.
  int64_t place_squares(Random& random) {
    for (int64_t t = 0; t < squares; ++t)
      x_offset[t] = static_cast<int32_t>(
          (random.integer(0, kRows - patch) * kPitch + random.integer(0, kPitch - patch)) * channels);
    return largest(x_offset) + ((patch - 1) * kPitch + patch) * channels;
  }
  WinogradArgs args(Floats& y, Ints& y_offset, bool with_bias, bool relu, bool pool, uint8_t* winner) {
    WinogradArgs a{};
    a.side = side, a.stride = stride;
    a.x = x.data(), a.x_offset = x_offset.data(), a.x_pixel = channels, a.x_row = kPitch * channels;
    a.squares = squares, a.channels = channels, a.filters = filters;
    a.w = packed.data(), a.bias = with_bias ? bias.data() : nullptr;
    a.y = y.data(), a.y_offset = y_offset.data();
    a.relu = relu, a.pool = pool, a.winner = winner, a.scratch = scratch.data();
    return a;
  }
  float at(int64_t square, int64_t row, int64_t column, int64_t c) const {
    return x[x_offset[square] + (row * kPitch + column) * channels + c];
  }
  float weight(int64_t row, int64_t column, int64_t c, int64_t f) const {
    return kernel[((row * 3 + column) * channels + c) * filters + f];
  }
  double sum(int64_t square, int64_t row, int64_t column, int64_t f, bool with_bias) const {
    double s = with_bias ? bias[f] : 0;
    for (int64_t y = 0; y < 3; ++y)
      for (int64_t xx = 0; xx < 3; ++xx)
        for (int64_t c = 0; c < channels; ++c)
          s += static_cast<double>(at(square, row * stride + y, column * stride + xx, c)) * weight(y, xx, c, f);
    return s;
  }
  void pack(const Kernels& k) {
    k.winograd_weights(
        {side, kernel.data(), tap.data(), filters, channels, filters, packed.data(), {0, channels}, stride});
  }
  // Bounds of [square][side][side][f].
  std::vector<double> bounds() const {
    return winograd_bounds(
        {squares, side, side, channels, filters, side, stride},
        [&](int64_t t, int64_t y, int64_t xx, int64_t c) { return std::fabs(static_cast<double>(at(t, y, xx, c))); },
        [&](int64_t y, int64_t xx, int64_t c, int64_t f) {
          return std::fabs(static_cast<double>(weight(y, xx, c, f)));
        });
  }
  bool intact() const {
    return x_offset.intact() && x.intact() && kernel.intact() && packed.intact() && bias.intact() && scratch.intact();
  }
};

void check_winograd(const Kernels& k, Kind kind, int64_t squares, int64_t channels, int64_t filter_vectors,
                    Random& random) {
  Squared t(k, kind, squares, channels, filter_vectors, random);
  const int64_t side = t.side;
  t.pack(k);
  Places y_offset(t.pixels * squares, t.filters, random);
  Floats y(largest(y_offset) + t.filters, random);
  const bool with_bias = random.coin(), relu = random.coin();
  WinogradArgs a = t.args(y, y_offset, with_bias, relu, false, nullptr);
  k.winograd(a);
  Mismatches wrong;
  const std::vector<double> bounds = t.bounds();
  for (int64_t pixel = 0; pixel < t.pixels * squares; ++pixel)
    for (int64_t f = 0; f < t.filters; ++f) {
      const double expected = t.sum(pixel / t.pixels, pixel % t.pixels / side, pixel % side, f, with_bias);
      const double bound =
          bounds[static_cast<size_t>(pixel * t.filters + f)] + (with_bias ? kUnit * std::fabs(t.bias[f]) : 0);
      wrong.expect(y[y_offset[pixel] + f], relu ? std::max(0.0, expected) : expected, bound);
    }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK(covered(y) == t.pixels * squares * t.filters);
  CHECK((t.intact() && y_offset.intact() && y.intact()));

  // Each square alone must give the same bits.
  Floats alone(y.size(), random);
  a.y = alone.data(), a.squares = 1;
  for (int64_t square = 0; square < squares; ++square, ++a.x_offset, a.y_offset += t.pixels) k.winograd(a);
  CHECK(same_bits(alone.data(), y.data(), y.size()));
}

}  // namespace

TEST_CASE("winograd is the 3x3 convolution, whatever squares are taken together") {
  for_each_isa([](const Kernels& k) {
    Random random(71);
    for (const int64_t squares : {1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 25, 26})
      for (const Kind kind : kKinds)
        check_winograd(k, kind, squares, random.integer(1, 3 * k.width), random.integer(1, 3), random);
  });
}

TEST_CASE("winograd: a square at an edge writes the pixels inside only") {
  for_each_isa([](const Kernels& k) {
    Random random(72);
    for (const Kind kind : kKinds) {
      Squared t(k, kind, 5, k.width, 3, random);
      t.pack(k);
      const int64_t pixels = 5 * t.pixels;
      Places whole_offset(pixels, t.filters, random);
      Floats whole(largest(whole_offset) + t.filters, random), y(whole.size(), random);
      k.winograd(t.args(whole, whole_offset, true, false, false, nullptr));
      Ints y_offset(pixels, random);
      std::vector<bool> inside(static_cast<size_t>(pixels));
      for (int64_t i = 0; i < pixels; ++i) {
        const bool is_inside = i % t.pixels == 0 || random.coin();
        inside[static_cast<size_t>(i)] = is_inside;
        y_offset[i] = whole_offset[is_inside ? i : i / t.pixels * t.pixels];
      }
      k.winograd(t.args(y, y_offset, true, false, false, nullptr));
      for (int64_t i = 0; i < pixels; ++i) {
        const float* pixel = y.data() + whole_offset[i];
        if (inside[static_cast<size_t>(i)])
          CHECK(same_bits(pixel, whole.data() + whole_offset[i], t.filters));
        else
          CHECK(y.untouched(whole_offset[i]));
      }
    }
  });
}

namespace {

// With ties, all numbers are small integers, so that many of the four are equal.
void check_pool(const Kernels& k, int64_t side, bool relu, bool ties, Random& random) {
  Squared t(k, {side, 1}, 13, 2 * k.width, 3, random);
  if (ties)
    fill_integers(t.x, random, 1), fill_integers(t.kernel, random, 1), std::fill_n(t.bias.data(), t.bias.size(), 0.0f);
  t.pack(k);
  const int64_t windows = t.squares * t.pixels / 4, across = side / 2;
  Places pixel_offset(t.pixels * t.squares, t.filters, random), y_offset(windows, t.filters, random);
  Floats pixels(largest(pixel_offset) + t.filters, random), y(largest(y_offset) + t.filters, random),
      silent(y.size(), random);
  Bytes winner(y.size(), random);
  k.winograd(t.args(pixels, pixel_offset, true, false, false, nullptr));
  k.winograd(t.args(y, y_offset, true, relu, true, winner.data()));
  k.winograd(t.args(silent, y_offset, true, relu, true, nullptr));
  int64_t wrong = 0;
  for (int64_t q = 0; q < windows; ++q)
    for (int64_t f = 0; f < t.filters; ++f) {
      const int64_t square = q / (t.pixels / 4), window = q % (t.pixels / 4);
      const int64_t first = square * t.pixels + window / across * 2 * side + window % across * 2;
      const auto pixel = [&](int64_t i) { return pixels[pixel_offset[first + i / 2 * side + i % 2] + f]; };
      uint8_t best = 0;
      for (uint8_t i = 1; i < 4; ++i)
        if (pixel(i) > pixel(best)) best = i;
      const float value = relu && pixel(best) < 0 ? 0.0f : pixel(best);
      wrong += y[y_offset[q] + f] != value || winner[y_offset[q] + f] != (relu && !(pixel(best) > 0) ? 4 : best);
    }
  CHECK(wrong == 0);
  CHECK(same_bits(y.data(), silent.data(), y.size()));
  CHECK((t.intact() && pixels.intact() && y.intact() && winner.intact()));
}

}  // namespace

TEST_CASE("winograd with a pool is the maximum of each 2x2 window, bit by bit") {
  for_each_isa([](const Kernels& k) {
    Random random(73);
    for (const int64_t side : {2, 4})
      for (const bool relu : {false, true})
        for (const bool ties : {false, true}) check_pool(k, side, relu, ties, random);
  });
}

TEST_CASE("winograd_weights takes its taps in any order and row pitch") {
  for_each_isa([](const Kernels& k) {
    Random random(74);
    const Kind kind = kKinds[random.integer(0, 2)];
    Squared t(k, kind, 1, 2 * k.width, 3, random);
    t.pack(k);
    // The same kernels behind each other in reverse, their rows three floats further apart.
    const int64_t pitch = t.filters + 3;
    Floats other((9 * t.channels - 1) * pitch + t.filters, random), packed(t.packed.size(), random);
    std::vector<int64_t> tap;
    for (int64_t i = 0; i < 9; ++i) {
      tap.push_back((8 - i) * t.channels * pitch);
      for (int64_t c = 0; c < t.channels; ++c)
        std::copy_n(t.kernel.data() + (i * t.channels + c) * t.filters, t.filters,
                    other.data() + tap.back() + c * pitch);
    }
    // channel by channel, which must write the same values
    for (int64_t c = t.channels; c-- > 0;)
      k.winograd_weights(
          {kind.side, other.data(), tap.data(), pitch, t.channels, t.filters, packed.data(), {c, c + 1}, kind.stride});
    CHECK(same_bits(packed.data(), t.packed.data(), packed.size()));
    CHECK((other.intact() && packed.intact()));
  });
}

namespace {

// Squares of gradients and the inputs that they saw, and where they lie.
struct GradientSquares {
  static constexpr int64_t kPitch = 13;
  int64_t side, squares, channels, filters;
  Ints x_offset, dy_offset, count_up;
  Floats x, dy, du, scratch;

  GradientSquares(const Kernels& k, int64_t square_side, int64_t square_count, Random& random)
      : side(square_side),
        squares(square_count),
        channels(k.width * random.integer(1, 3)),
        filters(k.width * random.integer(1, 3)),
        x_offset(squares, random),
        dy_offset(squares, random),
        count_up(channels, random),
        x(place(x_offset, side + 2, channels, random), random),
        dy(place(dy_offset, side, filters, random), random),
        du((side + 2) * (side + 2) * channels * filters, random),
        scratch(winograd_gradient_space(side, channels + filters), random) {
    fill(x, random), fill(dy, random);
    for (int64_t c = 0; c < channels; ++c) count_up[c] = static_cast<int32_t>(c);
  }
  // Squares of `size` pixels anywhere; returns the floats up to the last one's end.
  static int64_t place(Ints& offset, int64_t size, int64_t depth, Random& random) {
    for (int64_t t = 0; t < offset.size(); ++t) offset[t] = static_cast<int32_t>(random.integer(0, 5 * kPitch) * depth);
    return largest(offset) + ((size - 1) * kPitch + size) * depth;
  }
  void run(const Kernels& k) {
    k.winograd_gradient({side, x.data(), x_offset.data(), channels, kPitch * channels, dy.data(), dy_offset.data(),
                         filters, kPitch * filters, squares, channels, filters, count_up.data(), du.data(),
                         scratch.data(), true});
  }
  double input(int64_t t, int64_t y, int64_t xx, int64_t c) const {
    return x[x_offset[t] + (y * kPitch + xx) * channels + c];
  }
  double gradient(int64_t t, int64_t y, int64_t xx, int64_t f) const {
    return dy[dy_offset[t] + (y * kPitch + xx) * filters + f];
  }
  double sum(int64_t ky, int64_t kx, int64_t c, int64_t f) const {
    double s = 0;
    for (int64_t t = 0; t < squares; ++t)
      for (int64_t i = 0; i < side * side; ++i)
        s += input(t, ky + i / side, kx + i % side, c) * gradient(t, i / side, i % side, f);
    return s;
  }
  std::vector<double> bounds() const {
    return winograd_kernel_bounds(
        {squares, side, side, channels, filters, side},
        [&](int64_t t, int64_t y, int64_t xx, int64_t c) { return std::fabs(input(t, y, xx, c)); },
        [&](int64_t t, int64_t y, int64_t xx, int64_t f) { return std::fabs(gradient(t, y, xx, f)); });
  }
  bool intact() const {
    return x_offset.intact() && dy_offset.intact() && x.intact() && dy.intact() && du.intact() && scratch.intact() &&
           count_up.intact();
  }
};

}  // namespace

namespace {

void check_gradient(const Kernels& k, int64_t side, int64_t squares, Random& random) {
  GradientSquares t(k, side, squares, random);
  t.run(k);
  const int64_t plane = t.channels * t.filters;
  Floats dw(9 * plane, random);
  k.winograd_reduce({side, t.du.data(), 1, 0, t.channels, t.filters, dw.data(), {0, plane}});
  const std::vector<double> bounds = t.bounds();
  Mismatches wrong;
  for (int64_t i = 0; i < dw.size(); ++i) {
    const int64_t f = i % t.filters, c = i / t.filters % t.channels, tap = i / plane;
    wrong.expect(dw[i], t.sum(tap / 3, tap % 3, c, f), bounds[static_cast<size_t>(i)]);
  }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK((t.intact() && dw.intact()));
}

}  // namespace

TEST_CASE("winograd_gradient and winograd_reduce are the gradient of a 3x3 kernel") {
  for_each_isa([](const Kernels& k) {
    Random random(75);
    for (const int64_t side : {2, 4})
      for (const int64_t squares : {1, 2, 5, 31, 32, 33, 47, 48, 49, 63, 64, 65, 96, 97, 130}) {
        CAPTURE(side);
        CAPTURE(squares);
        check_gradient(k, side, squares, random);
      }
  });
}

TEST_CASE("winograd_reduce sums its parts in order") {
  for_each_isa([](const Kernels& k) {
    Random random(76);
    for (const int64_t side : {2, 4}) {
      const int64_t channels = k.width, filters = 2 * k.width, plane = channels * filters,
                    size = (side + 2) * (side + 2) * plane, stride = size + 5;
      Floats parts(2 * stride + size, random), total(size, random), dw(9 * plane, random), expected(9 * plane, random);
      fill(parts, random);
      for (int64_t i = 0; i < size; ++i) total[i] = parts[i] + parts[stride + i] + parts[2 * stride + i];
      for (int64_t at = 0; at < plane; at += k.width)  // vector by vector
        k.winograd_reduce({side, parts.data(), 3, stride, channels, filters, dw.data(), {at, at + k.width}});
      k.winograd_reduce({side, total.data(), 1, 0, channels, filters, expected.data(), {0, plane}});
      CHECK(same_bits(dw.data(), expected.data(), 9 * plane));
      CHECK((parts.intact() && dw.intact()));
    }
  });
}
