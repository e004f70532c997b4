// Mirrored rows of pixels on every instruction set, and copies of moved images, against their definitions.
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

}  // namespace

TEST_CASE("rows of pixels are mirrored, and nothing beside them is read or written") {
  for_each_isa([](const Kernels& k) {
    Random random(17);
    for (const int64_t pixel_bytes : {1, 2, 3, 4, 5, 8, 12, 16, 20})
      for (int64_t pixels = 1; pixels <= 40; ++pixels) {
        const int64_t rows = 3, row = pixels * pixel_bytes, gap = random.integer(0, 5);
        // x has exactly the size of its rows, so that a sanitizer sees a read beyond them.
        const std::vector<uint8_t> x = random_bytes(rows * row, random);
        std::vector<uint8_t> y(static_cast<size_t>(rows * (row + gap)), 0);
        const bool upwards = pixels % 2 == 0;
        k.mirror_rows({x.data() + (upwards ? (rows - 1) * row : 0), upwards ? -row : row, y.data(), row + gap, rows,
                       pixels, pixel_bytes});
        int64_t wrong = 0;
        for (int64_t r = 0; r < rows; ++r) {
          const uint8_t* from = x.data() + (upwards ? rows - 1 - r : r) * row;
          const uint8_t* to = y.data() + r * (row + gap);
          for (int64_t at = 0; at < row; ++at)
            wrong += to[at] != from[(pixels - 1 - at / pixel_bytes) * pixel_bytes + at % pixel_bytes];
          for (int64_t at = row; at < row + gap; ++at) wrong += to[at] != 0;
        }
        CAPTURE(pixel_bytes);
        CAPTURE(pixels);
        CHECK(wrong == 0);
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
