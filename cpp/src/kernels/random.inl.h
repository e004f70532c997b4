// Random numbers from a counter: draw(key, i) = mix(key + golden * i), where mix is the last step of splitmix64 (Steele
// et al., 2014). The loops are plain C++ over blocks of fixed size, which compilers turn into vector instructions.

constexpr int kDraws = 64;  // draws in a block
constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;

inline uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Makes the draws of one block after the other, and calls f(begin, count, draws) for each block.
template <class Function>
inline void for_draws(uint64_t key, int64_t first, int64_t size, Function f) {
  alignas(64) uint64_t draws[kDraws];
  for (int64_t begin = 0; begin < size; begin += kDraws) {
    const uint64_t start = key + kGolden * static_cast<uint64_t>(first + begin);
    for (int i = 0; i < kDraws; ++i) draws[i] = mixed(start + kGolden * static_cast<uint64_t>(i));
    f(begin, static_cast<int>(size - begin < kDraws ? size - begin : kDraws), draws);
  }
}

void dropout_mask(const DropoutArgs& a, float* mask) {
  for_draws(a.key, a.first, a.size, [&](int64_t begin, int count, const uint64_t* draws) {
    alignas(64) float block[kDraws];
    for (int i = 0; i < kDraws; ++i) block[i] = static_cast<uint32_t>(draws[i] >> 32) >= a.threshold ? a.scale : 0.0f;
    __builtin_memcpy(mask + begin, block, count * sizeof(float));
  });
}

void dropout(const DropoutArgs& a, const float* x, float* y) {
  for_draws(a.key, a.first, a.size, [&](int64_t begin, int count, const uint64_t* draws) {
    alignas(64) float keep[kDraws];
    for (int i = 0; i < kDraws; ++i) keep[i] = static_cast<uint32_t>(draws[i] >> 32) >= a.threshold ? 1.0f : 0.0f;
    const Vec scale = set1(a.scale);
    for_vectors(count, [&](int64_t i, int lanes) {
      const Vec v = mul(read_lanes(x + begin + i, lanes), scale);
      write_lanes(y + begin + i, select(greater(load(keep + i), zero()), v, zero()), lanes);
    });
  });
}

// log(x) of x = mantissa * 2^exponent in (0, 1], where the mantissa is in [sqrt(1/2), sqrt(2)).
inline Vec log_of(Vec exponent, Vec mantissa) {
  const Vec s = div(sub(mantissa, set1(1.0f)), add(mantissa, set1(1.0f))), z = mul(s, s);
  Vec p = fmadd(set1(0.2987172901630402f), z, set1(0.3997754156589508f));
  p = mul(fmadd(p, z, set1(0.6666677594184875f)), z);
  const Vec low = fmadd(s, p, mul(exponent, set1(-2.12194440e-4f)));
  return fmadd(exponent, set1(0.693359375f), add(add(s, s), low));
}

// cos(2 pi t) = 1 - 2 sin^2(pi t) for |t| <= 1/2.
inline Vec cos_of_turn(Vec t) {
  const Vec z = mul(t, t);
  Vec p = set1(-0.007370430945714348f);  // the first terms of the sine's series
  p = fmadd(p, z, set1(0.08214588661112819f));
  p = fmadd(p, z, set1(-0.5992645293207919f));
  p = fmadd(p, z, set1(2.550164039877345f));
  p = fmadd(p, z, set1(-5.16771278004997f));
  const Vec s = mul(t, fmadd(p, z, set1(3.141592653589793f)));
  return fmadd(mul(set1(-2.0f), s), s, set1(1.0f));
}

// Normally distributed numbers by the transform of Box and Muller. Each is made of the two halves of one draw.
void gaussian_noise(const GaussianArgs& a, const float* x, float* y) {
  for_draws(a.key, 0, a.size, [&](int64_t begin, int count, const uint64_t* draws) {
    alignas(64) float exponent[kDraws], mantissa[kDraws], turn[kDraws];
    for (int i = 0; i < kDraws; ++i) {
      const float u = (static_cast<float>(static_cast<uint32_t>(draws[i] >> 40)) + 0.5f) * 0x1p-24f;
      turn[i] = static_cast<float>(static_cast<int32_t>(draws[i] & 0xffffff) - 0x800000) * 0x1p-24f;
      int32_t bits;
      __builtin_memcpy(&bits, &u, sizeof bits);
      const int32_t power = (bits - 0x3f3504f3) >> 23;
      bits -= power * (1 << 23);
      exponent[i] = static_cast<float>(power);
      __builtin_memcpy(&mantissa[i], &bits, sizeof bits);
    }
    for_vectors(count, [&](int64_t i, int lanes) {
      const Vec radius = sqrt(max(zero(), mul(set1(-2.0f), log_of(load(exponent + i), load(mantissa + i)))));
      const Vec normal = mul(radius, cos_of_turn(load(turn + i)));
      write_lanes(y + begin + i, fmadd(normal, set1(a.stddev), read_lanes(x + begin + i, lanes)), lanes);
    });
  });
}
