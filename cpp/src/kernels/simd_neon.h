// The vector type of the kernels and its functions for NEON, which every 64-bit Arm has. A vector has 4 floats. This
// file is included inside an unnamed namespace. Numbers of lanes (n) are 1 to kWidth.
constexpr int kWidth = 4;
constexpr int kRegisters = 32;
constexpr bool kManySizes = true;  // of blocks: see simd_scalar.h
using Vec = float32x4_t;
using Mask = uint32x4_t;
using Index = int32x4_t;
using Table16 = uint8x16x4_t;

inline Vec zero() { return vdupq_n_f32(0.0f); }
inline Vec set1(float a) { return vdupq_n_f32(a); }
inline Vec set1_at(const float* p) { return set1(*p); }
inline Vec load(const float* p) { return vld1q_f32(p); }
inline Vec load_n(const float* p, int n) {
  switch (n) {
    case 1: return vld1q_lane_f32(p, zero(), 0);
    case 2: return vcombine_f32(vld1_f32(p), vdup_n_f32(0.0f));
    case 3: return vld1q_lane_f32(p + 2, vcombine_f32(vld1_f32(p), vdup_n_f32(0.0f)), 2);
    default: return load(p);
  }
}
inline void store(float* p, Vec a) { vst1q_f32(p, a); }
inline void store_n(float* p, Vec a, int n) {
  switch (n) {
    case 1: return vst1q_lane_f32(p, a, 0);
    case 2: return vst1_f32(p, vget_low_f32(a));
    case 3: vst1_f32(p, vget_low_f32(a)); return vst1q_lane_f32(p + 2, a, 2);
    default: return store(p, a);
  }
}

inline void store_streaming(float* p, Vec a) { store(p, a); }
inline void fence_stores() {}

inline Vec add(Vec a, Vec b) { return vaddq_f32(a, b); }
inline Vec sub(Vec a, Vec b) { return vsubq_f32(a, b); }
inline Vec mul(Vec a, Vec b) { return vmulq_f32(a, b); }
inline Vec div(Vec a, Vec b) { return vdivq_f32(a, b); }
inline Vec fmadd(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }
inline Vec sqrt(Vec a) { return vsqrtq_f32(a); }
inline Mask greater(Vec a, Vec b) { return vcgtq_f32(a, b); }
// a > b, or a is NaN. A maximum that is replaced where this is true becomes NaN if any value is.
inline Mask greater_or_nan(Vec a, Vec b) { return vornq_u32(greater(a, b), vceqq_f32(a, a)); }
inline Mask equal(Vec a, Vec b) { return vceqq_f32(a, b); }
inline uint32_t mask_bits(Mask m) {  // lane i is bit i
  constexpr uint32_t kBits[4] = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(m, vld1q_u32(kBits)));
}
inline Vec select(Mask m, Vec a, Vec b) { return vbslq_f32(m, a, b); }  // m ? a : b
// max(a, b) is b where either is NaN: relu(x) = max(zero, x) keeps a NaN.
inline Vec max(Vec a, Vec b) { return select(greater(a, b), a, b); }
inline Vec min(Vec a, Vec b) { return select(greater(b, a), a, b); }
inline Vec round_nearest(Vec a) { return vrndnq_f32(a); }
// 2^a for integral a in [-126, 127].
inline Vec exp2_integral(Vec a) {
  return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(a), vdupq_n_s32(127)), 23));
}
// Rounds to the nearest value with 8 bits of mantissa, ties to even.
inline Vec nearest_bfloat16(Vec a) {
  const uint32x4_t bits = vreinterpretq_u32_f32(a);
  const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  const uint32x4_t sum = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
  const float32x4_t rounded = vreinterpretq_f32_u32(vandq_u32(sum, vdupq_n_u32(0xffff0000u)));
  return vbslq_f32(vceqq_f32(a, a), rounded, a);  // NaN stays as it is
}
// The nearest bfloat16 values of one vector, stored one after the other; and of two vectors, joined into pairs (the
// even one first), whose bits store_bits writes.
inline void store_bfloat16(uint16_t* p, Vec a) {
  vst1_u16(p, vshrn_n_u32(vreinterpretq_u32_f32(nearest_bfloat16(a)), 16));
}
inline Vec bfloat16_pairs(Vec even, Vec odd) {
  const uint32x4_t low = vshrq_n_u32(vreinterpretq_u32_f32(nearest_bfloat16(even)), 16);
  const uint32x4_t high = vandq_u32(vreinterpretq_u32_f32(nearest_bfloat16(odd)), vdupq_n_u32(0xffff0000u));
  return vreinterpretq_f32_u32(vorrq_u32(low, high));
}
inline void store_bits(uint16_t* p, Vec a) { vst1q_u16(p, vreinterpretq_u16_f32(a)); }
inline float reduce_add(Vec a) { return vaddvq_f32(a); }
inline float reduce_max(Vec a) { return vmaxvq_f32(a); }

