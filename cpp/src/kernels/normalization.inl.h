// Means, deviations and normalization, in two forms. Batch and group normalization work by column: the lanes of a
// vector are neighbouring channels. Layer normalization works by row: the lanes are neighbouring values of a row.
//   r row, c column

// The sum of f(r) over all rows r. There are four separate sums, so that an addition does not have to wait for the one
// before it.
template <class Function>
inline Vec sum_over_rows(int64_t rows, Function f) {
  Vec sum[4] = {zero(), zero(), zero(), zero()};
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    CNNCORE_UNROLL
    for (int i = 0; i < 4; ++i) sum[i] = add(sum[i], f(r + i));
  }
  for (; r < rows; ++r) sum[0] = add(sum[0], f(r));
  return add(add(sum[0], sum[1]), add(sum[2], sum[3]));
}

void moments(const MomentsArgs& a) {
  const Vec share = set1(1.0f / static_cast<float>(a.rows));
  for_vectors(a.cols, [&](int64_t c, int lanes) {
    const auto x = [&](int64_t r) { return read_lanes(a.x + r * a.ld + c, lanes); };
    const Vec mean = mul(sum_over_rows(a.rows, x), share);
    write_lanes(a.mean + c, mean, lanes);
    const auto distance = [&](int64_t r) { return sub(x(r), mean); };
    write_lanes(a.rest + c, sum_over_rows(a.rows, distance), lanes);
    const auto square = [&](int64_t r) { return mul(distance(r), distance(r)); };
    write_lanes(a.deviations + c, sum_over_rows(a.rows, square), lanes);
  });
}

template <bool kRelu>
inline void gradient_moments_of(const GradientMomentsArgs& a) {
  for_vectors(a.cols, [&](int64_t c, int lanes) {
    const Vec mean = read_lanes(a.mean + c, lanes);
    Vec sum[2] = {zero(), zero()}, product[2] = {zero(), zero()};  // separate sums of even and odd rows
    const auto take = [&](int64_t r, int i) {
      const int64_t at = r * a.ld + c;
      Vec g = read_lanes(a.dy + at, lanes);
      if constexpr (kRelu) {
        g = select(greater(read_lanes(a.y + at, lanes), zero()), g, zero());
        write_lanes(a.g + at, g, lanes);
      }
      sum[i] = add(sum[i], g);
      product[i] = fmadd(g, sub(read_lanes(a.x + at, lanes), mean), product[i]);
    };
    int64_t r = 0;
    for (; r + 2 <= a.rows; r += 2) take(r, 0), take(r + 1, 1);
    if (r < a.rows) take(r, 0);
    write_lanes(a.sum + c, add(sum[0], sum[1]), lanes);
    write_lanes(a.product + c, add(product[0], product[1]), lanes);
  });
}

void gradient_moments(const GradientMomentsArgs& a) {
  a.y ? gradient_moments_of<true>(a) : gradient_moments_of<false>(a);
}

template <class Function>
inline void for_rows(int64_t rows, int64_t cols, Function f) {
  for (int64_t r = 0; r < rows; ++r) for_vectors(cols, [&](int64_t c, int lanes) { f(r * cols + c, c, lanes); });
}

void normalize(const NormalizeArgs& a) {
  for_rows(a.rows, a.cols, [&](int64_t at, int64_t c, int lanes) {
    Vec x = read_lanes(a.x + at, lanes);
    if (a.mean) x = sub(x, read_lanes(a.mean + c, lanes));
    const Vec offset = a.offset ? read_lanes(a.offset + c, lanes) : zero();
    const Vec y = fmadd(x, read_lanes(a.scale + c, lanes), offset);
    write_lanes(a.y + at, a.relu ? max(zero(), y) : y, lanes);
  });
}

void normalize_backward(const NormalizeBackwardArgs& a) {
  for_rows(a.rows, a.cols, [&](int64_t at, int64_t c, int lanes) {
    const Vec distance = sub(read_lanes(a.x + at, lanes), read_lanes(a.mean + c, lanes));
    const Vec rest = fmadd(distance, read_lanes(a.slope + c, lanes), read_lanes(a.offset + c, lanes));
    write_lanes(a.dx + at, fmadd(read_lanes(a.dy + at, lanes), read_lanes(a.scale + c, lanes), rest), lanes);
  });
}

