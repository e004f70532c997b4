// AVX-512 with AMX's matrix tiles: the kernels for avx512_bf16, and their own product of tiles. What holds for every
// isa_*.cpp holds here: an unnamed namespace, no library headers.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace cnncore {
namespace {

// Palette 1: eight tiles of 16 rows of 64 bytes. A constant with static storage: compilers have dropped stores to a
// local one, which the intrinsic does not seem to read.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileConfig kConfig;

// The unit belongs to whoever configures it: other libraries on this thread set it up for themselves, so it is
// configured for one product and released after it.
struct TileSession {
  TileSession() {
    asm volatile("" ::: "memory");  // what is loaded into tiles has been stored
    _tile_loadconfig(&kConfig);
  }
  ~TileSession() {
    _tile_release();
    asm volatile("" ::: "memory");
  }
};

// Tiles 0 to 3 are the sums of rows (0, 0, 16, 16) and columns (0, 16, 0, 16).
inline void tiles_zero() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

inline void tiles_load(const float* c, int64_t ldc) {
  const auto bytes = static_cast<size_t>(4 * ldc);
  _tile_loadd(0, c, bytes);
  _tile_loadd(1, c + 16, bytes);
  _tile_loadd(2, c + 16 * ldc, bytes);
  _tile_loadd(3, c + 16 * ldc + 16, bytes);
}

inline void tiles_store(float* c, int64_t ldc) {
  const auto bytes = static_cast<size_t>(4 * ldc);
  _tile_stored(0, c, bytes);
  _tile_stored(1, c + 16, bytes);
  _tile_stored(2, c + 16 * ldc, bytes);
  _tile_stored(3, c + 16 * ldc + 16, bytes);
}

// Of 32 rows, or of the first 16: no more are wanted where there is one sample.
template <bool kAllRows>
inline void tiles_multiply_add(const uint16_t* a, int64_t lda, const uint16_t* b0, const uint16_t* b1) {
  const auto bytes = static_cast<size_t>(2 * lda);
  _tile_loadd(6, b0, 64);
  _tile_loadd(4, a, bytes);
  _tile_dpbf16ps(0, 4, 6);
  _tile_loadd(7, b1, 64);
  _tile_dpbf16ps(1, 4, 7);
  if (!kAllRows) return;
  _tile_loadd(5, a + 16 * lda, bytes);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

void tile_product(const TileProductArgs& a) {
  const TileSession session;
  // Columns inside: the rows of a stay in the nearest cache.
  for (int64_t r = 0; r < a.rows; r += kTileRows) {
    for (int64_t n = 0; n < a.cols; n += 2 * kTileColumns) {
      float* c = a.c + r * a.ldc + n;
      a.accumulate ? tiles_load(c, a.ldc) : tiles_zero();
      const uint16_t* row = a.a + r * a.lda;
      const uint16_t* panel = a.b + n / kTileColumns * a.b_block;
      const auto multiply = [&]<bool kAllRows>() {
        for (int64_t s = 0; s < a.steps; ++s) {
          const uint16_t* tile = panel + a.b_step[s];
          tiles_multiply_add<kAllRows>(row + a.a_step[s], a.lda, tile, tile + a.b_block);
        }
      };
      a.rows - r > kTileRows / 2 ? multiply.template operator()<true>() : multiply.template operator()<false>();
      tiles_store(c, a.ldc);
    }
  }
}

}  // namespace

const Kernels& kernels_amx() noexcept {
  static const Kernels table = [] {
    Kernels k = kernels_avx512_bf16();
    k.name = "amx";
    k.tile_product = tile_product;
    k.tile_gain = 16.0;
    return k;
  }();
  return table;
}

}  // namespace cnncore