// Conversions between bytes and floats, for pixels and for the winners of a max-pool.
inline Vec bytes_to_floats(uint32_t bytes) {
  return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(bytes))))));
}
inline uint32_t floats_to_bytes(Vec a) {
  const uint16x4_t words = vmovn_u32(vcvtq_u32_f32(a));
  return vget_lane_u32(vreinterpret_u32_u8(vmovn_u16(vcombine_u16(words, words))), 0);
}
inline Vec load_u8(const uint8_t* p) {
  uint32_t bytes;
  __builtin_memcpy(&bytes, p, sizeof bytes);
  return bytes_to_floats(bytes);
}
inline Vec load_u8_n(const uint8_t* p, int n) {
  uint32_t bytes = p[0];
  if (n > 1) bytes |= static_cast<uint32_t>(p[1]) << 8;
  if (n > 2) bytes |= static_cast<uint32_t>(p[2]) << 16;
  if (n > 3) bytes |= static_cast<uint32_t>(p[3]) << 24;
  return bytes_to_floats(bytes);
}
inline void store_u8(uint8_t* p, Vec a) {
  const uint32_t bytes = floats_to_bytes(a);
  __builtin_memcpy(p, &bytes, sizeof bytes);
}
inline void store_u8_n(uint8_t* p, Vec a, int n) {
  const uint32_t bytes = floats_to_bytes(a);
  p[0] = static_cast<uint8_t>(bytes);
  if (n > 1) p[1] = static_cast<uint8_t>(bytes >> 8);
  if (n > 2) p[2] = static_cast<uint8_t>(bytes >> 16);
  if (n > 3) p[3] = static_cast<uint8_t>(bytes >> 24);
}

// Sixteen bytes put in order: y[k] = x[order[k]].
inline void shuffle_bytes(const uint8_t* x, const uint8_t* order, uint8_t* y) {
  vst1q_u8(y, vqtbl1q_u8(vld1q_u8(x), vld1q_u8(order)));
}

// A table of 16 floats that is held in registers as 64 bytes, and looking up values in it.
inline uint8x16_t load_bytes(const float* p) { return vreinterpretq_u8_f32(load(p)); }
inline Table16 load_table(const float* p) {
  return {{load_bytes(p), load_bytes(p + 4), load_bytes(p + 8), load_bytes(p + 12)}};
}
// A table of the 4x4 patch p[row * stride + column].
inline Table16 load_patch_4x4(const float* p, int64_t stride) {
  return {{load_bytes(p), load_bytes(p + stride), load_bytes(p + 2 * stride), load_bytes(p + 3 * stride)}};
}
inline Index to_index(Vec a) { return vcvtq_s32_f32(a); }
inline Index add_index(Index a, int b) { return vaddq_s32(a, vdupq_n_s32(b)); }
inline Vec look_up(const Table16& t, Index i) {  // float i is stored in the bytes 4i to 4i + 3
  const uint32x4_t bytes = vmlaq_n_u32(vdupq_n_u32(0x03020100u), vreinterpretq_u32_s32(i), 0x04040404u);
  return vreinterpretq_f32_u8(vqtbl4q_u8(t, vreinterpretq_u8_u32(bytes)));
}

