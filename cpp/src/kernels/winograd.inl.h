// Convolution of 3x3 kernels by Winograd's algorithm (Lavin and Gray, "Fast Algorithms for Convolutional Neural
// Networks", 2016). For a kernel g and a patch d of the input, a square of outputs is
//   Y = A^T [(G g G^T) . (B^T d B)] A, where . multiplies element by element.
// F(2x2, 3x3) reads a 4x4 patch. Its square takes 16 products for each channel, where the direct sum takes 36:
//   B^T = | 1  0 -1  0 |    G = |  1    0    0  |    A^T = | 1 1  1  0 |
//         | 0  1  1  0 |        | 1/2  1/2  1/2 |          | 0 1 -1 -1 |
//         | 0 -1  1  0 |        | 1/2 -1/2  1/2 |
//         | 0  1  0 -1 |        |  0    0    1  |
// F(4x4, 3x3) reads a 6x6 patch, and takes 36 products where the direct sum takes 144. It multiplies polynomials by
// their values at 0, a, -a, b, -b and infinity. With a = 3/4 and b = 3/2, rounding errors are smaller than with the
// usual 1 and 2, because the powers of both are nearer to 1:
//   B^T = | aabb    0   -aa-bb   0      1  0 |    G = | 1/aabb   0     0   |    A^T = | 1  1   1   1   1   0 |
//         |  0    -abb   -bb     a      1  0 |        |  1/n   a/n   aa/n  |          | 0  a  -a   b  -b   0 |
//         |  0     abb   -bb    -a      1  0 |        |  1/n  -a/n   aa/n  |          | 0  aa  aa  bb  bb  0 |
//         |  0    -aab   -aa     b      1  0 |        |  1/m   b/m   bb/m  |          | 0 aaa -aaa bbb -bbb 1 |
//         |  0     aab   -aa    -b      1  0 |        |  1/m  -b/m   bb/m  |          n = 2aa(aa - bb)
//         |  0    aabb    0    -aa-bb   0  1 |        |   0     0     1    |          m = 2bb(bb - aa)
//   S side of a square of outputs, i one of the (S + 2)^2 elements of a transformed square, t square, c channel,
//   v vector of filters

constexpr int kWinogradSquares = kRegisters >= 32 ? 12 : 6;
constexpr int kWinogradVectors = 2;  // vectors of filters in a block; the last block may have only one

constexpr float kNear = 0.75f, kFar = 1.5f;  // a and b of F(4x4, 3x3)
constexpr float kNear2 = kNear * kNear, kFar2 = kFar * kFar;
constexpr float kNearNorm = 2 * kNear2 * (kNear2 - kFar2), kFarNorm = 2 * kFar2 * (kFar2 - kNear2);  // n and m

template <int S>
constexpr int kWinogradElements = (S + 2) * (S + 2);

// A transformed pixel takes whole vectors. The lanes behind its last channel are zero.
inline int64_t winograd_pitch(int64_t channels) { return (channels + kWidth - 1) / kWidth * kWidth; }

// Multiplies four values of a 4x4 patch by B^T, in place: a row or a column, whose values are `step` apart.
inline void winograd_input_line(Vec (&d)[16], int first, int step) {
  const Vec a = d[first], b = d[first + step], c = d[first + 2 * step], e = d[first + 3 * step];
  d[first] = sub(a, c);
  d[first + step] = add(b, c);
  d[first + 2 * step] = sub(c, b);
  d[first + 3 * step] = sub(b, e);
}

// A patch is read by read(row, column), and its transformed values are written to `out`, `step` floats apart.
template <class Read>
inline void winograd_patch_4x4(Read read, float* out, int64_t step) {
  Vec d[16];
  CNNCORE_UNROLL
  for (int i = 0; i < 16; ++i) d[i] = read(i / 4, i % 4);
  CNNCORE_UNROLL
  for (int i = 0; i < 4; ++i) winograd_input_line(d, i, 4);
  CNNCORE_UNROLL
  for (int i = 0; i < 4; ++i) winograd_input_line(d, 4 * i, 1);
  CNNCORE_UNROLL
  for (int i = 0; i < 16; ++i) store(out + i * step, d[i]);
}

// The rows of the 6x6 matrices come in pairs that share most of their arithmetic: for zero and infinity, a and -a, and
// b and -b.
struct VecPair {
  Vec first, second;
};
constexpr int kPairs = 3;
constexpr int kPairRows[kPairs][2] = {{0, 5}, {1, 2}, {3, 4}};

