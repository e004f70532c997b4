// Depthwise convolution with a 3x3 kernel and strides of one. P pixels of a column are computed together, because
// neighbouring pixels read the same rows of x: each vector of x is read once and multiplied by all three rows of the
// kernel. The kernel stays in registers for a whole row of such blocks.
//   i pixel, r row and t column of the kernel, v vector of channels

constexpr int kNineVectors = kManyRegisters ? 2 : 1;  // more sums at a time: each addition waits for the one before it

// The same value, of which the compiler does not know where it comes from. Otherwise it would keep a pointer for each
// vector that a block reads, and most of them would not fit the registers.
inline int64_t hidden(int64_t value) {
  asm("" : "+r"(value));
  return value;
}

// P rows of y, V vectors of channels from c on. With kTail, only some lanes of one vector are channels.
template <int P, int V, bool kTail>
class NineStrip {
 public:
  NineStrip(const DepthwiseNineArgs& a, int64_t row, int64_t c, int lanes)
      : a_(a), y_(a.y + c), row_(row), first_(row - a.top), lanes_(lanes) {
    y_row_ = a.out_width * a.channels;
    y_ += row * y_row_;
    CNNCORE_UNROLL
    for (int j = 0; j < P + 2; ++j) rows_[j] = a.x + c + ((first_ + j) * a.width - a.left) * a.channels;
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) {
      bias_[v] = a.bias ? read(a.bias + c + v * kWidth) : zero();
      CNNCORE_UNROLL
      for (int t = 0; t < 9; ++t) w_[t / 3][t % 3][v] = read(a.w + t * a.channels + c + v * kWidth);
    }
  }

  void run() const {
    const auto has_left = [&](int64_t column) { return column >= a_.left; };
    const auto has_right = [&](int64_t column) { return column - a_.left + 2 < a_.width; };
    int64_t column = 0;
    for (; column < a_.out_width && !has_left(column); ++column)
      has_right(column) ? block<1, 3, false>(column) : block<1, 2, false>(column);
    if (first_ >= 0 && first_ + P + 2 <= a_.height)
      for (; column < a_.out_width && has_right(column); ++column) block<0, 3, true>(column);
    else
      for (; column < a_.out_width && has_right(column); ++column) block<0, 3, false>(column);
    for (; column < a_.out_width; ++column) block<0, 2, false>(column);
  }

 private:
  Vec read(const float* from) const { return kTail ? load_n(from, lanes_) : load(from); }

  // Computes the pixels of one column of y, with the columns [kFirst, kEnd) of the kernel. kInside says that all rows
  // of x that they read are inside the image.
  template <int kFirst, int kEnd, bool kInside>
  void block(int64_t column) const {
    Vec acc[P][V];
    CNNCORE_UNROLL
    for (int i = 0; i < P; ++i) {
      CNNCORE_UNROLL
      for (int v = 0; v < V; ++v) acc[i][v] = bias_[v];
    }
    const int64_t at = hidden(column * a_.channels), right[3] = {at, at + a_.channels, at + 2 * a_.channels};
    CNNCORE_UNROLL
    for (int j = 0; j < P + 2; ++j) {  // rows of x, so that pixels meet the kernel's rows in their order
      if (!kInside && (first_ + j < 0 || first_ + j >= a_.height)) continue;
      CNNCORE_UNROLL
      for (int t = kFirst; t < kEnd; ++t) {
        CNNCORE_UNROLL
        for (int v = 0; v < V; ++v) {
          const Vec x = read(rows_[j] + right[t] + v * kWidth);
          CNNCORE_UNROLL
          for (int r = 0; r < 3; ++r)
            if (j - r >= 0 && j - r < P) acc[j - r][v] = fmadd(x, w_[r][t][v], acc[j - r][v]);
        }
      }
    }
    float* to = y_ + at;
    const int64_t y_row = y_row_;
    // The choices are made once for the block. Inside of the loops they would be made again for each vector.
    const auto for_all = [&](auto f) {
      CNNCORE_UNROLL
      for (int i = 0; i < P; ++i) {
        CNNCORE_UNROLL
        for (int v = 0; v < V; ++v) f(acc[i][v], to + i * y_row + v * kWidth);
      }
    };
    if (a_.relu) for_all([](Vec& sum, float*) { sum = max(zero(), sum); });
    if (kTail)
      for_all([&](Vec& sum, float* y) { store_n(y, sum, lanes_); });
    else if (a_.stream)
      for_all([](Vec& sum, float* y) { store_streaming(y, sum); });
    else
      for_all([](Vec& sum, float* y) { store(y, sum); });
  }

  const DepthwiseNineArgs a_;
  float* y_;
  const float* rows_[P + 2];
  int64_t y_row_;
  int64_t row_, first_;  // the first row of y, and the first row of x that it reads
  int lanes_;
  Vec w_[3][3][V], bias_[V];
};

template <int P>
void nine_rows(const DepthwiseNineArgs& a, int64_t row) {
  int64_t c = 0;
  for (; c + kNineVectors * kWidth <= a.channels; c += kNineVectors * kWidth)
    NineStrip<P, kNineVectors, false>(a, row, c, kWidth).run();
  for (; c < a.channels; c += kWidth)
    NineStrip<P, 1, true>(a, row, c, static_cast<int>(a.channels - c < kWidth ? a.channels - c : kWidth)).run();
}

void depthwise_nine(const DepthwiseNineArgs& a) {
  int64_t row = a.row_begin;
  if constexpr (kManySizes) {
    for (; row + 4 <= a.row_end; row += 4) nine_rows<4>(a, row);
    if (row + 3 == a.row_end) nine_rows<3>(a, row), row += 3;
    if (row + 2 == a.row_end) nine_rows<2>(a, row), row += 2;
  }
  for (; row < a.row_end; ++row) nine_rows<1>(a, row);
  if (a.stream) fence_stores();
}
