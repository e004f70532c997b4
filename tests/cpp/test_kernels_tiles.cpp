// bfloat16 on every instruction set: rounding, tiles, and products of tiles.
#include <cmath>

#include "amx_unit.h"
#include "arrays.h"
#include "isas.h"

using namespace cnncore;
using namespace testing;

namespace {

using Halves = Array<uint16_t>;

float from_bfloat16(uint16_t value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float f;
  std::memcpy(&f, &bits, sizeof f);
  return f;
}

// Returns the nearest number with 8 bits of mantissa; of two equally near ones, the one with an even mantissa.
float nearest_bfloat16(float x) {
  if (!std::isfinite(x) || x == 0.0f) return x;
  int exponent;
  std::frexp(x, &exponent);
  const double spacing = std::ldexp(1.0, exponent - 8);
  return static_cast<float>(std::nearbyint(static_cast<double>(x) / spacing) * spacing);
}

std::vector<float> awkward_values(Random& random) {
  std::vector<float> values = {0.0f,
                               -0.0f,
                               1.0f,
                               1.00390625f,
                               1.01171875f,
                               -1.00390625f,
                               3.3895314e38f,
                               -1e30f,
                               255.0f,
                               std::numeric_limits<float>::infinity(),
                               -std::numeric_limits<float>::infinity()};
  for (int i = 0; i < 200; ++i)
    values.push_back(std::ldexp(random.real(-1, 1), static_cast<int>(random.integer(-90, 90))));
  return values;
}

}  // namespace

TEST_CASE("values are rounded to the nearest bfloat16, ties to even, or to the sum of two") {
  for_each_isa([](const Kernels& k) {
    Random random(1);
    const std::vector<float> values = awkward_values(random);
    for (const int64_t size : {int64_t{1}, int64_t{3}, k.width, k.width + 1, static_cast<int64_t>(values.size())}) {
      Floats x(size, random), one(size, random), two(size, random);
      Halves high(size, random), low(size, random);
      std::copy_n(values.end() - size, size, x.data());
      k.round_bfloat16(x.data(), one.data(), size, 1);
      k.round_bfloat16(x.data(), two.data(), size, 2);
      k.to_bfloat16(x.data(), high.data(), low.data(), size);
      int64_t wrong = 0;
      for (int64_t i = 0; i < size; ++i) {
        const float first = nearest_bfloat16(x[i]);
        const float rest = std::isfinite(x[i]) ? nearest_bfloat16(x[i] - first) : 0.0f;
        wrong += !same_bits(&one[i], &first, 1) || from_bfloat16(high[i]) != first;
        wrong += two[i] != (std::isfinite(x[i]) ? first + rest : x[i]);
        wrong += std::isfinite(x[i]) && from_bfloat16(low[i]) != rest;
        // the sum of two terms keeps 16 bits
        wrong += std::isfinite(x[i]) && std::fabs(double(two[i]) - double(x[i])) > std::ldexp(std::fabs(x[i]), -16);
      }
      CHECK(wrong == 0);
      CHECK((x.intact() && one.intact() && two.intact() && high.intact() && low.intact()));
    }
  });
}

TEST_CASE("NaN stays NaN, what is too large becomes infinite") {
  for_each_isa([](const Kernels& k) {
    const float nan = std::nanf(""), x[4] = {nan, -nan, 3.4e38f, -3.4e38f};
    for (const int terms : {1, 2}) {
      float y[4];
      k.round_bfloat16(x, y, 4, terms);
      CHECK((std::isnan(y[0]) && std::isnan(y[1])));
      CHECK((std::isinf(y[2]) && y[2] > 0 && std::isinf(y[3]) && y[3] < 0));
    }
    uint16_t high[4];
    k.to_bfloat16(x, high, nullptr, 4);
    CHECK((std::isnan(from_bfloat16(high[0])) && std::isnan(from_bfloat16(high[1]))));
  });
}

