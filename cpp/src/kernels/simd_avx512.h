// The vector type of the kernels and its functions for AVX-512 (x86-64-v4). A vector has 16 floats. This file is
// included inside an unnamed namespace.
constexpr int kWidth = 16;
constexpr int kRegisters = 32;
constexpr bool kManySizes = true;  // of blocks: see simd_scalar.h
using Vec = __m512;
using Mask = __mmask16;
using Index = __m512i;  // 16 integers, such as positions in a Table16
using Table16 = __m512;

inline __mmask16 first_lanes(int n) { return static_cast<__mmask16>((1u << n) - 1u); }

inline Vec zero() { return _mm512_setzero_ps(); }
inline Vec set1(float a) { return _mm512_set1_ps(a); }
// set1(*p), through an integer register. On processors that load one whole vector in a cycle, this leaves time for
// other loads.
inline Vec set1_at(const float* p) {
  uint32_t bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  __m512i all;
  asm("vpbroadcastd %1, %0" : "=v"(all) : "r"(bits));
  return _mm512_castsi512_ps(all);
}
inline Vec load(const float* p) { return _mm512_loadu_ps(p); }
inline Vec load_n(const float* p, int n) { return _mm512_maskz_loadu_ps(first_lanes(n), p); }
inline void store(float* p, Vec a) { _mm512_storeu_ps(p, a); }
inline void store_n(float* p, Vec a, int n) { _mm512_mask_storeu_ps(p, first_lanes(n), a); }

// Stores to an aligned address without going through the caches. fence_stores makes such stores visible to other
// threads.
inline void store_streaming(float* p, Vec a) { _mm512_stream_ps(p, a); }
inline void fence_stores() { _mm_sfence(); }

inline Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
inline Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
inline Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
inline Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
inline Vec fmadd(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec sqrt(Vec a) { return _mm512_sqrt_ps(a); }
// max(a, b) is b where either is NaN: relu(x) = max(zero, x) keeps a NaN.
inline Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
inline Vec min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
inline Mask greater(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
// a > b, or a is NaN. A maximum that is replaced where this is true becomes NaN if any value is.
inline Mask greater_or_nan(Vec a, Vec b) {
  return static_cast<Mask>(greater(a, b) | _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q));
}
inline Mask equal(Vec a, Vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
inline uint32_t mask_bits(Mask m) { return m; }                                    // lane i is bit i
inline Vec select(Mask m, Vec a, Vec b) { return _mm512_mask_blend_ps(m, b, a); }  // m ? a : b
inline Vec round_nearest(Vec a) { return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
// 2^a for integral a in [-126, 127].
inline Vec exp2_integral(Vec a) {
  const __m512i e = _mm512_add_epi32(_mm512_cvtps_epi32(a), _mm512_set1_epi32(127));
  return _mm512_castsi512_ps(_mm512_slli_epi32(e, 23));
}
// Rounds to the nearest value with 8 bits of mantissa, ties to even.
#if defined(__AVX512BF16__)
inline __m512i widened(__m256bh halves) {
  return _mm512_slli_epi32(_mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(halves)), 16);
}
inline Vec nearest_bfloat16(Vec a) { return _mm512_castsi512_ps(widened(_mm512_cvtneps_pbh(a))); }
#else
inline Vec nearest_bfloat16(Vec a) {
  const __m512i bits = _mm512_castps_si512(a);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i sum = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
  const __m512 rounded = _mm512_castsi512_ps(_mm512_and_si512(sum, _mm512_set1_epi32(-0x10000)));
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), rounded, a);  // NaN stays as it is
}
#endif
// The nearest bfloat16 values of one vector, stored one after the other; and of two vectors, joined into pairs (the
// even one first), whose bits store_bits writes.
#if defined(__AVX512BF16__)
inline void store_bfloat16(uint16_t* p, Vec a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(a)));
}
inline Vec bfloat16_pairs(Vec even, Vec odd) {
  const __m512i low = _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(even)));
  return _mm512_castsi512_ps(_mm512_or_si512(low, widened(_mm512_cvtneps_pbh(odd))));
}
#else
inline void store_bfloat16(uint16_t* p, Vec a) {
  const __m512i high = _mm512_srli_epi32(_mm512_castps_si512(nearest_bfloat16(a)), 16);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(high));
}
inline Vec bfloat16_pairs(Vec even, Vec odd) {
  const __m512i low = _mm512_srli_epi32(_mm512_castps_si512(nearest_bfloat16(even)), 16);
  const __m512i high = _mm512_castps_si512(nearest_bfloat16(odd));
  return _mm512_castsi512_ps(_mm512_mask_blend_epi16(0xaaaaaaaa, low, high));
}
#endif
inline void store_bits(uint16_t* p, Vec a) { _mm512_storeu_si512(p, _mm512_castps_si512(a)); }
inline float reduce_add(Vec a) { return _mm512_reduce_add_ps(a); }
inline float reduce_max(Vec a) { return _mm512_reduce_max_ps(a); }

