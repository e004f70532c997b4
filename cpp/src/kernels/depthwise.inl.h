// Depthwise convolution: every channel by itself, so the vectors run over channels.
//   p pixel, t tap of the kernel, c channel

template <int P>
void depthwise_block(const DepthwiseArgs& a, int64_t p, int64_t c, int lanes) {
  const bool tail = lanes < kWidth;
  const auto read = [&](const float* from) { return tail ? load_n(from, lanes) : load(from); };
  Vec acc[P];
  const Vec b = a.bias ? read(a.bias + c) : zero();
  CNNCORE_UNROLL
  for (int i = 0; i < P; ++i) acc[i] = b;
  const float* x[P];
  CNNCORE_UNROLL
  for (int i = 0; i < P; ++i) x[i] = a.x + a.x_offset[p + i] + c;
  for (int64_t t = 0; t < a.taps; ++t) {
    const Vec w = read(a.w + t * a.channels + c);
    const int64_t offset = a.tap_offset[t];
    CNNCORE_UNROLL
    for (int i = 0; i < P; ++i) acc[i] = fmadd(read(x[i] + offset), w, acc[i]);
  }
  CNNCORE_UNROLL
  for (int i = 0; i < P; ++i) {
    float* y = a.y + a.y_offset[p + i] + c;
    const Vec result = a.relu ? max(zero(), acc[i]) : acc[i];
    if (tail)
      store_n(y, result, lanes);
    else
      store(y, result);
  }
}

void depthwise(const DepthwiseArgs& a) {
  for (int64_t c = 0; c < a.channels; c += kWidth) {
    const int lanes = static_cast<int>(a.channels - c < kWidth ? a.channels - c : kWidth);
    int64_t p = 0;
    for (; p + 8 <= a.pixels; p += 8) depthwise_block<8>(a, p, c, lanes);
    for (; p < a.pixels; ++p) depthwise_block<1>(a, p, c, lanes);
  }
}

template <int T>
void depthwise_weights_block(const DepthwiseWeightsArgs& a, int64_t t, int64_t c, int lanes) {
  const bool tail = lanes < kWidth;
  const auto read = [&](const float* from) { return tail ? load_n(from, lanes) : load(from); };
  int64_t offset[T];
  Vec acc[T];
  CNNCORE_UNROLL
  for (int i = 0; i < T; ++i) {
    offset[i] = a.tap_offset[t + i] + c;
    acc[i] = zero();
  }
  for (int64_t p = 0; p < a.pixels; ++p) {
    const Vec g = read(a.dy + a.dy_offset[p] + c);
    const float* x = a.x + a.x_offset[p];
    CNNCORE_UNROLL
    for (int i = 0; i < T; ++i) acc[i] = fmadd(read(x + offset[i]), g, acc[i]);
  }
  CNNCORE_UNROLL
  for (int i = 0; i < T; ++i) {
    float* dw = a.dw + (t + i) * a.channels + c;
    const Vec sum = add(read(dw), acc[i]);
    if (tail)
      store_n(dw, sum, lanes);
    else
      store(dw, sum);
  }
}

void depthwise_weights(const DepthwiseWeightsArgs& a) {
  for (int64_t c = 0; c < a.channels; c += kWidth) {
    const int lanes = static_cast<int>(a.channels - c < kWidth ? a.channels - c : kWidth);
    int64_t t = 0;
    for (; t + 9 <= a.taps; t += 9) depthwise_weights_block<9>(a, t, c, lanes);
    for (; t + 5 <= a.taps; t += 5) depthwise_weights_block<5>(a, t, c, lanes);
    for (; t < a.taps; ++t) depthwise_weights_block<1>(a, t, c, lanes);
  }
}
