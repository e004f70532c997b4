// The vector type of the kernels and its functions in plain C++, for any machine. A vector has 4 floats. Its type is an
// extension of GCC and Clang, which they compile for the instructions that every machine of the architecture has; on
// x86-64 these are SSE2. This file is included inside an unnamed namespace. Tests compare every other instruction set
// with this one, so it is kept as simple as possible.
constexpr int kWidth = 4;
constexpr int kRegisters = 16;
// Kernels that compute in blocks have one size of them where this is false. That is slower, but much less to compile.
constexpr bool kManySizes = false;
typedef float Floats __attribute__((vector_size(4 * kWidth)));
typedef int32_t Integers __attribute__((vector_size(4 * kWidth)));
typedef uint32_t Words __attribute__((vector_size(4 * kWidth)));
struct Vec {
  Floats lane;
};
struct Mask {
  Integers lane;  // -1 where it is true, 0 where it is false
};
struct Index {
  Integers lane;
};
struct Table16 {
  float entry[16];
};

template <class Function>
inline Vec map(Function f) {
  return {Floats{f(0), f(1), f(2), f(3)}};
}

inline Vec set1(float a) { return {Floats{a, a, a, a}}; }
inline Vec zero() { return set1(0.0f); }
inline Vec set1_at(const float* p) { return set1(*p); }
inline Vec load(const float* p) {
  Vec r;
  __builtin_memcpy(&r.lane, p, sizeof r.lane);
  return r;
}
inline Vec load_n(const float* p, int n) {
  return map([&](int i) { return i < n ? p[i] : 0.0f; });
}
inline void store_n(float* p, Vec a, int n) {
  for (int i = 0; i < n; ++i) p[i] = a.lane[i];
}
inline void store(float* p, Vec a) { __builtin_memcpy(p, &a.lane, sizeof a.lane); }

inline void store_streaming(float* p, Vec a) { store(p, a); }
inline void fence_stores() {}

inline Vec add(Vec a, Vec b) { return {a.lane + b.lane}; }
inline Vec sub(Vec a, Vec b) { return {a.lane - b.lane}; }
inline Vec mul(Vec a, Vec b) { return {a.lane * b.lane}; }
inline Vec div(Vec a, Vec b) { return {a.lane / b.lane}; }
// Rounds twice, because plain x86-64 has no fused multiply-add.
inline Vec fmadd(Vec a, Vec b, Vec c) { return {a.lane * b.lane + c.lane}; }
inline Vec sqrt(Vec a) {
  return map([&](int i) { return __builtin_sqrtf(a.lane[i]); });
}
inline Mask greater(Vec a, Vec b) { return {a.lane > b.lane}; }
// a > b, or a is NaN. A maximum that is replaced where this is true becomes NaN if any value is.
inline Mask greater_or_nan(Vec a, Vec b) { return {(a.lane > b.lane) | (a.lane != a.lane)}; }
inline Mask equal(Vec a, Vec b) { return {a.lane == b.lane}; }
inline uint32_t mask_bits(Mask m) {  // lane i is bit i
  uint32_t bits = 0;
  for (int i = 0; i < kWidth; ++i) bits |= static_cast<uint32_t>(m.lane[i] & 1) << i;
  return bits;
}
// m ? a : b
inline Vec select(Mask m, Vec a, Vec b) {
  return {reinterpret_cast<Floats>((m.lane & reinterpret_cast<Integers>(a.lane)) |
                                   (~m.lane & reinterpret_cast<Integers>(b.lane)))};
}
// max(a, b) is b where either is NaN: relu(x) = max(zero, x) keeps a NaN.
inline Vec max(Vec a, Vec b) { return select(greater(a, b), a, b); }
inline Vec min(Vec a, Vec b) { return select(greater(b, a), a, b); }
inline Vec round_nearest(Vec a) {
  return map([&](int i) { return __builtin_nearbyintf(a.lane[i]); });
}
// 2^a for integral a in [-126, 127].
inline Vec exp2_integral(Vec a) {
  return {reinterpret_cast<Floats>((__builtin_convertvector(a.lane, Integers) + 127) << 23)};
}
// Rounds to the nearest value with 8 bits of mantissa, ties to even.
inline Vec nearest_bfloat16(Vec a) {
  const Words bits = reinterpret_cast<Words>(a.lane);
  const Words rounded = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000u;
  return select(equal(a, a), {reinterpret_cast<Floats>(rounded)}, a);
}
// The nearest bfloat16 values of one vector, stored one after the other; and of two vectors, joined into pairs (the
// even one first), whose bits store_bits writes.
inline void store_bfloat16(uint16_t* p, Vec a) {
  const Words bits = reinterpret_cast<Words>(nearest_bfloat16(a).lane);
  for (int i = 0; i < kWidth; ++i) p[i] = static_cast<uint16_t>(bits[i] >> 16);
}
inline void store_bits(uint16_t* p, Vec a) { __builtin_memcpy(p, &a.lane, sizeof a.lane); }
inline Vec bfloat16_pairs(Vec even, Vec odd) {
  const Words low = reinterpret_cast<Words>(nearest_bfloat16(even).lane) >> 16;
  const Words high = reinterpret_cast<Words>(nearest_bfloat16(odd).lane) & 0xffff0000u;
  return {reinterpret_cast<Floats>(low | high)};
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
inline Index to_index(Vec a) { return {__builtin_convertvector(a.lane, Integers)}; }
inline Index add_index(Index a, int b) { return {a.lane + b}; }
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
    n += m.lane[i] & 1;
  }
  return n;
}
inline Index load_index(const int32_t* p) { return {Integers{p[0], p[1], p[2], p[3]}}; }
inline Index select_index(Mask m, Index a, Index b) { return {(m.lane & a.lane) | (~m.lane & b.lane)}; }
inline Mask mask_first(int n) { return {Integers{0, 1, 2, 3} < n}; }

#include "kernels/interleaved.inl.h"

// Transposes a square of kWidth rows and columns: dst[c * ldd + r] = src[r * lds + c].
inline void transpose_square(const float* src, int64_t lds, float* dst, int64_t ldd) {
  for (int r = 0; r < kWidth; ++r)
    for (int c = 0; c < kWidth; ++c) dst[c * ldd + r] = src[r * lds + c];
}

inline uint32_t flush_denormals() { return 0; }
inline void restore_denormals(uint32_t) {}
