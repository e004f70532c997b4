// Depthwise convolution. Every channel is convolved by itself, so the lanes of a vector are neighbouring channels.
//   p pixel, t tap of the kernel, c channel

// The distance in x from a tap to the next one of its row, if the taps are those of a whole 3x3 kernel: three rows of
// three taps at equal distances. Otherwise 0.
template <class Args>
inline int64_t nine_taps_step(const Args& a) {
  if (a.taps != 9) return 0;
  const int64_t step = a.tap_offset[1] - a.tap_offset[0];
  for (int t = 0; t < 9; ++t)
    if (a.tap_offset[t] != a.tap_offset[t / 3 * 3] + t % 3 * step) return 0;
  return step;
}

// Whether the P pixels from pixel p on read places in x that are `step` apart. Then together they read P + 2 columns of
// x, because neighbouring pixels share columns.
template <int P, class Args>
inline bool neighbours(const Args& a, int64_t p, int64_t step) {
  bool all = step > 0;
  for (int i = 1; i < P; ++i) all = all && a.x_offset[p + i] - a.x_offset[p] == i * step;
  return all;
}

// Writes a vector of y, or its first `lanes` channels.
template <bool kTail, class Args>
inline void write_output(const Args& a, float* y, Vec sum, int lanes) {
  const Vec result = a.relu ? max(zero(), sum) : sum;
  if (kTail)
    store_n(y, result, lanes);
  else if (a.stream)
    store_streaming(y, result);
  else
    store(y, result);
}

// Adds a vector, or its first `lanes` channels, to a gradient.
template <bool kTail>
inline void add_to(float* dw, Vec sum, int lanes) {
  if (kTail)
    store_n(dw, add(load_n(dw, lanes), sum), lanes);
  else
    store(dw, add(load(dw), sum));
}

// P neighbouring pixels and nine taps. Each column of x is read once, and used for all the taps that meet it.
template <int P, bool kTail>
void depthwise_nine_block(const DepthwiseArgs& a, int64_t step, int64_t p, int64_t c, int lanes) {
  const auto read = [&](const float* from) { return kTail ? load_n(from, lanes) : load(from); };
  const float* x = a.x + a.x_offset[p] + c;
  const Vec b = a.bias ? read(a.bias + c) : zero();
  Vec acc[P];
  CNNCORE_UNROLL
  for (int i = 0; i < P; ++i) acc[i] = b;
  CNNCORE_UNROLL
  for (int row = 0; row < 3; ++row) {
    const float* from = x + a.tap_offset[3 * row];
    Vec column[P + 2];
    CNNCORE_UNROLL
    for (int i = 0; i < P + 2; ++i) column[i] = read(from + i * step);
    CNNCORE_UNROLL
    for (int t = 0; t < 3; ++t) {
      const Vec w = read(a.w + a.w_offset[3 * row + t] + c);
      CNNCORE_UNROLL
      for (int i = 0; i < P; ++i) acc[i] = fmadd(column[i + t], w, acc[i]);
    }
  }
  CNNCORE_UNROLL
  for (int i = 0; i < P; ++i) write_output<kTail>(a, a.y + a.y_offset[p + i] + c, acc[i], lanes);
}

template <int P>
void depthwise_nine_pixels(const DepthwiseArgs& a, int64_t step, int64_t p) {
  int64_t c = 0;
  for (; c + kWidth <= a.channels; c += kWidth) depthwise_nine_block<P, false>(a, step, p, c, kWidth);
  if (c < a.channels) depthwise_nine_block<P, true>(a, step, p, c, static_cast<int>(a.channels - c));
}

// Computes P pixels x V vectors of channels in registers.
template <int P, int V, bool kTail>
void depthwise_block(const DepthwiseArgs& a, int64_t p, int64_t c, int lanes) {
  const auto read = [&](const float* from) { return kTail ? load_n(from, lanes) : load(from); };
  Vec acc[P][V];
  const float* x[P];
  CNNCORE_UNROLL
  for (int v = 0; v < V; ++v) {
    const Vec b = a.bias ? read(a.bias + c + v * kWidth) : zero();
    CNNCORE_UNROLL
    for (int i = 0; i < P; ++i) acc[i][v] = b;
  }
  CNNCORE_UNROLL
  for (int i = 0; i < P; ++i) x[i] = a.x + a.x_offset[p + i] + c;
  for (int64_t t = 0; t < a.taps; ++t) {
    const float* w = a.w + a.w_offset[t] + c;
    const int64_t offset = a.tap_offset[t];
    Vec row[V];
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) row[v] = read(w + v * kWidth);
    CNNCORE_UNROLL
    for (int i = 0; i < P; ++i) {
      CNNCORE_UNROLL
      for (int v = 0; v < V; ++v) acc[i][v] = fmadd(read(x[i] + offset + v * kWidth), row[v], acc[i][v]);
    }
  }
  CNNCORE_UNROLL
  for (int i = 0; i < P; ++i) {
    float* y = a.y + a.y_offset[p + i] + c;
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) write_output<kTail>(a, y + v * kWidth, acc[i][v], lanes);
  }
}

