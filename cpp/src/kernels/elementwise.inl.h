// Simple operations on arrays: rescaling, rounding to bfloat16, sums and transposition.

void round_bfloat16(const float* x, float* y, int64_t size, int terms) {
  if (terms == 1) return map_vectors(x, y, size, [](Vec v) { return nearest_bfloat16(v); });
  map_vectors(x, y, size, [](Vec v) {
    const Vec high = nearest_bfloat16(v);
    // The error of rounding an infinity would be inf - inf = NaN, so it is taken as zero.
    const Mask finite = equal(sub(high, high), zero());
    return select(finite, add(high, nearest_bfloat16(sub(v, high))), high);
  });
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
  Vec sum[4] = {zero(), zero(), zero(), zero()};  // sums of 0 * x, which are zero unless an x is NaN or infinite
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
  // The columns are the inner loop, since the compiler would make slow vectors of values that are not neighbours.
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = r < whole_rows ? whole_cols : 0; c < cols; ++c) dst[c * ldd + r] = src[r * lds + c];
}
