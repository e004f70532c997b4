// The vector type of the kernels and its functions for AVX2 with FMA (x86-64-v3). A vector has 8 floats. This file is
// included inside an unnamed namespace.
constexpr int kWidth = 8;
constexpr int kRegisters = 16;
constexpr bool kManySizes = true;  // of blocks: see simd_scalar.h
using Vec = __m256;
using Mask = __m256;
using Index = __m256i;
struct Table16 {
  __m256 low, high;
};

alignas(32) constexpr int32_t kLaneMask[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
inline __m256i first_lanes(int n) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kLaneMask + 8 - n)); }

inline Vec zero() { return _mm256_setzero_ps(); }
inline Vec set1(float a) { return _mm256_set1_ps(a); }
inline Vec set1_at(const float* p) { return set1(*p); }
inline Vec load(const float* p) { return _mm256_loadu_ps(p); }
inline Vec load_n(const float* p, int n) { return _mm256_maskload_ps(p, first_lanes(n)); }
inline void store(float* p, Vec a) { _mm256_storeu_ps(p, a); }
inline void store_n(float* p, Vec a, int n) { _mm256_maskstore_ps(p, first_lanes(n), a); }

// Stores to an aligned address without going through the caches. fence_stores makes such stores visible to other
// threads.
inline void store_streaming(float* p, Vec a) { _mm256_stream_ps(p, a); }
inline void fence_stores() { _mm_sfence(); }

inline Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
inline Vec sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
inline Vec mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
inline Vec div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
inline Vec fmadd(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec sqrt(Vec a) { return _mm256_sqrt_ps(a); }
// max(a, b) is b where either is NaN: relu(x) = max(zero, x) keeps a NaN.
inline Vec max(Vec a, Vec b) { return _mm256_max_ps(a, b); }
inline Vec min(Vec a, Vec b) { return _mm256_min_ps(a, b); }
inline Mask greater(Vec a, Vec b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
// a > b, or a is NaN. A maximum that is replaced where this is true becomes NaN if any value is.
inline Mask greater_or_nan(Vec a, Vec b) { return _mm256_or_ps(greater(a, b), _mm256_cmp_ps(a, a, _CMP_UNORD_Q)); }
inline Mask equal(Vec a, Vec b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
inline uint32_t mask_bits(Mask m) { return static_cast<uint32_t>(_mm256_movemask_ps(m)); }  // lane i is bit i
inline Vec select(Mask m, Vec a, Vec b) { return _mm256_blendv_ps(b, a, m); }               // m ? a : b
inline Vec round_nearest(Vec a) { return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// 2^a for integral a in [-126, 127].
inline Vec exp2_integral(Vec a) {
  const __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(a), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(e, 23));
}
// Rounds to the nearest value with 8 bits of mantissa, ties to even.
inline Vec nearest_bfloat16(Vec a) {
  const __m256i bits = _mm256_castps_si256(a);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i sum = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256 rounded = _mm256_castsi256_ps(_mm256_and_si256(sum, _mm256_set1_epi32(-0x10000)));
  return _mm256_blendv_ps(rounded, a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));  // NaN stays as it is
}
// The nearest bfloat16 values of one vector, stored one after the other; and of two vectors, joined into pairs (the
// even one first), whose bits store_bits writes.
inline void store_bfloat16(uint16_t* p, Vec a) {
  const __m256i halves = _mm256_srli_epi32(_mm256_castps_si256(nearest_bfloat16(a)), 16);
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(halves, halves), 0x08);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(packed));
}
inline Vec bfloat16_pairs(Vec even, Vec odd) {
  const __m256i low = _mm256_srli_epi32(_mm256_castps_si256(nearest_bfloat16(even)), 16);
  const __m256i high = _mm256_castps_si256(nearest_bfloat16(odd));
  return _mm256_castsi256_ps(_mm256_blend_epi16(low, high, 0xaa));
}
inline void store_bits(uint16_t* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_castps_si256(a));
}
inline float reduce_add(Vec a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
inline float reduce_max(Vec a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

// Conversions between bytes and floats, for pixels and for the winners of a max-pool.
inline Vec load_u8(const uint8_t* p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
inline Vec load_u8_n(const uint8_t* p, int n) {
  uint8_t bytes[8] = {};
  for (int i = 0; i < n; ++i) bytes[i] = p[i];
  return load_u8(bytes);
}
inline __m128i to_bytes(Vec a) {
  const __m256i i = _mm256_cvtps_epi32(a);
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
  return _mm_packus_epi16(words, words);
}
inline void store_u8(uint8_t* p, Vec a) { _mm_storel_epi64(reinterpret_cast<__m128i*>(p), to_bytes(a)); }
inline void store_u8_n(uint8_t* p, Vec a, int n) {
  uint8_t bytes[8];
  store_u8(bytes, a);
  for (int i = 0; i < n; ++i) p[i] = bytes[i];
}

// Sixteen bytes put in order: y[k] = x[order[k]].
inline void shuffle_bytes(const uint8_t* x, const uint8_t* order, uint8_t* y) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x));
  const __m128i from = _mm_loadu_si128(reinterpret_cast<const __m128i*>(order));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(y), _mm_shuffle_epi8(bytes, from));
}