// Conversions between bytes and floats, for pixels and for the winners of a max-pool.
inline Vec load_u8(const uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
inline Vec load_u8_n(const uint8_t* p, int n) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(first_lanes(n), p)));
}
inline void store_u8(uint8_t* p, Vec a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a)));
}
inline void store_u8_n(uint8_t* p, Vec a, int n) {
  _mm_mask_storeu_epi8(p, first_lanes(n), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a)));
}

// Sixteen bytes put in order: y[k] = x[order[k]].
inline void shuffle_bytes(const uint8_t* x, const uint8_t* order, uint8_t* y) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(x));
  const __m128i from = _mm_loadu_si128(reinterpret_cast<const __m128i*>(order));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(y), _mm_shuffle_epi8(bytes, from));
}

// A table of 16 floats that is held in registers, and looking up values in it.
inline Table16 load_table(const float* p) { return load(p); }
// A table of the 4x4 patch p[row * stride + column].
inline Table16 load_patch_4x4(const float* p, int64_t stride) {
  __m512 t = _mm512_castps128_ps512(_mm_loadu_ps(p));
  t = _mm512_insertf32x4(t, _mm_loadu_ps(p + stride), 1);
  t = _mm512_insertf32x4(t, _mm_loadu_ps(p + 2 * stride), 2);
  return _mm512_insertf32x4(t, _mm_loadu_ps(p + 3 * stride), 3);
}
inline Index to_index(Vec a) { return _mm512_cvtps_epi32(a); }
inline Index add_index(Index a, int b) { return _mm512_add_epi32(a, _mm512_set1_epi32(b)); }
inline Vec look_up(const Table16& t, Index i) { return _mm512_permutexvar_ps(i, t); }
// Writes those lanes of a and b for which m is true, one after the other, to p and q, and returns how many they are. It
// may overwrite up to kWidth elements from p and from q on.
inline int compress_store(float* p, Vec a, int32_t* q, Index b, Mask m) {
  _mm512_storeu_ps(p, _mm512_maskz_compress_ps(m, a));
  _mm512_storeu_si512(q, _mm512_maskz_compress_epi32(m, b));
  return __builtin_popcount(m);
}
inline Index load_index(const int32_t* p) { return _mm512_loadu_si512(p); }
inline Index select_index(Mask m, Index a, Index b) { return _mm512_mask_blend_epi32(m, b, a); }
inline Mask mask_first(int n) { return first_lanes(n); }

// Transposes 4x4 squares in each quarter of the vectors: quarter q of out[j] has the j-th value of quarter q of in[0],
// in[1], in[2] and in[3].
inline void transpose_quarters(const __m512 (&in)[4], __m512 (&out)[4]) {
  const __m512d low01 = _mm512_castps_pd(_mm512_unpacklo_ps(in[0], in[1]));
  const __m512d high01 = _mm512_castps_pd(_mm512_unpackhi_ps(in[0], in[1]));
  const __m512d low23 = _mm512_castps_pd(_mm512_unpacklo_ps(in[2], in[3]));
  const __m512d high23 = _mm512_castps_pd(_mm512_unpackhi_ps(in[2], in[3]));
  out[0] = _mm512_castpd_ps(_mm512_unpacklo_pd(low01, low23));
  out[1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low01, low23));
  out[2] = _mm512_castpd_ps(_mm512_unpacklo_pd(high01, high23));
  out[3] = _mm512_castpd_ps(_mm512_unpackhi_pd(high01, high23));
}