// The sum of f(c, lanes) over a row. f must return zeros in lanes beyond the end of the row. A long row is cut into
// pieces: each piece is summed in float, and the sums of the pieces in double.
template <class Function>
inline double sum_of_row(int64_t cols, Function f) {
  constexpr int64_t kPiece = 2048;
  double total = 0;
  for (int64_t begin = 0; begin < cols; begin += kPiece) {
    Vec sum = zero();
    for_vectors(cols - begin < kPiece ? cols - begin : kPiece,
                [&](int64_t i, int lanes) { sum = add(sum, f(begin + i, lanes)); });
    total += static_cast<double>(reduce_add(sum));
  }
  return total;
}

void layer_norm(const LayerNormArgs& a) {
  const double share = 1.0 / static_cast<double>(a.cols);
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = a.x + r * a.cols;
    float* y = a.y + r * a.cols;
    const float mean =
        static_cast<float>(sum_of_row(a.cols, [&](int64_t c, int lanes) { return read_lanes(x + c, lanes); }) * share);
    const Vec middle = set1(mean);
    const double deviations = sum_of_row(a.cols, [&](int64_t c, int lanes) {
      const Vec distance = first_lanes_of(sub(read_lanes(x + c, lanes), middle), lanes);
      return mul(distance, distance);
    });
    const double root = __builtin_sqrt(deviations * share + static_cast<double>(a.epsilon));
    a.mean[r] = mean;
    a.inverse[r] = static_cast<float>(1.0 / root);
    const Vec scale = set1(a.inverse[r]);
    for_vectors(a.cols, [&](int64_t c, int lanes) {
      Vec v = mul(sub(read_lanes(x + c, lanes), middle), scale);
      if (a.gamma) v = mul(v, read_lanes(a.gamma + c, lanes));
      write_lanes(y + c, a.beta ? add(v, read_lanes(a.beta + c, lanes)) : v, lanes);
    });
  }
}

// Adds `value` to the floats at p + c. Does nothing if p is null.
inline void accumulate_lanes(float* p, int64_t c, Vec value, int lanes) {
  if (p) write_lanes(p + c, add(read_lanes(p + c, lanes), value), lanes);
}

void layer_norm_backward(const LayerNormBackwardArgs& a) {
  const double share = 1.0 / static_cast<double>(a.cols);
  for (int64_t r = 0; r < a.rows; ++r) {
    const float *x = a.x + r * a.cols, *dy = a.dy + r * a.cols;
    const Vec mean = set1(a.mean[r]), inverse = set1(a.inverse[r]);
    const auto xhat = [&](int64_t c, int lanes) { return mul(sub(read_lanes(x + c, lanes), mean), inverse); };
    const auto gradient = [&](int64_t c, int lanes) {
      const Vec g = read_lanes(dy + c, lanes);
      return a.gamma ? mul(g, read_lanes(a.gamma + c, lanes)) : g;
    };
    for_vectors(a.cols, [&](int64_t c, int lanes) {
      accumulate_lanes(a.dgamma, c, mul(read_lanes(dy + c, lanes), xhat(c, lanes)), lanes);
      accumulate_lanes(a.dbeta, c, read_lanes(dy + c, lanes), lanes);
    });
    if (!a.dx) continue;
    const double sum = sum_of_row(a.cols, gradient);
    const double product =
        sum_of_row(a.cols, [&](int64_t c, int lanes) { return mul(gradient(c, lanes), xhat(c, lanes)); });
    const Vec lift = set1(static_cast<float>(sum * share)), tilt = set1(static_cast<float>(product * share));
    for_vectors(a.cols, [&](int64_t c, int lanes) {
      const Vec rest = add(lift, mul(xhat(c, lanes), tilt));
      write_lanes(a.dx + r * a.cols + c, mul(inverse, sub(gradient(c, lanes), rest)), lanes);
    });
  }
}