// A table of 16 floats that is held in registers, and looking up values in it.
inline Table16 load_table(const float* p) { return {load(p), load(p + 8)}; }
// A table of the 4x4 patch p[row * stride + column].
inline Table16 load_patch_4x4(const float* p, int64_t stride) {
  return {_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + stride), 1),
          _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p + 2 * stride)), _mm_loadu_ps(p + 3 * stride), 1)};
}
inline Index to_index(Vec a) { return _mm256_cvtps_epi32(a); }
inline Index add_index(Index a, int b) { return _mm256_add_epi32(a, _mm256_set1_epi32(b)); }
inline Vec look_up(const Table16& t, Index i) {  // vpermps reads the low three bits; bit 3 chooses the half
  const Vec low = _mm256_permutevar8x32_ps(t.low, i);
  const Vec high = _mm256_permutevar8x32_ps(t.high, i);
  return _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32(i, 28)));
}
// Writes those lanes of a and b for which m is true, one after the other, to p and q, and returns how many they are. It
// may overwrite up to kWidth elements from p and from q on.
inline int compress_store(float* p, Vec a, int32_t* q, Index b, Mask m) {
  alignas(32) float values[8];
  alignas(32) int32_t positions[8];
  _mm256_store_ps(values, a);
  _mm256_store_si256(reinterpret_cast<__m256i*>(positions), b);
  const int bits = _mm256_movemask_ps(m);
  int n = 0;
  for (int i = 0; i < 8; ++i) {
    p[n] = values[i];
    q[n] = positions[i];
    n += (bits >> i) & 1;
  }
  return n;
}
inline Index load_index(const int32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
inline Index select_index(Mask m, Index a, Index b) { return _mm256_blendv_epi8(b, a, _mm256_castps_si256(m)); }
inline Mask mask_first(int n) { return _mm256_castsi256_ps(first_lanes(n)); }

#include "kernels/interleaved.inl.h"

// Transposes a square of kWidth rows and columns: dst[c * ldd + r] = src[r * lds + c].
inline void transpose_square(const float* src, int64_t lds, float* dst, int64_t ldd) {
  __m256 r[8], t[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(src + i * lds);
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(dst + i * ldd, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    _mm256_storeu_ps(dst + (i + 4) * ldd, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}

// From now on, operations of this thread treat denormal numbers as zero. Returns the state before, for
// restore_denormals.
inline uint32_t flush_denormals() {
  const uint32_t saved = _mm_getcsr();
  _mm_setcsr(saved | 0x8040u);
  return saved;
}
inline void restore_denormals(uint32_t saved) { _mm_setcsr(saved); }