// Two rows of B^T times the values d(0) to d(5).
template <int P, class Value>
inline VecPair winograd_input_pair(Value d) {
  if constexpr (P == 0) {
    const Vec ends = set1(kNear2 * kFar2), middle = set1(-kNear2 - kFar2);
    return {fmadd(ends, d(0), fmadd(middle, d(2), d(4))), fmadd(ends, d(1), fmadd(middle, d(3), d(5)))};
  } else {
    const Vec at = set1(P == 1 ? kNear : kFar), other = set1(P == 1 ? -kFar2 : -kNear2);
    const Vec even = fmadd(other, d(2), d(4)), odd = mul(at, fmadd(other, d(1), d(3)));
    return {add(even, odd), sub(even, odd)};
  }
}

inline void winograd_input_row(const Vec (&d)[6], float* out, int64_t step) {
  const auto value = [&](int i) { return d[i]; };
  const VecPair ends = winograd_input_pair<0>(value);
  const VecPair near = winograd_input_pair<1>(value), far = winograd_input_pair<2>(value);
  const Vec row[6] = {ends.first, near.first, near.second, far.first, far.second, ends.second};
  CNNCORE_UNROLL
  for (int i = 0; i < 6; ++i, out += step) store(out, row[i]);
}

// The columns of two rows at a time stay in registers. For each pair, the patch is read again, which takes less time
// than writing and reading 36 values in between.
template <int P, class Read>
inline void winograd_patch_pair(Read read, float* out, int64_t step) {
  Vec first[6], second[6];
  CNNCORE_UNROLL
  for (int j = 0; j < 6; ++j) {
    const VecPair column = winograd_input_pair<P>([&](int i) { return read(i, j); });
    first[j] = column.first;
    second[j] = column.second;
  }
  winograd_input_row(first, out + kPairRows[P][0] * 6 * step, step);
  winograd_input_row(second, out + kPairRows[P][1] * 6 * step, step);
}

// Writes B^T d B for a vector of channels of a patch: its places are `step` floats apart.
template <int S, bool kTail>
inline void winograd_patch(const float* x, int64_t row, int64_t pixel, int lanes, float* out, int64_t step) {
  const float* rows[S + 2];
  CNNCORE_UNROLL
  for (int i = 0; i < S + 2; ++i) rows[i] = x + i * row;
  const auto read = [&](int i, int j) {
    const float* from = rows[i] + j * pixel;
    return kTail ? load_n(from, lanes) : load(from);
  };
  if constexpr (S == 2) {
    winograd_patch_4x4(read, out, step);
  } else {
    winograd_patch_pair<0>(read, out, step);
    winograd_patch_pair<1>(read, out, step);
    winograd_patch_pair<2>(read, out, step);
  }
}

// Writes the transformed patches of `squares` squares, beginning at `square`, to patch[i][t][c].
template <int S, class Args>
inline void winograd_input(const Args& a, int64_t square, int64_t squares, float* patch) {
  const int64_t pitch = winograd_pitch(a.channels), step = squares * pitch;
  for (int64_t t = 0; t < squares; ++t, patch += pitch) {
    const float* x = a.x + a.x_offset[square + t];
    int64_t c = 0;
    for (; c + kWidth <= a.channels; c += kWidth)
      winograd_patch<S, false>(x + c, a.x_row, a.x_pixel, kWidth, patch + c, step);
    if (c < a.channels)
      winograd_patch<S, true>(x + c, a.x_row, a.x_pixel, static_cast<int>(a.channels - c), patch + c, step);
  }
}

// product[i][t][v] = sum_c patch[i][t][c] * w[i][c][v]
template <int T, int V>
void winograd_products(const WinogradArgs& a, const float* w, const float* patch, float* product) {
  const int64_t pitch = winograd_pitch(a.channels), elements = (a.side + 2) * (a.side + 2);
  for (int64_t i = 0; i < elements; ++i) {
    Vec acc[T][V];
    const float* x[T];
    CNNCORE_UNROLL
    for (int t = 0; t < T; ++t) {
      x[t] = patch + (i * T + t) * pitch;
      CNNCORE_UNROLL
      for (int v = 0; v < V; ++v) acc[t][v] = zero();
    }
    for (int64_t c = 0; c < a.channels; ++c, w += V * kWidth) {
      Vec row[V];
      CNNCORE_UNROLL
      for (int v = 0; v < V; ++v) row[v] = load(w + v * kWidth);
      CNNCORE_UNROLL
      for (int t = 0; t < T; ++t) {
        const Vec b = set1(x[t][c]);
        CNNCORE_UNROLL
        for (int v = 0; v < V; ++v) acc[t][v] = fmadd(b, row[v], acc[t][v]);
      }
    }
    CNNCORE_UNROLL
    for (int t = 0; t < T; ++t) {
      CNNCORE_UNROLL
      for (int v = 0; v < V; ++v) store(product + ((i * T + t) * V + v) * kWidth, acc[t][v]);
    }
  }
}

