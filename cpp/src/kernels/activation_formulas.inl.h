// The formulas of pointwise activations.
//
// Each pointwise activation f is a struct with three functions: the value f(x), the gradient of x from the gradient of
// y, and the second derivative f''(x). The last two read either x or y. needs_input (activation.h) says which of the
// two, and the formula is written for that one. Where x is infinite, a function returns its limit.

inline Vec keep_where(Mask m, Vec a) { return select(m, a, zero()); }

struct Relu {
  Vec value(Vec x) const { return max(zero(), x); }
  Vec gradient(Vec y, Vec dy) const { return keep_where(greater(y, zero()), dy); }
  Vec second(Vec) const { return zero(); }
};

// A relu with a maximum and with a threshold >= 0: x where x > threshold, otherwise zero, and never above the maximum.
struct ClippedRelu {
  Vec most, threshold;
  Vec value(Vec x) const {
    const Vec v = max(zero(), x);
    return select(greater(v, threshold), min(most, v),
                  mul(v, zero()));  // v * 0 instead of 0, so that a NaN stays a NaN
  }
  Vec gradient(Vec y, Vec dy) const { return keep_where(greater(most, y), keep_where(greater(y, zero()), dy)); }
  Vec second(Vec) const { return zero(); }
};

// The same, but with a line of slope >= 0 instead of zero below the threshold.
struct LeakyRelu {
  Vec slope, most, threshold;
  Vec value(Vec x) const { return select(greater(x, threshold), min(most, x), mul(slope, sub(x, threshold))); }
  Vec gradient(Vec y, Vec dy) const {
    return select(greater(y, zero()), keep_where(greater(most, y), dy), mul(slope, dy));
  }
  Vec second(Vec) const { return zero(); }
};

struct SigmoidFunction {
  Vec value(Vec x) const { return sigmoid(x); }
  Vec gradient(Vec y, Vec dy) const { return mul(dy, mul(y, sub(set1(1.0f), y))); }
  Vec second(Vec y) const { return mul(mul(y, sub(set1(1.0f), y)), sub(set1(1.0f), add(y, y))); }
};

struct Tanh {
  Vec value(Vec x) const { return tanh(x); }
  Vec gradient(Vec y, Vec dy) const { return mul(dy, sub(set1(1.0f), mul(y, y))); }
  Vec second(Vec y) const { return mul(mul(set1(-2.0f), y), sub(set1(1.0f), mul(y, y))); }
};

// elu and selu: scale * x where x > 0, otherwise scale * alpha * (e^x - 1).
struct Elu {
  Vec scale, lowest;  // lowest = scale * alpha
  Vec value(Vec x) const { return select(greater(x, zero()), mul(scale, x), mul(lowest, expm1(x))); }
  Vec gradient(Vec y, Vec dy) const { return mul(dy, select(greater(y, zero()), scale, add(y, lowest))); }
  Vec second(Vec y) const { return select(greater(y, zero()), zero(), add(y, lowest)); }
};

struct Celu {
  Vec alpha;
  Vec value(Vec x) const { return select(greater(x, zero()), x, mul(alpha, expm1(div(x, alpha)))); }
  Vec power(Vec y) const { return add(div(y, alpha), set1(1.0f)); }  // e^(x / alpha) where x <= 0
  Vec gradient(Vec y, Vec dy) const { return select(greater(y, zero()), dy, mul(dy, power(y))); }
  Vec second(Vec y) const { return select(greater(y, zero()), zero(), div(power(y), alpha)); }
};