// For each choice of lanes: from where each byte of the packed vector is taken. The bytes that are left over are zeros.
struct PackOrder {
  uint8_t from[16][16];
};
constexpr PackOrder make_pack_order() {
  PackOrder order{};
  for (int lanes = 0; lanes < 16; ++lanes) {
    int n = 0;
    for (int i = 0; i < 4; ++i) {
      if (!(lanes >> i & 1)) continue;
      for (int b = 0; b < 4; ++b) order.from[lanes][n++] = static_cast<uint8_t>(4 * i + b);
    }
    while (n < 16) order.from[lanes][n++] = 0xff;
  }
  return order;
}
alignas(64) constexpr PackOrder kPackOrder = make_pack_order();

// Writes those lanes of a and b for which m is true, one after the other, to p and q, and returns how many they are. It
// may overwrite up to kWidth elements from p and from q on.
inline int compress_store(float* p, Vec a, int32_t* q, Index b, Mask m) {
  alignas(16) constexpr uint32_t kBit[4] = {1, 2, 4, 8};
  const uint32_t lanes = vaddvq_u32(vandq_u32(m, vld1q_u32(kBit)));
  const uint8x16_t from = vld1q_u8(kPackOrder.from[lanes]);
  vst1q_f32(p, vreinterpretq_f32_u8(vqtbl1q_u8(vreinterpretq_u8_f32(a), from)));
  vst1q_s32(q, vreinterpretq_s32_u8(vqtbl1q_u8(vreinterpretq_u8_s32(b), from)));
  return -vaddvq_s32(vreinterpretq_s32_u32(m));  // in m, a lane that is chosen is -1
}
inline Index load_index(const int32_t* p) { return vld1q_s32(p); }
inline Index select_index(Mask m, Index a, Index b) { return vbslq_s32(m, a, b); }
inline Mask mask_first(int n) {
  alignas(16) constexpr int32_t kLane[4] = {0, 1, 2, 3};
  return vcgtq_s32(vdupq_n_s32(n), vld1q_s32(kLane));
}

#include "kernels/interleaved.inl.h"

// Transposes a square of kWidth rows and columns: dst[c * ldd + r] = src[r * lds + c].
inline void transpose_square(const float* src, int64_t lds, float* dst, int64_t ldd) {
  const Vec a = load(src), b = load(src + lds), c = load(src + 2 * lds), d = load(src + 3 * lds);
  const float64x2_t even_low = vreinterpretq_f64_f32(vtrn1q_f32(a, b)),
                    odd_low = vreinterpretq_f64_f32(vtrn2q_f32(a, b));
  const float64x2_t even_high = vreinterpretq_f64_f32(vtrn1q_f32(c, d)),
                    odd_high = vreinterpretq_f64_f32(vtrn2q_f32(c, d));
  store(dst, vreinterpretq_f32_f64(vtrn1q_f64(even_low, even_high)));
  store(dst + ldd, vreinterpretq_f32_f64(vtrn1q_f64(odd_low, odd_high)));
  store(dst + 2 * ldd, vreinterpretq_f32_f64(vtrn2q_f64(even_low, even_high)));
  store(dst + 3 * ldd, vreinterpretq_f32_f64(vtrn2q_f64(odd_low, odd_high)));
}

// flush_denormals: from now on, operations of this thread treat denormal numbers as zero. It returns the state before,
// for restore_denormals.
inline void restore_denormals(uint32_t saved) { asm volatile("msr fpcr, %0" : : "r"(static_cast<uint64_t>(saved))); }
inline uint32_t flush_denormals() {
  uint64_t saved;
  asm volatile("mrs %0, fpcr" : "=r"(saved));
  constexpr uint32_t kFlushToZero = 1u << 24;
  restore_denormals(static_cast<uint32_t>(saved) | kFlushToZero);
  return static_cast<uint32_t>(saved);
}