// y = A^T m A + bias, which are the pixels of a square, row by row. The values of m are `step` floats apart.
inline void winograd_output_square(const float* m, int64_t step, Vec bias, Vec (&y)[4]) {
  Vec top[4], bottom[4];
  CNNCORE_UNROLL
  for (int j = 0; j < 4; ++j) {
    const Vec m0 = load(m + j * step), m1 = load(m + (4 + j) * step), m2 = load(m + (8 + j) * step),
              m3 = load(m + (12 + j) * step);
    const Vec both = add(m1, m2), between = sub(m1, m2);
    top[j] = add(m0, both);
    bottom[j] = sub(between, m3);
  }
  y[0] = add(bias, add(add(top[0], top[1]), top[2]));
  y[1] = add(bias, sub(sub(top[1], top[2]), top[3]));
  y[2] = add(bias, add(add(bottom[0], bottom[1]), bottom[2]));
  y[3] = add(bias, sub(sub(bottom[1], bottom[2]), bottom[3]));
}

// Multiplies six values by A^T.
inline void winograd_output_line(const Vec (&m)[6], Vec (&y)[4]) {
  const Vec near_sum = add(m[1], m[2]), near_rest = mul(set1(kNear), sub(m[1], m[2]));
  const Vec far_sum = add(m[3], m[4]), far_rest = mul(set1(kFar), sub(m[3], m[4]));
  y[0] = add(m[0], add(near_sum, far_sum));
  y[1] = add(near_rest, far_rest);
  y[2] = fmadd(set1(kNear2), near_sum, mul(set1(kFar2), far_sum));
  y[3] = fmadd(set1(kNear2), near_rest, fmadd(set1(kFar2), far_rest, m[5]));
}

inline void winograd_output_square(const float* m, int64_t step, Vec bias, Vec (&y)[16]) {
  Vec rows[4][6];
  CNNCORE_UNROLL
  for (int j = 0; j < 6; ++j) {
    Vec column[6], sums[4];
    CNNCORE_UNROLL
    for (int i = 0; i < 6; ++i) column[i] = load(m + (6 * i + j) * step);
    winograd_output_line(column, sums);
    CNNCORE_UNROLL
    for (int i = 0; i < 4; ++i) rows[i][j] = sums[i];
  }
  CNNCORE_UNROLL
  for (int i = 0; i < 4; ++i) {
    Vec sums[4];
    winograd_output_line(rows[i], sums);
    CNNCORE_UNROLL
    for (int j = 0; j < 4; ++j) y[4 * i + j] = add(bias, sums[j]);
  }
}

// The maxima of the 2x2 windows of a square of outputs. A window outside the output has the place of the first one,
// which is written last.
template <int S>
inline void winograd_pool(const WinogradArgs& a, const int32_t* at, int64_t lane, const Vec (&y)[S * S]) {
  CNNCORE_UNROLL
  for (int q = S * S / 4 - 1; q >= 0; --q) {
    const int i = q / (S / 2) * 2 * S + q % (S / 2) * 2;
    if (!a.winner) {
      store(a.y + at[q] + lane, pool_value(y[i], y[i + 1], y[i + S], y[i + S + 1], a.relu));
      continue;
    }
    const Pooled best = pool_window(y[i], y[i + 1], y[i + S], y[i + S + 1], a.relu);
    store(a.y + at[q] + lane, best.value);
    store_u8(a.winner + at[q] + lane, best.index);
  }
}

template <int S, int V>
inline void winograd_output(const WinogradArgs& a, int64_t square, int64_t squares, int64_t f, const float* product) {
  const bool relu = a.relu, stream = a.stream;
  for (int64_t t = 0; t < squares; ++t) {
    const int32_t* at = a.y_offset + (square + t) * (a.pool ? S * S / 4 : S * S);
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) {
      const int64_t lane = f + v * kWidth;
      Vec y[S * S];
      winograd_output_square(product + (t * V + v) * kWidth, squares * V * kWidth,
                             a.bias ? load(a.bias + lane) : zero(), y);
      if (a.pool) {
        winograd_pool<S>(a, at, lane, y);
        continue;
      }
      float* to = a.y + lane;
      if (relu) {
        CNNCORE_UNROLL
        for (int i = 0; i < S * S; ++i) y[i] = max(zero(), y[i]);
      }
      if (stream) {
        CNNCORE_UNROLL
        for (int i = S * S - 1; i >= 0; --i) store_streaming(to + at[i], y[i]);
      } else {
        CNNCORE_UNROLL
        for (int i = S * S - 1; i >= 0; --i) store(to + at[i], y[i]);
      }
    }
  }
}