// x Phi(x), where Phi is the distribution function of the standard normal distribution. It is computed from the tail of
// the distribution (NormalTail). Its derivative is Phi'(x) = e^(-x^2 / 2) / sqrt(2 pi).
struct Gelu {
  static constexpr float kDensity = 0.3989422804014327f;
  Vec value(Vec x) const {
    const Vec near = clamp(x, -20.0f, 20.0f), lost = mul(near, normal_tail(absolute(near)).tail);
    return select(greater(x, zero()), sub(x, lost), lost);
  }
  Vec gradient(Vec x, Vec dy) const {
    const Vec near = clamp(x, -20.0f, 20.0f);
    const NormalTail n = normal_tail(absolute(near));
    const Vec below = select(greater(x, zero()), sub(set1(1.0f), n.tail), n.tail);
    return mul(dy, fmadd(near, mul(n.exponential, set1(kDensity)), below));
  }
  Vec second(Vec x) const {
    const Vec near = clamp(x, -20.0f, 20.0f);
    return mul(mul(normal_tail(absolute(near)).exponential, set1(kDensity)), sub(set1(2.0f), mul(near, near)));
  }
};

// The approximation of gelu by a tanh: x sigmoid(w), where w = 2 sqrt(2 / pi) (x + 0.044715 x^3).
struct GeluTanh {
  static constexpr float kLinear = 1.5957691216057308f, kCubic = kLinear * 0.044715f;
  static Vec inner(Vec x) { return mul(x, fmadd(mul(x, x), set1(kCubic), set1(kLinear))); }
  Vec value(Vec x) const { return mul(max(set1(-20.0f), x), sigmoids(inner(clamp(x, -20.0f, 20.0f))).of_x); }
  Vec gradient(Vec x, Vec dy) const {
    const Vec near = clamp(x, -20.0f, 20.0f);
    const Sigmoids s = sigmoids(inner(near));
    const Vec slope = fmadd(mul(near, near), set1(3 * kCubic), set1(kLinear));
    return mul(dy, fmadd(mul(near, slope), mul(s.of_x, s.of_minus_x), s.of_x));
  }
  Vec second(Vec x) const {
    const Vec near = clamp(x, -20.0f, 20.0f);
    const Sigmoids s = sigmoids(inner(near));
    const Vec slope = fmadd(mul(near, near), set1(3 * kCubic), set1(kLinear));
    const Vec bend = fmadd(mul(slope, slope), sub(s.of_minus_x, s.of_x), mul(near, set1(6 * kCubic)));
    return mul(mul(s.of_x, s.of_minus_x), fmadd(near, bend, add(slope, slope)));
  }
};

struct Silu {
  Vec value(Vec x) const { return mul(max(set1(-100.0f), x), sigmoids(x).of_x); }
  Vec gradient(Vec x, Vec dy) const {
    const Sigmoids s = sigmoids(x);
    return mul(dy, fmadd(clamp(x, -100.0f, 100.0f), mul(s.of_x, s.of_minus_x), s.of_x));
  }
  Vec second(Vec x) const {
    const Sigmoids s = sigmoids(x);
    const Vec near = clamp(x, -100.0f, 100.0f);
    return mul(mul(s.of_x, s.of_minus_x), fmadd(near, sub(s.of_minus_x, s.of_x), set1(2.0f)));
  }
};