TEST_CASE("a transposed array is rounded on the way") {
  for_each_isa([](const Kernels& k) {
    Random random(5);
    for (const int64_t rows : {1, 3, 4, 8, 12, 15, 16, 17, 32, 35}) {
      const int64_t cols = random.integer(1, 40), lds = cols + random.integer(0, 3), ldd = rows + 31;
      Floats src((rows - 1) * lds + cols, random);
      fill(src, random);
      Halves high(cols * ldd, random), low(cols * ldd, random);
      k.transpose_bfloat16(src.data(), lds, high.data(), rows % 2 ? low.data() : nullptr, ldd, rows, cols);
      int64_t wrong = 0;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < cols; ++c) {
          const float x = src[r * lds + c], first = nearest_bfloat16(x);
          wrong += from_bfloat16(high[c * ldd + r]) != first;
          wrong += rows % 2 && from_bfloat16(low[c * ldd + r]) != nearest_bfloat16(x - first);
        }
      CHECK(wrong == 0);
      CHECK((src.intact() && high.intact() && low.intact()));
    }
  });
}

TEST_CASE("tiles hold two terms side by side, zeros for missing rows") {
  for_each_isa([](const Kernels& k) {
    Random random(2);
    for (const int64_t rows : {1, 2, 3, 17, 31, 32}) {
      const int64_t cols = 16 * random.integer(1, 5), ld = cols + random.integer(0, 3);
      const int64_t block = kTileSize + 2 * random.integer(0, 8);
      Floats src((rows - 1) * ld + cols, random);
      fill(src, random);
      Halves high(block * (cols / 16 - 1) + kTileSize, random), low(high.size(), random);
      k.pack_tiles({src.data(), ld, rows, cols, high.data(), rows % 2 ? low.data() : nullptr, block});
      int64_t wrong = 0;
      for (int64_t r = 0; r < kTileTerms; ++r)
        for (int64_t n = 0; n < cols; ++n) {
          const int64_t at = n / 16 * block + r / 2 * 32 + n % 16 * 2 + r % 2;
          const float x = r < rows ? src[r * ld + n] : 0.0f, first = nearest_bfloat16(x);
          wrong += from_bfloat16(high[at]) != first;
          wrong += rows % 2 && from_bfloat16(low[at]) != nearest_bfloat16(x - first);
        }
      CHECK(wrong == 0);
      CHECK((src.intact() && high.intact() && low.intact()));
    }
  });
}

namespace {

using Product = void (*)(const TileProductArgs&);

int64_t whole_rows(int64_t rows) { return (rows + kTileRows - 1) / kTileRows * kTileRows; }

void check_product(Product product, int64_t rows, int64_t cols, int64_t steps, bool accumulate, Random& random) {
  const int64_t lda = random.integer(1, 70), ldc = cols + random.integer(0, 9);
  const int64_t b_block = steps * kTileSize + 2 * random.integer(0, 3);
  Offsets a_step(steps, 200, random);
  Ints b_step(steps, random);
  for (int64_t s = 0; s < steps; ++s) b_step[s] = static_cast<int32_t>(random.integer(0, steps - 1) * kTileSize);
  Halves a((whole_rows(rows) - 1) * lda + largest(a_step) + kTileTerms, random);
  Halves b((cols / 16 - 1) * b_block + steps * kTileSize, random);
  for (Halves* values : {&a, &b})
    for (int64_t i = 0; i < values->size(); ++i) {
      const float x = random.real(-1, 1);
      uint32_t bits;
      std::memcpy(&bits, &x, sizeof bits);
      (*values)[i] = static_cast<uint16_t>(bits >> 16);
    }
  Floats c((whole_rows(rows) - 1) * ldc + cols, random);
  if (accumulate) fill(c, random);
  const std::vector<float> before = c.copy();
  product(
      {a.data(), lda, a_step.data(), b.data(), b_block, b_step.data(), rows, cols, steps, c.data(), ldc, accumulate});
  Mismatches wrong;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t n = 0; n < cols; ++n) {
      Sum sum;
      if (accumulate) sum.add(before[static_cast<size_t>(r * ldc + n)]);
      for (int64_t s = 0; s < steps; ++s)
        for (int64_t t = 0; t < kTileTerms; ++t)
          sum.add(from_bfloat16(a[r * lda + a_step[s] + t]),
                  from_bfloat16(b[n / 16 * b_block + b_step[s] + t / 2 * 32 + n % 16 * 2 + t % 2]));
      wrong.expect(c[r * ldc + n], sum);
    }
  CHECK_MESSAGE(wrong.count == 0, rows, " rows, ", cols, " columns, ", steps, " steps: worst error is ", wrong.worst,
                " times its bound");
  CHECK((a.intact() && b.intact() && c.intact() && a_step.intact() && b_step.intact()));

