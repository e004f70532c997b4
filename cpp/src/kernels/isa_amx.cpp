// The instruction set AVX-512 with the matrix tiles of AMX: the kernels of avx512_bf16, with another product of tiles.
// As in every isa_*.cpp, all functions are in an unnamed namespace, and no headers of the library are included.
#include <immintrin.h>

#include "kernels/kernels.h"

namespace cnncore {
namespace {

// Palette 1 has eight tiles of 16 rows of 64 bytes. The configuration is a constant with static storage: compilers have
// been seen to remove the stores to a local variable, because they believe that the intrinsic does not read it.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileConfig kConfig;

// Configures the unit for one product, and releases it after the product. Between products, other libraries on this
// thread may configure it for themselves.
struct TileSession {
  TileSession() {
    asm volatile("" ::: "memory");  // the compiler must not move stores of the operands behind this
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

// Computes 32 rows, or only the first 16, which are enough for a single sample.
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
  // The loop over columns is inside that over rows, so that the rows of a stay in the nearest cache.
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
