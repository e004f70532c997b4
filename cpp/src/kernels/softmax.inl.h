// Softmax and the logarithm of softmax, over the rows of a matrix.

// The largest value of a row. If all values are minus infinity it is the lowest finite float, so that differences to it
// are not NaN.
inline float largest_of_row(const float* x, int64_t cols) {
  const Vec lowest = set1(-3.402823466e38f);
  Vec top = lowest;
  for_vectors(cols, [&](int64_t i, int lanes) {
    top = max(top, lanes == kWidth ? load(x + i) : select(mask_first(lanes), load_n(x + i, lanes), lowest));
  });
  return reduce_max(top);
}

inline Vec first_lanes_of(Vec a, int lanes) { return lanes == kWidth ? a : select(mask_first(lanes), a, zero()); }

void softmax_rows(const float* x, float* y, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
    const Vec shift = set1(largest_of_row(x, cols));
    Vec sum = zero();
    for_vectors(cols, [&](int64_t i, int lanes) {
      const Vec e = exp(sub(read_lanes(x + i, lanes), shift));
      write_lanes(y + i, e, lanes);
      sum = add(sum, first_lanes_of(e, lanes));
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

void log_softmax_rows(const float* x, float* y, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; ++r, x += cols, y += cols) {
    const Vec shift = set1(largest_of_row(x, cols));
    Vec sum = zero();
    for_vectors(cols, [&](int64_t i, int lanes) {
      sum = add(sum, first_lanes_of(exp(sub(read_lanes(x + i, lanes), shift)), lanes));
    });
    const Vec logarithm = set1(log_scalar(reduce_add(sum)));
    map_vectors(x, y, cols, [&](Vec v) { return sub(sub(v, shift), logarithm); });
  }
}

void log_softmax_rows_backward(const float* y, const float* dy, float* dx, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; ++r, y += cols, dy += cols, dx += cols) {
    Vec total = zero();
    for_vectors(cols, [&](int64_t i, int lanes) { total = add(total, read_lanes(dy + i, lanes)); });
    const Vec sum = set1(reduce_add(total));
    map_pairs(y, dy, dx, cols, [&](Vec v, Vec g) { return sub(g, mul(exp(v), sum)); });
  }
}

void log_softmax_rows_tangent(const float* y, const float* dx, float* dy, int64_t rows, int64_t cols) {
  for (int64_t r = 0; r < rows; ++r, y += cols, dx += cols, dy += cols) {
    Vec total = zero();
    for_vectors(cols, [&](int64_t i, int lanes) {
      total = add(total, first_lanes_of(mul(exp(read_lanes(y + i, lanes)), read_lanes(dx + i, lanes)), lanes));
    });
    const Vec mean = set1(reduce_add(total));
    map_vectors(dx, dy, cols, [&](Vec v) { return sub(v, mean); });
  }
}
