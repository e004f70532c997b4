// The vector type of the kernels and its functions in plain C++. A vector has 4 floats, which are computed one after
// the other. This file is included inside an unnamed namespace. Tests compare every other instruction set with this
// one, so it is kept as simple as possible.
constexpr int kWidth = 4;
constexpr int kRegisters = 16;
struct Vec {
  float lane[kWidth];
};
struct Mask {
  bool lane[kWidth];
};
struct Index {
  int32_t lane[kWidth];
};
struct Table16 {
  float entry[16];
};

template <class Function>
inline Vec map(Function f) {
  Vec r;
  for (int i = 0; i < kWidth; ++i) r.lane[i] = f(i);
  return r;
}

inline Vec set1(float a) { return {{a, a, a, a}}; }
inline Vec zero() { return set1(0.0f); }
inline Vec load(const float* p) { return {{p[0], p[1], p[2], p[3]}}; }
inline Vec load_n(const float* p, int n) {
  return map([&](int i) { return i < n ? p[i] : 0.0f; });
}
inline void store_n(float* p, Vec a, int n) {
  for (int i = 0; i < n; ++i) p[i] = a.lane[i];
}
inline void store(float* p, Vec a) { store_n(p, a, kWidth); }

inline void store_streaming(float* p, Vec a) { store(p, a); }
inline void fence_stores() {}