  // The last row alone must give the same bits.
  Floats alone((kTileRows - 1) * ldc + cols, random);
  const int64_t r = rows - 1;
  Halves last((kTileRows - 1) * lda + largest(a_step) + kTileTerms, random);
  std::fill_n(last.data(), last.size(), uint16_t{0});
  std::copy_n(a.data() + r * lda, largest(a_step) + kTileTerms, last.data());
  if (accumulate) std::fill_n(alone.data(), alone.size(), 0.0f);
  if (accumulate) std::copy_n(before.data() + r * ldc, cols, alone.data());
  product({last.data(), lda, a_step.data(), b.data(), b_block, b_step.data(), 1, cols, steps, alone.data(), ldc,
           accumulate});
  CHECK(same_bits(alone.data(), c.data() + r * ldc, cols));
}

void check_products(Product product) {
  Random random(3);
  for (const int64_t rows : {1, 2, 4, 7, 8, 11, 12, 13, 23, 31, 32, 33, 64, 77})
    for (const int64_t cols : {32, 64, 96, 160})
      check_product(product, rows, cols, random.integer(1, 9), random.coin(), random);
  check_product(product, 40, 32, 0, false, random);  // a sum of no terms is zero
}

}  // namespace

TEST_CASE("products of tiles are sums of their terms") {
  for_each_isa([](const Kernels& k) {
    if (k.tile_product) check_products(k.tile_product);
  });
}

#if defined(__x86_64__) && defined(__linux__)
TEST_CASE("AMX's product where there is no AMX: its instructions trap and are carried out by the test") {
  const std::vector<std::string> isas = available_isas();
  const auto has = [&](const char* name) { return std::find(isas.begin(), isas.end(), name) != isas.end(); };
  if (has("amx") || !has("avx512_bf16")) {
    MESSAGE("SKIPPED: this machine has ", has("amx") ? "AMX itself" : "no AVX512_BF16 either");
    return;
  }
  const AmxUnit unit;
  check_products(kernels_amx().tile_product);
  CHECK(unit.products() > 0);
  CHECK(unit.faults() == 0);
  CHECK(!unit.configured());  // released, for other libraries on this thread
}
#endif

TEST_CASE("sums leave the tiles with bias, relu and the maximum of a window") {
  for_each_isa([](const Kernels& k) {
    Random random(4);
    for (int64_t windows = 1; windows < 20; ++windows) {
      const int64_t cols = 16 * random.integer(1, 4), pixels = 4 * windows;
      const bool relu = random.coin(), with_bias = random.coin(), with_winner = random.coin();
      Places c_offset(pixels, cols, random), y_offset(pixels, cols, random);
      Floats c(largest(c_offset) + cols, random), bias(cols, random), y(largest(y_offset) + cols, random);
      Floats pooled(largest(y_offset) + cols, random);
      Bytes winner(pooled.size(), random);
      fill_integers(c, random, 3), fill_integers(bias, random, 2);
      TilePoolArgs a{};
      a.c = c.data(), a.c_offset = c_offset.data(), a.pixels = pixels, a.cols = cols;
      a.bias = with_bias ? bias.data() : nullptr, a.y = y.data(), a.y_offset = y_offset.data(), a.relu = relu;
      k.tile_store(a);
      a.y = pooled.data(), a.winner = with_winner ? winner.data() : nullptr;
      k.tile_pool(a);
      int64_t wrong = 0;
      for (int64_t q = 0; q < windows; ++q)
        for (int64_t n = 0; n < cols; ++n) {
          float best = -1e30f;
          uint8_t first = 0;
          for (int64_t i = 0; i < 4; ++i) {
            const float v = c[c_offset[4 * q + i] + n] + (with_bias ? bias[n] : 0.0f);
            wrong += y[y_offset[4 * q + i] + n] != (relu ? std::max(v, 0.0f) : v);
            if (v > best) best = v, first = static_cast<uint8_t>(i);
          }
          if (relu && best <= 0.0f) best = 0.0f, first = 4;
          wrong += pooled[y_offset[q] + n] != best;
          wrong += with_winner && winner[y_offset[q] + n] != first;
        }
      CHECK(wrong == 0);
      CHECK((c.intact() && bias.intact() && y.intact() && pooled.intact() && winner.intact()));
    }
  });
}
