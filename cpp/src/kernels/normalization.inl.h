// Means, deviations and normalization, in two forms. Batch and group normalization work by column: the lanes of a
// vector are neighbouring channels. Layer normalization works by row: the lanes are neighbouring values of a row.
//   r row, c column

// The loops run over rows for a few vectors of columns at a time, so that what belongs to the columns stays in
// registers. ops/normalization_rows.cpp joins narrow rows to rows of 64 columns or so, whose memory is then read in
// order.
constexpr bool kHoldsMany = kRegisters >= 32;

// Calls f<V>(c, lanes) for blocks of V vectors of columns, beginning at column c: as many as possible of kMost vectors,
// then of half as many, and so on. `lanes` is kWidth, except in a block of one vector at the end of the row.
template <int kMost, class Function>
inline void for_blocks_of_columns(int64_t cols, Function f, int64_t c = 0) {
  for (; c + kMost * kWidth <= cols; c += kMost * kWidth) f.template operator()<kMost>(c, kWidth);
  if constexpr (kMost > 1)
    for_blocks_of_columns<kMost / 2>(cols, f, c);
  else if (c < cols)
    f.template operator()<1>(c, static_cast<int>(cols - c));
}

// Vector v of a block at p. Blocks of several vectors consist of whole vectors.
template <int V>
inline Vec read_column(const float* p, int v, int lanes) {
  return V > 1 ? load(p + v * kWidth) : read_lanes(p, lanes);
}
template <int V>
inline void write_column(float* p, int v, Vec a, int lanes) {
  V > 1 ? store(p + v * kWidth, a) : write_lanes(p, a, lanes);
}
template <int V>
inline void read_columns(const float* p, int lanes, Vec (&to)[V]) {
  CNNCORE_UNROLL
  for (int v = 0; v < V; ++v) to[v] = p ? read_column<V>(p, v, lanes) : zero();
}

// Fetches what the loops will read of a row this many floats later. A few samples at a time come from the memory of the
// batch. The hardware notices that they are read in order, but begins anew at each page of 4 KB.
constexpr int64_t kFloatsAhead = 512;
template <int V>
inline void fetch_columns(const float* p) {
  CNNCORE_UNROLL
  for (int v = 0; v < V; ++v) __builtin_prefetch(p + kFloatsAhead + v * kWidth);
}

// There are four separate sums of each column, so that an addition does not have to wait for the one before it.
template <int V>
struct RowSums {
  Vec part[4][V];
  RowSums() {
    for (int i = 0; i < 4; ++i)
      for (int v = 0; v < V; ++v) part[i][v] = zero();
  }
  Vec total(int v) const { return add(add(part[0][v], part[1][v]), add(part[2][v], part[3][v])); }
};

// Calls f(r, i, v) for all rows and vectors of a block, where i is the sum to which row r belongs.
template <int V, class Function>
inline void for_rows_in_turn(int64_t rows, Function f) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    CNNCORE_UNROLL
    for (int i = 0; i < 4; ++i) {
      CNNCORE_UNROLL
      for (int v = 0; v < V; ++v) f(r + i, i, v);
    }
  }
  for (; r < rows; ++r) {
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) f(r, 0, v);
  }
}

void moments(const MomentsArgs& a) {
  const Vec share = set1(1.0f / static_cast<float>(a.rows));
  for_blocks_of_columns<2>(a.cols, [&]<int V>(int64_t c, int lanes) {
    const auto x = [&](int64_t r, int v) { return read_column<V>(a.x + r * a.ld + c, v, lanes); };
    RowSums<V> sums;
    for_rows_in_turn<V>(a.rows, [&](int64_t r, int i, int v) { sums.part[i][v] = add(sums.part[i][v], x(r, v)); });
    Vec mean[V];
    for (int v = 0; v < V; ++v) mean[v] = mul(sums.total(v), share);
    RowSums<V> rest, squares;
    for_rows_in_turn<V>(a.rows, [&](int64_t r, int i, int v) {
      const Vec distance = sub(x(r, v), mean[v]);
      rest.part[i][v] = add(rest.part[i][v], distance);
      squares.part[i][v] = add(squares.part[i][v], mul(distance, distance));
    });
    for (int v = 0; v < V; ++v) {
      write_column<V>(a.mean + c, v, mean[v], lanes);
      write_column<V>(a.rest + c, v, rest.total(v), lanes);
      write_column<V>(a.deviations + c, v, squares.total(v), lanes);
    }
  });
}

