// Rows of pixels that move, perhaps mirrored, on every instruction set, and copies of moved images, against their
// definitions.
#include <cstdint>
#include <vector>

#include "arrays.h"
#include "cnncore/augment.h"
#include "isas.h"

using namespace cnncore;
using namespace testing;

namespace {

std::vector<uint8_t> random_bytes(int64_t size, Random& random) {
  std::vector<uint8_t> bytes(static_cast<size_t>(size));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.integer(1, 255));
  return bytes;
}

// What move_rows should write, by its contract. Pixels that are copied are never 0.
std::vector<uint8_t> moved(const MoveArgs& a) {
  std::vector<uint8_t> y;
  const auto fill = [&](int64_t n) {
    for (int64_t k = 0; k < n; ++k) y.push_back(a.fill[k % kFillBytes]);
  };
  fill(a.before);
  for (int64_t r = 0; r < a.rows; ++r) {
    if (r > 0) fill(a.gap);
    for (int64_t j = 0; j < a.pixels; ++j) {
      const uint8_t* pixel = a.x + r * a.x_stride + (a.mirrored ? a.pixels - 1 - j : j) * a.pixel_bytes;
      y.insert(y.end(), pixel, pixel + a.pixel_bytes);
    }
  }
  fill(a.after);
  return y;
}

}  // namespace

TEST_CASE("rows of pixels move between fill values, and nothing beside them is read or written") {
  for_each_isa([](const Kernels& k) {
    Random random(17);
    std::vector<uint8_t> fill(kFillBytes);
    for (size_t i = 0; i < fill.size(); ++i) fill[i] = static_cast<uint8_t>(200 + i % 4);
    for (const int64_t pixel_bytes : {1, 2, 3, 4, 5, 8, 12, 16, 20})
      for (int64_t pixels = 0; pixels <= 40; ++pixels)
        for (const bool mirrored : {false, true}) {
          const int64_t rows = random.integer(0, 3), row = pixels * pixel_bytes;
          const auto some = [&] { return 4 * pixel_bytes * random.integer(0, random.integer(0, 9)); };
          // x has exactly the size of its rows, so that a sanitizer sees a read beyond them.
          const std::vector<uint8_t> x = random_bytes(rows * row, random);
          const bool upwards = random.integer(0, 1) == 1 && rows > 0;
          MoveArgs a{x.data() + (upwards ? (rows - 1) * row : 0),
                     upwards ? -row : row,
                     rows,
                     pixels,
                     pixel_bytes,
                     mirrored,
                     nullptr,
                     some(),
                     some(),
                     some(),
                     fill.data()};
          std::vector<uint8_t> expected = moved(a), y(expected.size() + 70, 0);
          expected.resize(y.size(), 0);
          a.y = y.data();
          k.move_rows(a);
          CAPTURE(pixel_bytes);
          CAPTURE(pixels);
          CAPTURE(mirrored);
          CHECK(y == expected);
        }
  });
}

TEST_CASE("random shifts and flips are what their numbers say, with a frame of the fill value") {
  for_each_isa([](const Kernels&) {
    Random random(18);
    constexpr int64_t kSamples = 40, kSize = 9, kChannels = 3;
    const std::vector<uint8_t> x = random_bytes(kSamples * kSize * kSize * kChannels, random);
    std::vector<uint8_t> y(x.size());
    std::vector<float> shift(2 * kSamples), flip(2 * kSamples);
    for (float& u : shift) u = static_cast<float>(random.integer(0, 99)) / 100.0f;
    for (float& u : flip) u = static_cast<float>(random.integer(0, 99)) / 100.0f;
    std::vector<double> m(6 * kSamples);
    augment_shift_matrices(kSamples, {kSize, kSize, {-0.5, 0.5}, {-0.25, 0.25}, true}, shift.data(), m.data());
    const std::vector<double> shifted = m;
    augment_flip_matrices(kSamples, {kSize, kSize, true, true}, flip.data(), m.data());
    AffineParams p{{kSamples, kSize, kSize, kChannels}, kSize, kSize, Edge::grid_constant, 0.0f, true};
    augment_affine(p, m.data(), x.data(), y.data());
    int64_t wrong = 0;
    for (int64_t n = 0; n < kSamples; ++n)
      for (int64_t at = 0; at < kSize * kSize * kChannels; ++at) {
        const int64_t c = at % kChannels, column = at / kChannels % kSize, row = at / kChannels / kSize;
        // the place of the pixel after the flip, then before it
        int64_t i = row + static_cast<int64_t>(shifted[static_cast<size_t>(6 * n + 2)]);
        int64_t j = column + static_cast<int64_t>(shifted[static_cast<size_t>(6 * n + 5)]);
        const bool inside = i >= 0 && i < kSize && j >= 0 && j < kSize;
        if (flip[static_cast<size_t>(2 * n)] < 0.5f) j = kSize - 1 - j;
        if (flip[static_cast<size_t>(2 * n + 1)] < 0.5f) i = kSize - 1 - i;
        const int64_t image = n * kSize * kSize * kChannels;
        const int expected = inside ? x[static_cast<size_t>(image + (i * kSize + j) * kChannels + c)] : 0;
        wrong += y[static_cast<size_t>(image + at)] != expected;
      }
    CHECK(wrong == 0);
  });
}