// The loop over channels is inside that over pixels, so the rows that a block of pixels reads stay in the nearest
// cache. Several vectors of channels are taken together, so that memory is read and written in longer runs.
template <int P>
void depthwise_pixels(const DepthwiseArgs& a, int64_t p) {
  constexpr int V = kManyRegisters ? 4 : 2;
  int64_t c = 0;
  for (; c + V * kWidth <= a.channels; c += V * kWidth) depthwise_block<P, V, false>(a, p, c, kWidth);
  for (; c + kWidth <= a.channels; c += kWidth) depthwise_block<P, 1, false>(a, p, c, kWidth);
  if (c < a.channels) depthwise_block<P, 1, true>(a, p, c, static_cast<int>(a.channels - c));
}

void depthwise(const DepthwiseArgs& a) {
  constexpr int P = 4;
  const int64_t step = nine_taps_step(a);
  int64_t p = 0;
  for (; p + P <= a.pixels; p += P)
    neighbours<P>(a, p, step) ? depthwise_nine_pixels<P>(a, step, p) : depthwise_pixels<P>(a, p);
  for (; p < a.pixels; ++p) depthwise_pixels<1>(a, p);
  if (a.stream) fence_stores();
}

template <int N>
struct Count {  // an argument that passes a number to a function as a constant
  static constexpr int value = N;
};

struct Strip {
  int64_t begin, end;  // pixels
};

template <int T, bool kTail>
void depthwise_weights_block(const DepthwiseWeightsArgs& a, Strip strip, int64_t t, int64_t c, int lanes) {
  const auto read = [&](const float* from) { return kTail ? load_n(from, lanes) : load(from); };
  int64_t offset[T];
  Vec acc[T];
  CNNCORE_UNROLL
  for (int i = 0; i < T; ++i) {
    offset[i] = a.tap_offset[t + i] + c;
    acc[i] = zero();
  }
  for (int64_t p = strip.begin; p < strip.end; ++p) {
    const Vec g = read(a.dy + a.dy_offset[p] + c);
    const float* x = a.x + a.x_offset[p];
    CNNCORE_UNROLL
    for (int i = 0; i < T; ++i) acc[i] = fmadd(read(x + offset[i]), g, acc[i]);
  }
  CNNCORE_UNROLL
  for (int i = 0; i < T; ++i) add_to<kTail>(a.dw + a.w_offset[t + i] + c, acc[i], lanes);
}

// The gradient for nine taps, where neighbouring pixels share columns of x.
template <bool kTail>
void depthwise_nine_weights(const DepthwiseWeightsArgs& a, int64_t step, Strip strip, int64_t c, int lanes) {
  const auto read = [&](const float* from) { return kTail ? load_n(from, lanes) : load(from); };
  Vec acc[9];
  CNNCORE_UNROLL
  for (int t = 0; t < 9; ++t) acc[t] = zero();
  const auto add_pixels = [&](auto pixels, int64_t p) {
    constexpr int N = decltype(pixels)::value;
    const float* x = a.x + a.x_offset[p] + c;
    Vec g[N];
    CNNCORE_UNROLL
    for (int i = 0; i < N; ++i) g[i] = read(a.dy + a.dy_offset[p + i] + c);
    CNNCORE_UNROLL
    for (int row = 0; row < 3; ++row) {
      const float* from = x + a.tap_offset[3 * row];
      Vec column[N + 2];
      CNNCORE_UNROLL
      for (int i = 0; i < N + 2; ++i) column[i] = read(from + i * step);
      CNNCORE_UNROLL
      for (int i = 0; i < N; ++i) {
        CNNCORE_UNROLL
        for (int t = 0; t < 3; ++t) acc[3 * row + t] = fmadd(column[i + t], g[i], acc[3 * row + t]);
      }
    }
  };
  constexpr int P = kManyRegisters ? 4 : 2;
  for (int64_t p = strip.begin; p < strip.end;) {
    if (p + P <= strip.end && neighbours<P>(a, p, step))
      add_pixels(Count<P>(), p), p += P;
    else
      add_pixels(Count<1>(), p), ++p;
  }
  CNNCORE_UNROLL
  for (int t = 0; t < 9; ++t) add_to<kTail>(a.dw + a.w_offset[t] + c, acc[t], lanes);
}

template <bool kTail>
void depthwise_weights_channels(const DepthwiseWeightsArgs& a, int64_t step, Strip strip, int64_t c, int lanes) {
  if (step > 0) return depthwise_nine_weights<kTail>(a, step, strip, c, lanes);
  int64_t t = 0;
  for (; t + 9 <= a.taps; t += 9) depthwise_weights_block<9, kTail>(a, strip, t, c, lanes);
  for (; t + 6 <= a.taps; t += 6) depthwise_weights_block<6, kTail>(a, strip, t, c, lanes);
  for (; t + 4 <= a.taps; t += 4) depthwise_weights_block<4, kTail>(a, strip, t, c, lanes);
  for (; t < a.taps; ++t) depthwise_weights_block<1, kTail>(a, strip, t, c, lanes);
}

void depthwise_weights(const DepthwiseWeightsArgs& a) {
  const int64_t step = nine_taps_step(a);
  // A strip has so few pixels that the rows they read stay in the nearest cache while the loop over channels runs.
  constexpr int64_t kStrip = 64;
  for (int64_t p = 0; p < a.pixels; p += kStrip) {
    const Strip strip{p, p + kStrip < a.pixels ? p + kStrip : a.pixels};
    int64_t c = 0;
    for (; c + kWidth <= a.channels; c += kWidth) depthwise_weights_channels<false>(a, step, strip, c, kWidth);
    if (c < a.channels) depthwise_weights_channels<true>(a, step, strip, c, static_cast<int>(a.channels - c));
  }
}