template <int S, int T>
void winograd_squares(const WinogradArgs& a, int64_t square) {
  constexpr int kBlock = kWinogradVectors * kWidth, kElements = kWinogradElements<S>;
  float* product = a.scratch + kElements * T * winograd_pitch(a.channels);
  winograd_input<S>(a, square, T, a.scratch);
  const float* w = a.w;
  int64_t f = 0;
  for (; f + kBlock <= a.filters; f += kBlock, w += kElements * a.channels * kBlock) {
    winograd_products<T, kWinogradVectors>(a, w, a.scratch, product);
    winograd_output<S, kWinogradVectors>(a, square, T, f, product);
  }
  if (f == a.filters) return;
  winograd_products<T, 1>(a, w, a.scratch, product);
  winograd_output<S, 1>(a, square, T, f, product);
}

template <int S>
void winograd_of(const WinogradArgs& a) {
  int64_t t = 0;
  constexpr int T = kWinogradSquares;
  for (; t + T <= a.squares && !(kManyRegisters && a.squares - t == T + 1); t += T) winograd_squares<S, T>(a, t);
  if (kManyRegisters && a.squares - t == T + 1)
    winograd_squares<S, T + 1>(a, t), t += T + 1;  // for example, 25 squares are taken as 12 + 13
  for (; t + 4 <= a.squares; t += 4) winograd_squares<S, 4>(a, t);
  for (; t < a.squares; ++t) winograd_squares<S, 1>(a, t);
  if (a.stream) fence_stores();
}

void winograd(const WinogradArgs& a) { a.side == 2 ? winograd_of<2>(a) : winograd_of<4>(a); }

// Multiplies the three values of a line of a kernel by G.
template <int S>
inline void winograd_kernel_line(Vec g0, Vec g1, Vec g2, Vec (&out)[S + 2]) {
  if constexpr (S == 2) {
    const Vec half = set1(0.5f);
    const Vec ends = mul(half, add(g0, g2)), middle = mul(half, g1);
    out[0] = g0;
    out[1] = add(ends, middle);
    out[2] = sub(ends, middle);
    out[3] = g2;
  } else {
    const auto pair = [&](float at, float norm, Vec& plus, Vec& minus) {
      const Vec even = mul(set1(1 / norm), fmadd(set1(at * at), g2, g0)), odd = mul(set1(at / norm), g1);
      plus = add(even, odd);
      minus = sub(even, odd);
    };
    out[0] = mul(set1(1 / (kNear2 * kFar2)), g0);
    pair(kNear, kNearNorm, out[1], out[2]);
    pair(kFar, kFarNorm, out[3], out[4]);
    out[5] = g2;
  }
}

// Writes w[block][i][c][lane] = (G g G^T)[i] for the kernels g = kernel[tap][c][filter]. A block has kWinogradVectors *
// kWidth filters; the last block has the filters that are left.
template <int S>
void winograd_weights_of(const WinogradWeightsArgs& a) {
  constexpr int kBlock = kWinogradVectors * kWidth, kSide = S + 2;
  for (int64_t f = 0; f < a.filters; f += kWidth) {
    const int64_t first = f / kBlock * kBlock, lanes = a.filters - first < kBlock ? a.filters - first : kBlock;
    float* w = a.w + kSide * kSide * a.channels * first + f % kBlock;
    for (int64_t c = a.range.begin; c < a.range.end; ++c) {
      Vec rows[3][kSide];
      CNNCORE_UNROLL
      for (int x = 0; x < 3; ++x) {
        const auto tap = [&](int y) { return load(a.kernel + a.tap[3 * y + x] + c * a.kernel_row + f); };
        winograd_kernel_line<S>(tap(0), tap(1), tap(2), rows[x]);
      }
      CNNCORE_UNROLL
      for (int y = 0; y < kSide; ++y) {
        Vec out[kSide];
        winograd_kernel_line<S>(rows[0][y], rows[1][y], rows[2][y], out);
        CNNCORE_UNROLL
        for (int x = 0; x < kSide; ++x) store(w + ((kSide * y + x) * a.channels + c) * lanes, out[x]);
      }
    }
  }
}

void winograd_weights(const WinogradWeightsArgs& a) {
  a.side == 2 ? winograd_weights_of<2>(a) : winograd_weights_of<4>(a);
}
