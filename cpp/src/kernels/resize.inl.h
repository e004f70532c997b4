// Maxima over rows (global pooling), and bilinear interpolation. The lanes of a vector are neighbouring channels.

void max_rows(const float* x, int64_t rows, int64_t cols, float* y) {
  for_vectors(cols, [&](int64_t c, int lanes) {
    Vec best = read_lanes(x + c, lanes);
    for (int64_t r = 1; r < rows; ++r) {
      const Vec v = read_lanes(x + r * cols + c, lanes);
      best = select(greater_or_nan(v, best), v, best);
    }
    write_lanes(y + c, best, lanes);
  });
}

void max_rows_backward(const float* x, const float* y, const float* dy, int64_t rows, int64_t cols, float* dx) {
  for_vectors(cols, [&](int64_t c, int lanes) {
    const Vec best = read_lanes(y + c, lanes);
    Vec left = read_lanes(dy + c, lanes);  // the gradient; set to zero after the first row with the maximum has got it
    for (int64_t r = 0; r < rows; ++r) {
      const Mask wins = equal(read_lanes(x + r * cols + c, lanes), best);
      write_lanes(dx + r * cols + c, select(wins, left, zero()), lanes);
      left = select(wins, zero(), left);
    }
  });
}

// Calls f for every output pixel with the offsets of the four input pixels around it (top left, top right, bottom left,
// bottom right), an array with their four weights as vectors, and the offset of the output pixel.
template <class Function>
inline void for_interpolated(const BilinearArgs& a, Function f) {
  for (int64_t i = 0; i < a.rows.count; ++i) {
    const float down = a.rows.weight[i];
    for (int64_t j = 0; j < a.cols.count; ++j) {
      const float right = a.cols.weight[j];
      const int64_t corner[4] = {a.rows.low[i] + a.cols.low[j], a.rows.low[i] + a.cols.high[j],
                                 a.rows.high[i] + a.cols.low[j], a.rows.high[i] + a.cols.high[j]};
      const Vec weight[4] = {set1((1 - down) * (1 - right)), set1((1 - down) * right), set1(down * (1 - right)),
                             set1(down * right)};
      f(corner, weight, (i * a.cols.count + j) * a.channels);
    }
  }
}

void bilinear(const BilinearArgs& a, const float* x, float* y) {
  for_interpolated(a, [&](const int64_t (&corner)[4], const Vec(&weight)[4], int64_t at) {
    for_vectors(a.channels, [&](int64_t c, int lanes) {
      Vec sum = zero();
      CNNCORE_UNROLL
      for (int i = 0; i < 4; ++i) sum = fmadd(read_lanes(x + corner[i] + c, lanes), weight[i], sum);
      write_lanes(y + at + c, sum, lanes);
    });
  });
}

void bilinear_backward(const BilinearArgs& a, const float* dy, float* dx) {
  for_interpolated(a, [&](const int64_t (&corner)[4], const Vec(&weight)[4], int64_t at) {
    for_vectors(a.channels, [&](int64_t c, int lanes) {
      const Vec g = read_lanes(dy + at + c, lanes);
      for (int i = 0; i < 4; ++i) {  // one corner after the other, because several corners may be the same pixel
        float* to = dx + corner[i] + c;
        write_lanes(to, fmadd(g, weight[i], read_lanes(to, lanes)), lanes);
      }
    });
  });
}
