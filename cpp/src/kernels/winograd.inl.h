// Convolution of 3x3 kernels by Winograd's F(2x2, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional Neural
// Networks", 2016). A 2x2 square of outputs takes 16 products for each channel, where the direct sum takes 36. For a
// kernel g and a 4x4 patch d of the input, the output is Y = A^T [(G g G^T) . (B^T d B)] A, where . multiplies element
// by element, and
//   B^T = | 1  0 -1  0 |    G = |  1    0    0  |    A^T = | 1 1  1  0 |
//         | 0  1  1  0 |        | 1/2  1/2  1/2 |          | 0 1 -1 -1 |
//         | 0 -1  1  0 |        | 1/2 -1/2  1/2 |
//         | 0  1  0 -1 |        |  0    0    1  |
//   t square, i one of the 16 elements of a transformed square, c channel, v vector of filters

constexpr int kWinogradSquares = kRegisters >= 32 ? 12 : 6;
constexpr int kWinogradVectors = 2;  // vectors of filters in a block; the last block may have only one

// Multiplies four values of a 4x4 patch by B^T, in place: a row or a column, whose values are `step` apart.
inline void winograd_input_line(Vec (&d)[16], int first, int step) {
  const Vec a = d[first], b = d[first + step], c = d[first + 2 * step], e = d[first + 3 * step];
  d[first] = sub(a, c);
  d[first + step] = add(b, c);
  d[first + 2 * step] = sub(c, b);
  d[first + 3 * step] = sub(b, e);
}

// The floats of a transformed pixel: its channels, rounded up to whole vectors. The lanes after the last channel are 0.
inline int64_t winograd_pitch(int64_t channels) { return (channels + kWidth - 1) / kWidth * kWidth; }

// Writes B^T d B for a vector of channels of a 4x4 patch: its 16 places are `step` floats apart.
template <bool kTail>
inline void winograd_patch(const float* x, int64_t row, int64_t pixel, int lanes, float* out, int64_t step) {
  Vec d[16];
  CNNCORE_UNROLL
  for (int i = 0; i < 16; ++i) {
    const float* from = x + i / 4 * row + i % 4 * pixel;
    d[i] = kTail ? load_n(from, lanes) : load(from);
  }
  CNNCORE_UNROLL
  for (int i = 0; i < 4; ++i) winograd_input_line(d, i, 4);
  CNNCORE_UNROLL
  for (int i = 0; i < 4; ++i) winograd_input_line(d, 4 * i, 1);
  CNNCORE_UNROLL
  for (int i = 0; i < 16; ++i) store(out + i * step, d[i]);
}

// Writes the transformed patches of `squares` squares, beginning at `square`, to patch[i][t][c].
template <class Args>
inline void winograd_input(const Args& a, int64_t square, int64_t squares, float* patch) {
  const int64_t pitch = winograd_pitch(a.channels), step = squares * pitch;
  for (int64_t t = 0; t < squares; ++t, patch += pitch) {
    const float* x = a.x + a.x_offset[square + t];
    int64_t c = 0;
    for (; c + kWidth <= a.channels; c += kWidth)
      winograd_patch<false>(x + c, a.x_row, a.x_pixel, kWidth, patch + c, step);
    if (c < a.channels)
      winograd_patch<true>(x + c, a.x_row, a.x_pixel, static_cast<int>(a.channels - c), patch + c, step);
  }
}