// kRelu: y is given.
template <bool kRelu>
inline void gradient_moments_of(const GradientMomentsArgs& a) {
  for_blocks_of_columns<kHoldsMany ? 4 : 2>(a.cols, [&]<int V>(int64_t c, int lanes) {
    Vec mean[V], sum[2][V], product[2][V];  // separate sums of even and odd rows
    read_columns<V>(a.mean + c, lanes, mean);
    for (int v = 0; v < V; ++v) sum[0][v] = sum[1][v] = product[0][v] = product[1][v] = zero();
    const auto take = [&](int64_t r, int i) {
      const int64_t at = r * a.ld + c;
      fetch_columns<V>(a.x + at);
      CNNCORE_UNROLL
      for (int v = 0; v < V; ++v) {
        Vec g = read_column<V>(a.dy + at, v, lanes);
        if constexpr (kRelu) {
          g = select(greater(read_column<V>(a.y + at, v, lanes), zero()), g, zero());
          write_column<V>(a.g + at, v, g, lanes);
        }
        sum[i][v] = add(sum[i][v], g);
        product[i][v] = fmadd(g, sub(read_column<V>(a.x + at, v, lanes), mean[v]), product[i][v]);
      }
    };
    int64_t r = 0;
    for (; r + 2 <= a.rows; r += 2) take(r, 0), take(r + 1, 1);
    if (r < a.rows) take(r, 0);
    for (int v = 0; v < V; ++v) {
      write_column<V>(a.sum + c, v, add(sum[0][v], sum[1][v]), lanes);
      write_column<V>(a.product + c, v, add(product[0][v], product[1][v]), lanes);
    }
  });
}

void gradient_moments(const GradientMomentsArgs& a) {
  a.y ? gradient_moments_of<true>(a) : gradient_moments_of<false>(a);
}

// Calls f<V>(begin, end, c, lanes) for rows [begin, end) and blocks of columns. Rows that are wider than a block are
// taken one at a time: reading a part of each of several rows from memory takes three times as long as reading it in
// order.
template <int kMost, class Function>
inline void for_rows_and_columns(int64_t rows, int64_t cols, Function f) {
  const int64_t step = cols <= kMost * kWidth ? rows : 1;
  for (int64_t begin = 0; begin < rows; begin += step)
    for_blocks_of_columns<kMost>(
        cols, [&]<int V>(int64_t c, int lanes) { f.template operator()<V>(begin, begin + step, c, lanes); });
}

template <bool kRelu>
inline void normalize_of(const NormalizeArgs& a) {
  for_rows_and_columns<kHoldsMany ? 8 : 4>(
      a.rows, a.cols, [&]<int V>(int64_t begin, int64_t end, int64_t c, int lanes) {
        Vec mean[V], scale[V], offset[V];
        read_columns<V>(a.mean ? a.mean + c : nullptr, lanes, mean);  // x - 0 is x
        read_columns<V>(a.scale + c, lanes, scale);
        read_columns<V>(a.offset ? a.offset + c : nullptr, lanes, offset);
        for (int64_t r = begin, at = begin * a.cols + c; r < end; ++r, at += a.cols) {
          fetch_columns<V>(a.x + at);
          CNNCORE_UNROLL
          for (int v = 0; v < V; ++v) {
            const Vec y = fmadd(sub(read_column<V>(a.x + at, v, lanes), mean[v]), scale[v], offset[v]);
            write_column<V>(a.y + at, v, kRelu ? max(zero(), y) : y, lanes);
          }
        }
      });
}

void normalize(const NormalizeArgs& a) { a.relu ? normalize_of<true>(a) : normalize_of<false>(a); }

void normalize_backward(const NormalizeBackwardArgs& a) {
  for_rows_and_columns<kHoldsMany ? 8 : 4>(
      a.rows, a.cols, [&]<int V>(int64_t begin, int64_t end, int64_t c, int lanes) {
        Vec mean[V], scale[V], slope[V], offset[V];
        read_columns<V>(a.mean + c, lanes, mean), read_columns<V>(a.scale + c, lanes, scale);
        read_columns<V>(a.slope + c, lanes, slope), read_columns<V>(a.offset + c, lanes, offset);
        for (int64_t r = begin, at = begin * a.cols + c; r < end; ++r, at += a.cols) {
          fetch_columns<V>(a.x + at), fetch_columns<V>(a.dy + at);
          CNNCORE_UNROLL
          for (int v = 0; v < V; ++v) {
            const Vec rest = fmadd(sub(read_column<V>(a.x + at, v, lanes), mean[v]), slope[v], offset[v]);
            write_column<V>(a.dx + at, v, fmadd(read_column<V>(a.dy + at, v, lanes), scale[v], rest), lanes);
          }
        }
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
