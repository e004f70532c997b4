// Activations, softmax, rescaling, sums, transposition.

// Calls f(i, lanes) over `size` elements a vector at a time.
template <class Function>
inline void for_vectors(int64_t size, Function f) {
  int64_t i = 0;
  for (; i + kWidth <= size; i += kWidth) f(i, kWidth);
  if (i < size) f(i, static_cast<int>(size - i));
}

// e^x to about 1 ulp: x = n log 2 + r, |r| <= log(2) / 2, a polynomial of degree 6 for e^r. NaN stays NaN.
inline Vec exp(Vec x) {
  x = max(set1(-87.33654f), min(set1(88.37626f), x));
  const Vec n = round_nearest(mul(x, set1(1.44269504f)));
  Vec r = fmadd(n, set1(-0.693359375f), x);
  r = fmadd(n, set1(2.12194440e-4f), r);
  Vec p = set1(1.9875691500e-4f);
  p = fmadd(p, r, set1(1.3981999507e-3f));
  p = fmadd(p, r, set1(8.3334519073e-3f));
  p = fmadd(p, r, set1(4.1665795894e-2f));
  p = fmadd(p, r, set1(1.6666665459e-1f));
  p = fmadd(p, r, set1(5.0000001201e-1f));
  p = fmadd(mul(p, r), r, add(r, set1(1.0f)));
  return mul(p, exp2_integral(n));
}

inline Vec sigmoid(Vec x) { return div(set1(1.0f), add(set1(1.0f), exp(sub(zero(), x)))); }

// An odd polynomial near zero, where 1 - 2 / (e^2x + 1) would cancel.
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

template <class Function>
inline void map_vectors(const float* x, float* y, int64_t size, Function f) {
  for_vectors(size, [&](int64_t i, int lanes) { write_lanes(y + i, f(read_lanes(x + i, lanes)), lanes); });
}

void activation(Activation kind, const float* x, float* y, int64_t size) {
  switch (kind) {
    case Activation::relu: return map_vectors(x, y, size, [](Vec v) { return max(zero(), v); });
    case Activation::sigmoid: return map_vectors(x, y, size, [](Vec v) { return sigmoid(v); });
    case Activation::tanh: return map_vectors(x, y, size, [](Vec v) { return tanh(v); });
    case Activation::linear:
    case Activation::softmax:
      if (x != y) map_vectors(x, y, size, [](Vec v) { return v; });
  }
}

template <class Function>
inline void map_pairs(const float* y, const float* dy, float* dx, int64_t size, Function f) {
  for_vectors(size, [&](int64_t i, int lanes) {
    write_lanes(dx + i, f(read_lanes(y + i, lanes), read_lanes(dy + i, lanes)), lanes);
  });
}

void activation_backward(Activation kind, const float* y, const float* dy, float* dx, int64_t size) {
  switch (kind) {
    case Activation::relu:
      return map_pairs(y, dy, dx, size, [](Vec v, Vec g) { return select(greater(v, zero()), g, zero()); });
    case Activation::sigmoid:
      return map_pairs(y, dy, dx, size, [](Vec v, Vec g) { return mul(g, mul(v, sub(set1(1.0f), v))); });
    case Activation::tanh:
      return map_pairs(y, dy, dx, size, [](Vec v, Vec g) { return mul(g, sub(set1(1.0f), mul(v, v))); });
    case Activation::linear:
    case Activation::softmax:
      if (dx != dy) map_vectors(dy, dx, size, [](Vec g) { return g; });  // y may be null
  }
}

void round_bfloat16(const float* x, float* y, int64_t size, int terms) {
  if (terms == 1) return map_vectors(x, y, size, [](Vec v) { return nearest_bfloat16(v); });
  map_vectors(x, y, size, [](Vec v) {
    const Vec high = nearest_bfloat16(v);
    const Mask finite = equal(sub(high, high), zero());  // an infinity leaves no rest
    return select(finite, add(high, nearest_bfloat16(sub(v, high))), high);
  });
}