// product[i][t][v] = sum_c patch[i][t][c] * w[i][c][v]
template <int T, int V>
inline void winograd_products(const WinogradArgs& a, const float* w, const float* patch, float* product) {
  const int64_t pitch = winograd_pitch(a.channels);
  for (int i = 0; i < 16; ++i) {
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

// y = A^T m A + bias, which are the four pixels of a square, row by row.
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

template <int T, int V>
inline void winograd_output(const WinogradArgs& a, int64_t square, int64_t f, const float* product) {
  for (int t = 0; t < T; ++t) {
    const int32_t* at = a.pool ? a.y_offset + square + t : a.y_offset + 4 * (square + t);
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) {
      const int64_t lane = f + v * kWidth;
      Vec y[4];
      winograd_output_square(product + (t * V + v) * kWidth, T * V * kWidth, a.bias ? load(a.bias + lane) : zero(), y);
      if (a.pool && !a.winner) {
        store(a.y + *at + lane, pool_value(y[0], y[1], y[2], y[3], a.relu));
        continue;
      }
      if (a.pool) {
        const Pooled best = pool_window(y[0], y[1], y[2], y[3], a.relu);
        store(a.y + *at + lane, best.value);
        store_u8(a.winner + *at + lane, best.index);
        continue;
      }
      CNNCORE_UNROLL
      for (int i = 3; i >= 0; --i) {
        const Vec result = a.relu ? max(zero(), y[i]) : y[i];
        a.stream ? store_streaming(a.y + at[i] + lane, result) : store(a.y + at[i] + lane, result);
      }
    }
  }
}

template <int T>
void winograd_squares(const WinogradArgs& a, int64_t square) {
  constexpr int kBlock = kWinogradVectors * kWidth;
  float* product = a.scratch + 16 * T * winograd_pitch(a.channels);
  winograd_input(a, square, T, a.scratch);
  const float* w = a.w;
  int64_t f = 0;
  for (; f + kBlock <= a.filters; f += kBlock, w += 16 * a.channels * kBlock) {
    winograd_products<T, kWinogradVectors>(a, w, a.scratch, product);
    winograd_output<T, kWinogradVectors>(a, square, f, product);
  }
  if (f == a.filters) return;
  winograd_products<T, 1>(a, w, a.scratch, product);
  winograd_output<T, 1>(a, square, f, product);
}

void winograd(const WinogradArgs& a) {
  int64_t t = 0;
  constexpr int T = kWinogradSquares;
  // If a single square would be left, the last block has one square more. For example, 25 squares are taken as 12 + 13.
  for (; t + T <= a.squares && !(kManyRegisters && a.squares - t == T + 1); t += T) winograd_squares<T>(a, t);
  if (kManyRegisters && a.squares - t == T + 1) winograd_squares<T + 1>(a, t), t += T + 1;
  for (; t + 4 <= a.squares; t += 4) winograd_squares<4>(a, t);
  for (; t < a.squares; ++t) winograd_squares<1>(a, t);
  if (a.stream) fence_stores();
}

// Writes w[block][i][c][lane] = (G g G^T)[i] for the kernels g = kernel[tap][c][filter]. A block has kWinogradVectors *
// kWidth filters; the last block has the filters that are left.
void winograd_weights(const WinogradWeightsArgs& a) {
  constexpr int kBlock = kWinogradVectors * kWidth;
  const Vec half = set1(0.5f);
  const auto line = [&](Vec g0, Vec g1, Vec g2, Vec(&out)[4]) {
    const Vec ends = mul(half, add(g0, g2)), middle = mul(half, g1);
    out[0] = g0;
    out[1] = add(ends, middle);
    out[2] = sub(ends, middle);
    out[3] = g2;
  };
  for (int64_t f = 0; f < a.filters; f += kWidth) {
    const int64_t first = f / kBlock * kBlock, lanes = a.filters - first < kBlock ? a.filters - first : kBlock;
    float* w = a.w + 16 * a.channels * first + f % kBlock;
    for (int64_t c = a.range.begin; c < a.range.end; ++c) {
      Vec rows[3][4];
      CNNCORE_UNROLL
      for (int x = 0; x < 3; ++x) {
        const auto tap = [&](int y) { return load(a.kernel + a.tap[3 * y + x] + c * a.kernel_row + f); };
        line(tap(0), tap(1), tap(2), rows[x]);
      }
      CNNCORE_UNROLL
      for (int y = 0; y < 4; ++y) {
        Vec out[4];
        line(rows[0][y], rows[1][y], rows[2][y], out);
        CNNCORE_UNROLL
        for (int x = 0; x < 4; ++x) store(w + ((4 * y + x) * a.channels + c) * lanes, out[x]);
      }
    }
  }
}
