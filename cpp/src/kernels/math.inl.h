// Elementary functions of vectors. Each has an error of a few units in the last place, and NaN stays NaN.

// Calls f(i, lanes) for one vector of elements after the other, beginning at element i, until all `size` are done. Only
// the last vector can have fewer lanes than kWidth.
template <class Function>
inline void for_vectors(int64_t size, Function f) {
  int64_t i = 0;
  for (; i + kWidth <= size; i += kWidth) f(i, kWidth);
  if (i < size) f(i, static_cast<int>(size - i));
}

template <class Function>
inline void map_vectors(const float* x, float* y, int64_t size, Function f) {
  for_vectors(size, [&](int64_t i, int lanes) { write_lanes(y + i, f(read_lanes(x + i, lanes)), lanes); });
}

template <class Function>
inline void map_pairs(const float* y, const float* dy, float* dx, int64_t size, Function f) {
  for_vectors(size, [&](int64_t i, int lanes) {
    write_lanes(dx + i, f(read_lanes(y + i, lanes), read_lanes(dy + i, lanes)), lanes);
  });
}

inline Vec negative(Vec x) { return sub(zero(), x); }
inline Vec absolute(Vec x) { return max(x, negative(x)); }
inline Vec clamp(Vec x, float least, float most) { return max(set1(least), min(set1(most), x)); }

// Splits x = n log 2 + r, where n is an integer and |r| <= log(2) / 2. log 2 is taken as the sum of two floats, so that
// r is accurate. `tail` is (e^r - 1 - r) / r, from a polynomial of degree 6.
struct ReducedExp {
  Vec n, r, tail;
};
inline ReducedExp reduce_exp(Vec x, Vec n) {
  Vec r = fmadd(n, set1(-0.693359375f), x);
  r = fmadd(n, set1(2.12194440e-4f), r);
  return {n, r, zero()};
}
inline ReducedExp with_tail(ReducedExp e) {
  Vec p = set1(1.9875691500e-4f);
  p = fmadd(p, e.r, set1(1.3981999507e-3f));
  p = fmadd(p, e.r, set1(8.3334519073e-3f));
  p = fmadd(p, e.r, set1(4.1665795894e-2f));
  p = fmadd(p, e.r, set1(1.6666665459e-1f));
  p = fmadd(p, e.r, set1(5.0000001201e-1f));
  e.tail = mul(p, e.r);
  return e;
}
inline ReducedExp reduce_exp(Vec x) { return with_tail(reduce_exp(x, round_nearest(mul(x, set1(1.44269504f))))); }
// e^r
inline Vec exp_of_rest(const ReducedExp& e) { return fmadd(e.tail, e.r, add(e.r, set1(1.0f))); }

constexpr float kLeastExponent = -87.33654f;  // the logarithm of the least normal float

// e^x with an error of about one unit in the last place. The result is limited to normal floats: for very large x it is
// not infinite, for very small x not zero.
inline Vec exp(Vec x) {
  const ReducedExp e = reduce_exp(clamp(x, kLeastExponent, 88.37626f));
  return mul(exp_of_rest(e), exp2_integral(e.n));
}

// The same, but zero where e^x is below the least normal float.
inline Vec exp_or_zero(Vec x) { return select(greater(set1(kLeastExponent), x), zero(), exp(x)); }

// The same over the whole range of floats, from zero to infinity. The power of two is multiplied in two halves, because
// one factor could not hold it.
inline Vec exp_full(Vec x) {
  const ReducedExp e = reduce_exp(clamp(x, -104.0f, 89.0f));
  const Vec half = round_nearest(mul(e.n, set1(0.5f)));
  return mul(mul(exp_of_rest(e), exp2_integral(half)), exp2_integral(sub(e.n, half)));
}

// e^(high + low), or zero below the least normal float. It is for an exponent that is known more accurately than one
// float can hold, such as an exact product.
inline Vec exp_of_sum(Vec high, Vec low) {
  const Vec x = add(high, low), within = clamp(x, kLeastExponent, 88.37626f);
  ReducedExp e = reduce_exp(high, round_nearest(mul(within, set1(1.44269504f))));
  e.r = add(e.r, low);
  e = with_tail(e);
  return select(greater(set1(kLeastExponent), x), zero(), mul(exp_of_rest(e), exp2_integral(e.n)));
}

// e^x - 1 = 2^n (e^r - 1) + (2^n - 1), which does not cancel near zero.
inline Vec expm1(Vec x) {
  const ReducedExp e = reduce_exp(clamp(x, kLeastExponent, 88.37626f));
  const Vec power = exp2_integral(e.n);
  return fmadd(power, fmadd(e.tail, e.r, e.r), sub(power, set1(1.0f)));
}