// x tanh(softplus(x)) = x n / (n + 2), where e = e^x and n = e (e + 2). For x > 20 the quotient n / (n + 2) rounds
// to 1.
struct Mish {
  struct Parts {
    Vec e, n, inverse;  // inverse = 1 / (n + 2)
  };
  static Parts parts(Vec x) {
    const Vec e = exp_or_zero(min(set1(20.0f), x)), n = mul(e, add(e, set1(2.0f)));
    return {e, n, div(set1(1.0f), add(n, set1(2.0f)))};
  }
  // The derivative of tanh(softplus(x)) is (1 - tanh^2) e / (1 + e). It is computed with 1 - tanh^2 = 4 (n + 1) / (n +
  // 2)^2 and n + 1 = (1 + e)^2.
  static Vec slope(const Parts& p) {
    const Vec twice = add(p.inverse, p.inverse);
    return mul(mul(twice, twice), mul(p.e, add(p.e, set1(1.0f))));
  }
  Vec value(Vec x) const {
    const Parts p = parts(x);
    return mul(max(set1(-100.0f), x), mul(p.n, p.inverse));
  }
  Vec gradient(Vec x, Vec dy) const {
    const Parts p = parts(x);
    return mul(dy, fmadd(clamp(x, -100.0f, 20.0f), slope(p), mul(p.n, p.inverse)));
  }
  Vec second(Vec x) const {
    const Parts p = parts(x);
    // The derivative of the slope is slope * (1 / (1 + e) - 2 tanh e / (1 + e)).
    const Vec s = slope(p), quotient = div(set1(1.0f), add(p.e, set1(1.0f)));
    const Vec factor = mul(quotient, fmadd(mul(set1(-2.0f), p.e), mul(p.n, p.inverse), set1(1.0f)));
    return mul(s, fmadd(clamp(x, -100.0f, 20.0f), factor, set1(2.0f)));
  }
};

struct HardSigmoid {
  Vec value(Vec x) const { return mul(min(set1(6.0f), max(zero(), add(x, set1(3.0f)))), set1(1.0f / 6.0f)); }
  Vec gradient(Vec y, Vec dy) const {
    return keep_where(greater(set1(1.0f), y), keep_where(greater(y, zero()), mul(dy, set1(1.0f / 6.0f))));
  }
  Vec second(Vec) const { return zero(); }
};

struct HardSilu {
  Vec value(Vec x) const { return mul(max(set1(-3.0f), x), HardSigmoid{}.value(x)); }
  Vec gradient(Vec x, Vec dy) const {
    const Vec middle = mul(dy, fmadd(clamp(x, -3.0f, 3.0f), set1(1.0f / 3.0f), set1(0.5f)));
    return select(greater(set1(3.0f), x), keep_where(greater(x, set1(-3.0f)), middle), dy);
  }
  Vec second(Vec x) const {
    return keep_where(greater(x, set1(-3.0f)), keep_where(greater(set1(3.0f), x), set1(1.0f / 3.0f)));
  }
};

struct Softplus {
  Vec value(Vec x) const { return add(max(zero(), x), log1p_unit(exp_or_zero(negative(absolute(x))))); }
  Vec gradient(Vec y, Vec dy) const { return mul(dy, negative(expm1(negative(y)))); }
  Vec second(Vec y) const { return mul(negative(expm1(negative(y))), exp_or_zero(negative(y))); }
};

struct LogSigmoid {
  Vec value(Vec x) const { return sub(min(zero(), x), log1p_unit(exp_or_zero(negative(absolute(x))))); }
  Vec gradient(Vec y, Vec dy) const { return mul(dy, negative(expm1(y))); }
  Vec second(Vec y) const { return mul(expm1(y), exp_or_zero(y)); }
};

struct Softsign {
  static Vec inverse(Vec x) { return div(set1(1.0f), add(set1(1.0f), absolute(x))); }
  Vec value(Vec x) const {
    const Vec near = clamp(x, -3.0e38f, 3.0e38f);
    return div(near, add(set1(1.0f), absolute(near)));
  }
  Vec gradient(Vec x, Vec dy) const { return mul(dy, mul(inverse(x), inverse(x))); }
  Vec second(Vec x) const {
    const Vec a = inverse(x), size = mul(mul(set1(2.0f), a), mul(a, a));
    return select(greater(x, zero()), negative(size), keep_where(greater(zero(), x), size));
  }
};

struct Exponential {
  Vec value(Vec x) const { return exp_full(x); }
  Vec gradient(Vec y, Vec dy) const { return mul(dy, y); }
  Vec second(Vec y) const { return y; }
};

struct HardShrink {
  Vec threshold;  // 0 or more
  Vec value(Vec x) const { return select(greater_or_nan(absolute(x), threshold), x, zero()); }
  Vec gradient(Vec y, Vec dy) const { return keep_where(greater(absolute(y), zero()), dy); }
  Vec second(Vec) const { return zero(); }
};

