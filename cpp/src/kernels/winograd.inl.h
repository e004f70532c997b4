// Convolution of 3x3 kernels by Winograd's algorithm, in squares of outputs (winograd_transforms.inl.h).
//   S side of a square, R stride, i element of a transformed square, t square, c channel, v vector of filters

constexpr int kWinogradSquares = kRegisters >= 32 ? 12 : 6;
static_assert(kWinogradSquares + 1 <= kMostWinogradSquares);  // at the end, one more may be taken
constexpr int kWinogradVectors = 2;  // vectors of filters in a block; the last block may have only one

// A transformed pixel takes whole vectors. The lanes behind its last channel are zero.
inline int64_t winograd_pitch(int64_t channels) { return (channels + kWidth - 1) / kWidth * kWidth; }

// Writes the transformed patches of `squares` squares, beginning at `square`, to patch[i][t][c], where the elements i
// are `step` floats apart.
template <int S, int R = 1, class Args>
inline void winograd_input(const Args& a, int64_t square, int64_t squares, float* patch, int64_t step) {
  const int64_t pitch = winograd_pitch(a.channels);
  for (int64_t t = 0; t < squares; ++t, patch += pitch) {
    const float* x = a.x + a.x_offset[square + t];
    int64_t c = 0;
    for (; c + kWidth <= a.channels; c += kWidth)
      winograd_patch<S, R, false>(x + c, a.x_row, a.x_pixel, kWidth, patch + c, step);
    if (c < a.channels)
      winograd_patch<S, R, true>(x + c, a.x_row, a.x_pixel, static_cast<int>(a.channels - c), patch + c, step);
  }
}

// product[i][t][v] = sum_c patch[i][t][c] * w[i][c][v], for all i < elements
template <int T, int V>
void winograd_products(const WinogradArgs& a, int64_t elements, const float* w, const float* patch, float* product) {
  const int64_t pitch = winograd_pitch(a.channels);
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

template <int S, int R, int V>
inline void winograd_output(const WinogradArgs& a, int64_t square, int64_t squares, int64_t f, const float* product) {
  const bool relu = a.relu, stream = a.stream;
  for (int64_t t = 0; t < squares; ++t) {
    const int32_t* at = a.y_offset + (square + t) * (a.pool ? S * S / 4 : S * S);
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) {
      const int64_t lane = f + v * kWidth;
      Vec y[S * S];
      const float* m = product + (t * V + v) * kWidth;
      const int64_t step = squares * V * kWidth;
      const Vec bias = a.bias ? load(a.bias + lane) : zero();
      if constexpr (R == 2) {
        winograd_strided_square(m, step, bias, y);
      } else {
        winograd_output_square(m, step, bias, y);
        if (a.pool) {
          winograd_pool<S>(a, at, lane, y);
          continue;
        }
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

// Fetches the places that winograd_output will write.
template <int S, int V>
inline void winograd_fetch_output(const WinogradArgs& a, int64_t square, int64_t squares, int64_t f) {
  const int64_t outputs = a.pool ? S * S / 4 : S * S;
  for (const int32_t *at = a.y_offset + square * outputs, *end = at + squares * outputs; at < end; ++at)
    fetch_vectors<V>(a.y + *at + f);
}

template <int S, int R, int T>
void winograd_squares(const WinogradArgs& a, int64_t square) {
  constexpr int kBlock = kWinogradVectors * kWidth, kElements = kWinogradElements<S, R>;
  const int64_t step = T * winograd_pitch(a.channels);
  float* product = a.scratch + kElements * step;
  winograd_input<S, R>(a, square, T, a.scratch, step);
  const float* w = a.w;
  int64_t f = 0;
  for (; f + kBlock <= a.filters; f += kBlock, w += kElements * a.channels * kBlock) {
    if (a.fetch_y) winograd_fetch_output<S, kWinogradVectors>(a, square, T, f);
    winograd_products<T, kWinogradVectors>(a, kElements, w, a.scratch, product);
    winograd_output<S, R, kWinogradVectors>(a, square, T, f, product);
  }
  if (f == a.filters) return;
  if (a.fetch_y) winograd_fetch_output<S, 1>(a, square, T, f);
  winograd_products<T, 1>(a, kElements, w, a.scratch, product);
  winograd_output<S, R, 1>(a, square, T, f, product);
}

template <int S, int R>
void winograd_of(const WinogradArgs& a) {
  int64_t t = 0;
  if constexpr (kManySizes) {
    constexpr int T = kWinogradSquares;
    for (; t + T <= a.squares && !(kManyRegisters && a.squares - t == T + 1); t += T) winograd_squares<S, R, T>(a, t);
    if (kManyRegisters && a.squares - t == T + 1)
      winograd_squares<S, R, T + 1>(a, t), t += T + 1;  // for example, 25 squares are taken as 12 + 13
    for (; t + 4 <= a.squares; t += 4) winograd_squares<S, R, 4>(a, t);
  }
  for (; t < a.squares; ++t) winograd_squares<S, R, 1>(a, t);
  if (a.stream) fence_stores();
}

void winograd(const WinogradArgs& a) {
  if (a.stride == 2) return winograd_of<2, 2>(a);
  a.side == 2 ? winograd_of<2, 1>(a) : winograd_of<4, 1>(a);
}

// Writes w[block][i][c][lane] = (G g G^T)[i] for the kernels g = kernel[tap][c][filter]. A block has kWinogradVectors *
// kWidth filters; the last block has the filters that are left.
template <int S, int R>
void winograd_weights_of(const WinogradWeightsArgs& a) {
  constexpr int kBlock = kWinogradVectors * kWidth, kSide = kWinogradPatch<S, R>;
  for (int64_t f = 0; f < a.filters; f += kWidth) {
    const int64_t first = f / kBlock * kBlock, lanes = a.filters - first < kBlock ? a.filters - first : kBlock;
    float* w = a.w + kSide * kSide * a.channels * first + f % kBlock;
    for (int64_t c = a.range.begin; c < a.range.end; ++c) {
      Vec rows[3][kSide];
      CNNCORE_UNROLL
      for (int x = 0; x < 3; ++x) {
        const auto tap = [&](int y) { return load(a.kernel + a.tap[3 * y + x] + c * a.kernel_row + f); };
        winograd_kernel_line<S, R>(tap(0), tap(1), tap(2), rows[x]);
      }
      CNNCORE_UNROLL
      for (int y = 0; y < kSide; ++y) {
        Vec out[kSide];
        winograd_kernel_line<S, R>(rows[0][y], rows[1][y], rows[2][y], out);
        CNNCORE_UNROLL
        for (int x = 0; x < kSide; ++x) store(w + ((kSide * y + x) * a.channels + c) * lanes, out[x]);
      }
    }
  }
}

void winograd_weights(const WinogradWeightsArgs& a) {
  if (a.stride == 2) return winograd_weights_of<2, 2>(a);
  a.side == 2 ? winograd_weights_of<2, 1>(a) : winograd_weights_of<4, 1>(a);
}
