// The instruction set AVX-512 with instructions that convert to bfloat16 and multiply pairs of bfloat16 values. It has
// the kernels of avx512, except for those that convert, and a product of tiles. As in every isa_*.cpp, all functions
// are in an unnamed namespace, and no headers of the library are included.
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/unroll.h"

namespace cnncore {
namespace {

#include "kernels/simd_avx512.h"
#include "kernels/bfloat16.inl.h"

inline __m512bh pairs(const uint16_t* p) { return reinterpret_cast<__m512bh>(_mm512_loadu_si512(p)); }

inline __m512bh broadcast_pair(const uint16_t* p) {
  int32_t pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
}

// Computes R rows x the columns of V tiles.
template <int R, int V = 2>
inline void product_block(const TileProductArgs& a, int64_t r, int64_t n) {
  __m512 acc[R][V];
  const uint16_t* row[R];
  float* c = a.c + r * a.ldc + n;
  CNNCORE_UNROLL
  for (int i = 0; i < R; ++i) {
    row[i] = a.a + (r + i) * a.lda;
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v)
      acc[i][v] = a.accumulate ? _mm512_loadu_ps(c + i * a.ldc + 16 * v) : _mm512_setzero_ps();
  }
  const uint16_t* panel = a.b + n / kTileColumns * a.b_block;
  for (int64_t s = 0; s < a.steps; ++s) {
    const uint16_t* tile = panel + a.b_step[s];
    const int64_t at = a.a_step[s];
    for (int64_t k = 0; k < kTileTerms; k += 2, tile += 2 * kTileColumns) {
      __m512bh b[V];
      CNNCORE_UNROLL
      for (int v = 0; v < V; ++v) b[v] = pairs(tile + v * a.b_block);
      CNNCORE_UNROLL
      for (int i = 0; i < R; ++i) {
        const __m512bh x = broadcast_pair(row[i] + at + k);
        CNNCORE_UNROLL
        for (int v = 0; v < V; ++v) acc[i][v] = _mm512_dpbf16_ps(acc[i][v], x, b[v]);
      }
    }
  }
  CNNCORE_UNROLL
  for (int i = 0; i < R; ++i) {
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) _mm512_storeu_ps(c + i * a.ldc + 16 * v, acc[i][v]);
  }
}

constexpr int64_t kRows = 12;

void product_rows(const TileProductArgs& a, int64_t r, int64_t n, int64_t rows) {
  switch (rows) {
    case 1: return product_block<1>(a, r, n);
    case 2: return product_block<2>(a, r, n);
    case 3: return product_block<3>(a, r, n);
    case 4: return product_block<4>(a, r, n);
    case 5: return product_block<5>(a, r, n);
    case 6: return product_block<6>(a, r, n);
    case 7: return product_block<7>(a, r, n);
    case 8: return product_block<8>(a, r, n);
    case 9: return product_block<9>(a, r, n);
    case 10: return product_block<10>(a, r, n);
    case 11: return product_block<11>(a, r, n);
    default: return product_block<kRows>(a, r, n);
  }
}

// An addition waits for the one before it in the same sum, so a block must have enough sums. A single row therefore
// takes more columns at a time, and the last rows are split into two blocks of about the same height.
void tile_product(const TileProductArgs& a) {
  int64_t n = 0;
  for (; a.rows == 1 && n + 8 * kTileColumns <= a.cols; n += 8 * kTileColumns) product_block<1, 8>(a, 0, n);
  for (; n < a.cols; n += 2 * kTileColumns) {
    int64_t r = 0;
    for (; r + 2 * kRows <= a.rows; r += kRows) product_block<kRows>(a, r, n);
    if (const int64_t rest = a.rows - r; rest > kRows) {
      product_rows(a, r, n, rest / 2);
      r += rest / 2;
    }
    if (r < a.rows) product_rows(a, r, n, a.rows - r);
  }
}

}  // namespace

const Kernels& kernels_avx512_bf16() noexcept {
  static const Kernels table = [] {
    Kernels k = kernels_avx512();
    k.name = "avx512_bf16";
    k.to_bfloat16 = to_bfloat16;
    k.transpose_bfloat16 = transpose_bfloat16;
    k.pack_tiles = pack_tiles;
    k.tile_product = tile_product;
    // On AMD's processors these instructions do twice as many products as those for float32. On Intel's, which have AMX
    // for this purpose, they do as many.
    k.tile_gain = __builtin_cpu_is("amd") ? 2.0 : 1.0;
    return k;
  }();
  return table;
}

}  // namespace cnncore