void softmax_rows(const float* x, float* y, int64_t rows, int64_t cols) {
  const Vec lowest = set1(-3.402823466e38f);
  for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
    Vec top = lowest;
    for_vectors(cols, [&](int64_t i, int lanes) {
      top = max(top, lanes == kWidth ? load(x + i) : select(mask_first(lanes), load_n(x + i, lanes), lowest));
    });
    const Vec shift = set1(reduce_max(top));
    Vec sum = zero();
    for_vectors(cols, [&](int64_t i, int lanes) {
      const Vec e = exp(sub(read_lanes(x + i, lanes), shift));
      write_lanes(y + i, e, lanes);
      sum = add(sum, lanes == kWidth ? e : select(mask_first(lanes), e, zero()));
    });
    const Vec scale = set1(1.0f / reduce_add(sum));
    map_vectors(y, y, cols, [&](Vec e) { return mul(e, scale); });
  }
}

void softmax_rows_backward(const float* y, const float* dy, float* dx, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; ++r, y += cols, dy += cols, dx += cols) {
    Vec dot = zero();
    for_vectors(cols, [&](int64_t i, int lanes) {
      dot = fmadd(lanes == kWidth ? load(y + i) : load_n(y + i, lanes), read_lanes(dy + i, lanes), dot);
    });
    const Vec mean = set1(reduce_add(dot));
    map_pairs(y, dy, dx, cols, [&](Vec v, Vec g) { return mul(v, sub(g, mean)); });
  }
}

void rescale_u8(const uint8_t* x, float* y, int64_t size, float scale, float offset) {
  const Vec s = set1(scale), o = set1(offset);
  for_vectors(size, [&](int64_t i, int lanes) {
    write_lanes(y + i, add(mul(lanes == kWidth ? load_u8(x + i) : load_u8_n(x + i, lanes), s), o), lanes);
  });
}

void rescale_f32(const float* x, float* y, int64_t size, float scale, float offset) {
  const Vec s = set1(scale), o = set1(offset);
  map_vectors(x, y, size, [&](Vec v) { return add(mul(v, s), o); });
}

void sum_rows(const float* x, float* sum, int64_t rows, int64_t cols) {
  for_vectors(cols, [&](int64_t c, int lanes) {
    Vec total = read_lanes(sum + c, lanes);
    for (int64_t r = 0; r < rows; ++r) total = add(total, read_lanes(x + r * cols + c, lanes));
    write_lanes(sum + c, total, lanes);
  });
}

void sum_winners(const float* x, const uint8_t* winner, float* sum, int64_t rows, int64_t cols) {
  const Vec dead = set1(4.0f);
  for_vectors(cols, [&](int64_t c, int lanes) {
    Vec total = read_lanes(sum + c, lanes);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t at = r * cols + c;
      const Vec i = lanes == kWidth ? load_u8(winner + at) : load_u8_n(winner + at, lanes);
      total = add(total, select(greater(dead, i), read_lanes(x + at, lanes), zero()));
    }
    write_lanes(sum + c, total, lanes);
  });
}

void accumulate(const float* x, float* y, int64_t size) {
  map_pairs(x, y, y, size, [](Vec a, Vec b) { return add(a, b); });
}

bool all_finite(const float* x, int64_t size) {
  Vec sum[4] = {zero(), zero(), zero(), zero()};  // of 0 * x: zero, unless x is a NaN or an infinity
  int64_t i = 0;
  for (; i + 4 * kWidth <= size; i += 4 * kWidth) {
    CNNCORE_UNROLL
    for (int v = 0; v < 4; ++v) sum[v] = fmadd(load(x + i + v * kWidth), zero(), sum[v]);
  }
  for_vectors(size - i, [&](int64_t j, int lanes) { sum[0] = fmadd(read_lanes(x + i + j, lanes), zero(), sum[0]); });
  return reduce_add(add(add(sum[0], sum[1]), add(sum[2], sum[3]))) == 0.0f;
}

void transpose(const float* src, int64_t lds, float* dst, int64_t ldd, int64_t rows, int64_t cols) {
  const int64_t whole_rows = rows / kWidth * kWidth, whole_cols = cols / kWidth * kWidth;
  for (int64_t c = 0; c < whole_cols; c += kWidth)
    for (int64_t r = 0; r < whole_rows; r += kWidth) transpose_square(src + r * lds + c, lds, dst + c * ldd + r, ldd);
  for (int64_t c = 0; c < cols; ++c)
    for (int64_t r = c < whole_cols ? whole_rows : 0; r < rows; ++r) dst[c * ldd + r] = src[r * lds + c];
}