inline Vec add(Vec a, Vec b) {
  return map([&](int i) { return a.lane[i] + b.lane[i]; });
}
inline Vec sub(Vec a, Vec b) {
  return map([&](int i) { return a.lane[i] - b.lane[i]; });
}
inline Vec mul(Vec a, Vec b) {
  return map([&](int i) { return a.lane[i] * b.lane[i]; });
}
inline Vec div(Vec a, Vec b) {
  return map([&](int i) { return a.lane[i] / b.lane[i]; });
}
inline Vec fmadd(Vec a, Vec b, Vec c) {  // rounds twice, because plain x86-64 has no fused multiply-add
  return map([&](int i) { return a.lane[i] * b.lane[i] + c.lane[i]; });
}
inline Vec sqrt(Vec a) {
  return map([&](int i) { return __builtin_sqrtf(a.lane[i]); });
}
// max(a, b) is b where either is NaN: relu(x) = max(zero, x) keeps a NaN.
inline Vec max(Vec a, Vec b) {
  return map([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline Vec min(Vec a, Vec b) {
  return map([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline Mask greater(Vec a, Vec b) {
  Mask m;
  for (int i = 0; i < kWidth; ++i) m.lane[i] = a.lane[i] > b.lane[i];
  return m;
}
// a > b, or a is NaN. A maximum that is replaced where this is true becomes NaN if any value is.
inline Mask greater_or_nan(Vec a, Vec b) {
  Mask m;
  for (int i = 0; i < kWidth; ++i) m.lane[i] = a.lane[i] > b.lane[i] || a.lane[i] != a.lane[i];
  return m;
}
inline Mask equal(Vec a, Vec b) {
  Mask m;
  for (int i = 0; i < kWidth; ++i) m.lane[i] = a.lane[i] == b.lane[i];
  return m;
}
inline uint32_t mask_bits(Mask m) {  // lane i is bit i
  uint32_t bits = 0;
  for (int i = 0; i < kWidth; ++i) bits |= static_cast<uint32_t>(m.lane[i]) << i;
  return bits;
}
inline Vec select(Mask m, Vec a, Vec b) {  // m ? a : b
  return map([&](int i) { return m.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline Vec round_nearest(Vec a) {
  return map([&](int i) { return __builtin_nearbyintf(a.lane[i]); });
}
// 2^a for integral a in [-126, 127].
inline Vec exp2_integral(Vec a) {
  return map([&](int i) {
    const uint32_t bits = static_cast<uint32_t>(static_cast<int32_t>(a.lane[i]) + 127) << 23;
    float f;
    __builtin_memcpy(&f, &bits, sizeof f);
    return f;
  });
}
// Rounds to the nearest value with 8 bits of mantissa, ties to even.
inline Vec nearest_bfloat16(Vec a) {
  return map([&](int i) {
    float f = a.lane[i];
    if (f != f) return f;
    uint32_t bits;
    __builtin_memcpy(&bits, &f, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    __builtin_memcpy(&f, &bits, sizeof f);
    return f;
  });
}
// The nearest bfloat16 values of one vector, stored one after the other; and of two vectors, joined into pairs (the
// even one first), whose bits store_bits writes.
inline void store_bfloat16(uint16_t* p, Vec a) {
  const Vec nearest = nearest_bfloat16(a);
  for (int i = 0; i < kWidth; ++i) {
    uint32_t bits;
    __builtin_memcpy(&bits, nearest.lane + i, sizeof bits);
    p[i] = static_cast<uint16_t>(bits >> 16);
  }
}
inline void store_bits(uint16_t* p, Vec a) { __builtin_memcpy(p, a.lane, sizeof a.lane); }
inline Vec bfloat16_pairs(Vec even, Vec odd) {
  uint16_t halves[2][kWidth], pairs[2 * kWidth];
  store_bfloat16(halves[0], even);
  store_bfloat16(halves[1], odd);
  for (int i = 0; i < 2 * kWidth; ++i) pairs[i] = halves[i % 2][i / 2];
  Vec bits;
  __builtin_memcpy(bits.lane, pairs, sizeof bits.lane);
  return bits;
}
inline float reduce_add(Vec a) { return (a.lane[0] + a.lane[2]) + (a.lane[1] + a.lane[3]); }
inline float reduce_max(Vec a) {
  float m = a.lane[0];
  for (int i = 1; i < kWidth; ++i) m = m > a.lane[i] ? m : a.lane[i];
  return m;
}

// Conversions between bytes and floats, for pixels and for the winners of a max-pool.
inline Vec load_u8_n(const uint8_t* p, int n) {
  return map([&](int i) { return i < n ? static_cast<float>(p[i]) : 0.0f; });
}
inline Vec load_u8(const uint8_t* p) { return load_u8_n(p, kWidth); }
inline void store_u8_n(uint8_t* p, Vec a, int n) {
  for (int i = 0; i < n; ++i) p[i] = static_cast<uint8_t>(a.lane[i]);
}
inline void store_u8(uint8_t* p, Vec a) { store_u8_n(p, a, kWidth); }

// Sixteen bytes put in order: y[k] = x[order[k]].
inline void shuffle_bytes(const uint8_t* x, const uint8_t* order, uint8_t* y) {
  for (int k = 0; k < 16; ++k) y[k] = x[order[k]];
}

// A table of 16 floats, and looking up values in it.
inline Table16 load_table(const float* p) {
  Table16 t;
  for (int i = 0; i < 16; ++i) t.entry[i] = p[i];
  return t;
}
// A table of the 4x4 patch p[row * stride + column].
inline Table16 load_patch_4x4(const float* p, int64_t stride) {
  Table16 t;
  for (int i = 0; i < 16; ++i) t.entry[i] = p[(i / 4) * stride + i % 4];
  return t;
}
inline Index to_index(Vec a) {
  Index r;
  for (int i = 0; i < kWidth; ++i) r.lane[i] = static_cast<int32_t>(a.lane[i]);
  return r;
}
inline Index add_index(Index a, int b) {
  for (int i = 0; i < kWidth; ++i) a.lane[i] += b;
  return a;
}
inline Vec look_up(const Table16& t, Index i) {
  return map([&](int lane) { return t.entry[i.lane[lane] & 15]; });
}
// Writes those lanes of a and b for which m is true, one after the other, to p and q, and returns how many they are. It
// may overwrite up to kWidth elements from p and from q on.
inline int compress_store(float* p, Vec a, int32_t* q, Index b, Mask m) {
  int n = 0;
  for (int i = 0; i < kWidth; ++i) {
    p[n] = a.lane[i];
    q[n] = b.lane[i];
    n += m.lane[i];
  }
  return n;
}
inline Index load_index(const int32_t* p) { return {{p[0], p[1], p[2], p[3]}}; }
inline Index select_index(Mask m, Index a, Index b) {
  for (int i = 0; i < kWidth; ++i) a.lane[i] = m.lane[i] ? a.lane[i] : b.lane[i];
  return a;
}
inline Mask mask_first(int n) { return {{n > 0, n > 1, n > 2, n > 3}}; }

#include "kernels/interleaved.inl.h"

// Transposes a square of kWidth rows and columns: dst[c * ldd + r] = src[r * lds + c].
inline void transpose_square(const float* src, int64_t lds, float* dst, int64_t ldd) {
  for (int r = 0; r < kWidth; ++r)
    for (int c = 0; c < kWidth; ++c) dst[c * ldd + r] = src[r * lds + c];
}

inline uint32_t flush_denormals() { return 0; }
inline void restore_denormals(uint32_t) {}