// y[i * N + n] = planes[n][i] for i < lanes, where N <= 8.
template <int N>
inline void store_interleaved(float* y, const Vec (&planes)[N], int lanes) {
  // The quarters of pixels[q][i] hold the values 4 q to 4 q + 3 of the pixels i, 4 + i, 8 + i and 12 + i.
  __m512 pixels[2][4];
#pragma GCC unroll 2
  for (int q = 0; q < (N + 3) / 4; ++q) {
    const auto plane = [&](int n) { return n < N ? planes[n < N ? n : 0] : zero(); };
    transpose_quarters({plane(4 * q), plane(4 * q + 1), plane(4 * q + 2), plane(4 * q + 3)}, pixels[q]);
  }
  // Writing a pixel may overwrite the beginning of the next pixels, because they are written later. After the last
  // pixel nothing may be overwritten.
  const auto values = [&](int q, int i) {
    const __m512 v = pixels[q][i % 4];
    if (i < 4) return _mm512_castps512_ps128(v);
    return i < 8 ? _mm512_extractf32x4_ps(v, 1) : i < 12 ? _mm512_extractf32x4_ps(v, 2) : _mm512_extractf32x4_ps(v, 3);
  };
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i, y += N) {
    if (i == lanes) return;
    // These are not masked stores, because GCC turns those into vextractf32x4 with a mask, which faults at addresses of
    // lanes that are masked out.
    float last[8];
    float* to = (lanes - i) * N < (N > 4 ? 8 : 4) ? last : y;
    _mm_storeu_ps(to, values(0, i));
    if (N > 4) _mm_storeu_ps(to + 4, values(1, i));
    if (to == last) __builtin_memcpy(y, last, N * sizeof *y);
  }
}

// The inverse: planes[n][i] = y[i * N + n] for i < lanes, and zero for the others.
template <int N>
inline void load_interleaved(const float* y, Vec (&planes)[N], int lanes) {
  const auto load_pixels = [&]<bool kWhole>() {
#pragma GCC unroll 2
    for (int q = 0; q < (N + 3) / 4; ++q) {
      constexpr int kLeft[2] = {N < 4 ? N : 4, N - 4};
      const auto values = [&](int i) {
        const float* p = y + N * i + 4 * q;
        if (kWhole && i < 12) return _mm_loadu_ps(p);  // for the last pixels this could read beyond the end of y
        return _mm_maskz_loadu_ps(static_cast<__mmask8>(kWhole || i < lanes ? (1 << kLeft[q]) - 1 : 0), p);
      };
      __m512 pixels[4], plane[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        pixels[i] = _mm512_castps128_ps512(values(i));
        pixels[i] = _mm512_insertf32x4(pixels[i], values(4 + i), 1);
        pixels[i] = _mm512_insertf32x4(pixels[i], values(8 + i), 2);
        pixels[i] = _mm512_insertf32x4(pixels[i], values(12 + i), 3);
      }
      transpose_quarters(pixels, plane);
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j)
        if (4 * q + j < N) planes[4 * q + j] = plane[j];
    }
  };
  lanes == 16 ? load_pixels.template operator()<true>() : load_pixels.template operator()<false>();
}

// Transposes a square of kWidth rows and columns: dst[c * ldd + r] = src[r * lds + c].
inline void transpose_square(const float* src, int64_t lds, float* dst, int64_t ldd) {
  __m512 r[16], t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) r[i] = _mm512_loadu_ps(src + i * lds);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
    r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[i]), _mm512_castps_pd(t[i + 2])));
    r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
    r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(t[i + 1]), _mm512_castps_pd(t[i + 3])));
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    _mm512_storeu_ps(dst + i * ldd, _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88));
    _mm512_storeu_ps(dst + (i + 8) * ldd, _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd));
    _mm512_storeu_ps(dst + (i + 4) * ldd, _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88));
    _mm512_storeu_ps(dst + (i + 12) * ldd, _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd));
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