struct SoftShrink {
  Vec threshold;  // 0 or more
  Vec value(Vec x) const { return sub(max(threshold, x), max(threshold, negative(x))); }
  Vec gradient(Vec y, Vec dy) const { return keep_where(greater(absolute(y), zero()), dy); }
  Vec second(Vec) const { return zero(); }
};

struct TanhShrink {
  Vec value(Vec x) const { return sub(x, tanh(x)); }
  Vec gradient(Vec x, Vec dy) const {
    const Vec t = tanh(x);
    return mul(dy, mul(t, t));
  }
  Vec second(Vec x) const {  // 2 t (1 - t^2), where 1 - t^2 = 4 sigmoid(2 x) sigmoid(-2 x) loses nothing for large x
    const Sigmoids s = sigmoids(add(x, x));
    return mul(mul(set1(8.0f), tanh(x)), mul(s.of_x, s.of_minus_x));
  }
};

struct HardTanh {
  Vec value(Vec x) const { return clamp(x, -1.0f, 1.0f); }
  Vec gradient(Vec y, Vec dy) const { return keep_where(greater(set1(1.0f), absolute(y)), dy); }
  Vec second(Vec) const { return zero(); }
};

// x where x > threshold, otherwise another value.
struct Threshold {
  Vec threshold, otherwise;
  Vec value(Vec x) const { return select(greater_or_nan(x, threshold), x, otherwise); }
  Vec gradient(Vec x, Vec dy) const { return keep_where(greater(x, threshold), dy); }
  Vec second(Vec) const { return zero(); }
};

// (x + s) / 2 with s = sqrt(x^2 + b). Where x is negative it is computed as b / (2 (s - x)), where nothing cancels.
struct Squareplus {
  Vec b;  // above 0
  Vec root(Vec near) const { return sqrt(fmadd(near, near, b)); }
  Vec near_value(Vec near, Vec s) const {
    const Vec far = add(absolute(near), s), half = set1(0.5f);
    return select(greater(near, zero()), mul(half, far), mul(half, div(b, far)));
  }
  Vec value(Vec x) const {
    const Vec near = clamp(x, -1e18f, 1e18f);
    return max(near_value(near, root(near)), x);
  }
  Vec gradient(Vec x, Vec dy) const {
    const Vec near = clamp(x, -1e18f, 1e18f), s = root(near);
    return mul(dy, div(near_value(near, s), s));
  }
  Vec second(Vec x) const {
    const Vec s = root(clamp(x, -1e12f, 1e12f));
    return div(mul(set1(0.5f), b), mul(s, mul(s, s)));
  }
};

// 0 where x <= -1, (x + 1)^2 / 4 between -1 and 1, x where x >= 1.
struct SparsePlus {
  static Vec slope(Vec x) { return min(set1(1.0f), max(zero(), fmadd(x, set1(0.5f), set1(0.5f)))); }
  Vec value(Vec x) const { return select(greater(x, set1(1.0f)), x, mul(slope(x), slope(x))); }
  Vec gradient(Vec x, Vec dy) const { return mul(dy, slope(x)); }
  Vec second(Vec x) const { return keep_where(greater(set1(1.0f), absolute(x)), set1(0.5f)); }
};

// The slope of sparse_plus.
struct SparseSigmoid {
  Vec value(Vec x) const { return SparsePlus::slope(x); }
  Vec gradient(Vec y, Vec dy) const {
    return keep_where(greater(set1(1.0f), y), keep_where(greater(y, zero()), mul(dy, set1(0.5f))));
  }
  Vec second(Vec) const { return zero(); }
};

struct Linear {
  Vec value(Vec x) const { return x; }
  Vec gradient(Vec, Vec dy) const { return dy; }
  Vec second(Vec) const { return zero(); }
};