// (log((1 + s) / (1 - s)) - 2 s) / s^3, as a polynomial in z = s^2 for z <= 1/9.
inline Vec atanh_tail(Vec z) {
  Vec p = set1(0.24300932884216309f);
  p = fmadd(p, z, set1(0.21427658200263977f));
  p = fmadd(p, z, set1(0.2861688435077667f));
  p = fmadd(p, z, set1(0.3999887704849243f));
  return fmadd(p, z, set1(0.6666667461395264f));
}

// log(1 + x) for 0 <= x <= 1.
inline Vec log1p_unit(Vec x) {
  const Vec s = div(x, add(x, set1(2.0f))), z = mul(s, s);
  return fmadd(mul(s, z), atanh_tail(z), add(s, s));
}

// log(x) of one number x > 0 that is not denormal. NaN and infinity are returned as they are.
inline float log_scalar(float x) {
  if (!(x < __builtin_inff())) return x;
  int32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  const int32_t exponent = (bits - 0x3f3504f3) >> 23;  // chosen so that the mantissa is in [sqrt(1/2), sqrt(2))
  bits -= exponent * (1 << 23);
  float m;
  __builtin_memcpy(&m, &bits, sizeof m);
  const float s = (m - 1.0f) / (m + 1.0f), z = s * s, n = static_cast<float>(exponent);
  const float p = ((0.2987172901630402f * z + 0.3997754156589508f) * z + 0.6666677594184875f) * z;
  return n * 0.693359375f + (2.0f * s + (s * p - n * 2.12194440e-4f));
}

inline Vec sigmoid(Vec x) { return div(set1(1.0f), add(set1(1.0f), exp(sub(zero(), x)))); }

// sigmoid(x) and sigmoid(-x) = 1 - sigmoid(x). Both have a small relative error, also where they are close to zero.
struct Sigmoids {
  Vec of_x, of_minus_x;
};
inline Sigmoids sigmoids(Vec x) {
  const Vec e = exp_or_zero(negative(absolute(x)));
  const Vec large = div(set1(1.0f), add(set1(1.0f), e)), small = mul(e, large);
  const Mask above = greater(x, zero());
  return {select(above, large, small), select(above, small, large)};
}

// 1 - 2 / (e^2x + 1), but near zero, where that difference would cancel, an odd polynomial.
inline Vec tanh(Vec x) {
  const Vec z = mul(x, x);
  Vec p = set1(-5.70498872745e-3f);
  p = fmadd(p, z, set1(2.06390887954e-2f));
  p = fmadd(p, z, set1(-5.37397155531e-2f));
  p = fmadd(p, z, set1(1.33314422036e-1f));
  p = fmadd(p, z, set1(-3.33332819422e-1f));
  const Vec near = fmadd(mul(p, z), x, x);
  const Vec far = sub(set1(1.0f), div(set1(2.0f), add(exp(add(x, x)), set1(1.0f))));
  return select(greater(set1(0.390625f), z), near, far);
}

// e^(-t^2 / 2), and the distribution function of the normal distribution at -t, for t >= 0. Both have a small relative
// error, also where they are tiny. For the first, t^2 is split into the exact square of t's first eight bits and a
// small rest. The second is the first times u P(u), where u = 1 / (1 + t / 4) and P is a polynomial that was fitted to
// Mills' ratio.
struct NormalTail {
  Vec exponential, tail;
};
inline NormalTail normal_tail(Vec t) {
  const Vec half = set1(-0.5f), top = nearest_bfloat16(t);
  const Vec e = exp_of_sum(mul(mul(top, top), half), mul(mul(sub(t, top), add(t, top)), half));
  const Vec u = div(set1(1.0f), fmadd(t, set1(0.25f), set1(1.0f)));
  Vec p = set1(0.01608831062912941f);
  p = fmadd(p, u, set1(-0.060035254806280136f));
  p = fmadd(p, u, set1(0.044931478798389435f));
  p = fmadd(p, u, set1(0.037763744592666626f));
  p = fmadd(p, u, set1(0.004602859262377024f));
  p = fmadd(p, u, set1(0.09122814238071442f));
  p = fmadd(p, u, set1(0.07033108174800873f));
  p = fmadd(p, u, set1(0.09589527547359467f));
  p = fmadd(p, u, set1(0.09944377094507217f));
  p = fmadd(p, u, set1(0.09975060075521469f));
  return {e, mul(e, mul(u, p))};
}
