// Depthwise convolution with a 3x3 kernel and strides of one. P pixels of a column are computed together, because
// neighbouring pixels read the same rows of x: each vector of x is read once and multiplied by all three rows of the
// kernel.
//   i pixel, r row and t column of the kernel, c channel

// Computes the pixels of y from (row, column) downwards, with the columns [kFirst, kEnd) of the kernel.
template <int P, int kFirst, int kEnd, bool kTail>
void nine_block(const DepthwiseNineArgs& a, int64_t row, int64_t column, int64_t c, int lanes) {
  const auto read = [&](const float* from) { return kTail ? load_n(from, lanes) : load(from); };
  const Vec b = a.bias ? read(a.bias + c) : zero();
  Vec w[3][3], acc[P];
  CNNCORE_UNROLL
  for (int r = 0; r < 3; ++r) {
    CNNCORE_UNROLL
    for (int t = kFirst; t < kEnd; ++t) w[r][t] = read(a.w + (3 * r + t) * a.channels + c);
  }
  CNNCORE_UNROLL
  for (int i = 0; i < P; ++i) acc[i] = b;
  CNNCORE_UNROLL
  for (int j = 0; j < P + 2; ++j) {  // rows of x, so that every pixel meets the rows of the kernel in their order
    const int64_t from_row = row - a.top + j;
    if (from_row < 0 || from_row >= a.height) continue;
    const float* from = a.x + (from_row * a.width + column - a.left) * a.channels + c;
    CNNCORE_UNROLL
    for (int t = kFirst; t < kEnd; ++t) {
      const Vec x = read(from + t * a.channels);
      CNNCORE_UNROLL
      for (int r = 0; r < 3; ++r)
        if (j - r >= 0 && j - r < P) acc[j - r] = fmadd(x, w[r][t], acc[j - r]);
    }
  }
  CNNCORE_UNROLL
  for (int i = 0; i < P; ++i)
    write_output<kTail>(a, a.y + ((row + i) * a.out_width + column) * a.channels + c, acc[i], lanes);
}

template <int P, int kFirst, int kEnd>
void nine_channels(const DepthwiseNineArgs& a, int64_t row, int64_t column) {
  int64_t c = 0;
  for (; c + kWidth <= a.channels; c += kWidth) nine_block<P, kFirst, kEnd, false>(a, row, column, c, kWidth);
  if (c < a.channels) nine_block<P, kFirst, kEnd, true>(a, row, column, c, static_cast<int>(a.channels - c));
}

template <int P>
void nine_rows(const DepthwiseNineArgs& a, int64_t row) {
  for (int64_t column = 0; column < a.out_width; ++column) {
    const bool left = column >= a.left, right = column - a.left + 2 < a.width;
    if (left && right)
      nine_channels<P, 0, 3>(a, row, column);
    else if (right)
      nine_channels<P, 1, 3>(a, row, column);
    else if (left)
      nine_channels<P, 0, 2>(a, row, column);
    else
      nine_channels<P, 1, 2>(a, row, column);
  }
}

void depthwise_nine(const DepthwiseNineArgs& a) {
  int64_t row = a.row_begin;
  for (; row + 4 <= a.row_end; row += 4) nine_rows<4>(a, row);
  switch (a.row_end - row) {
    case 3: nine_rows<3>(a, row); break;
    case 2: nine_rows<2>(a, row); break;
    case 1: nine_rows<1>(a, row); break;
    default: break;
  }
  if (a.stream) fence_stores();
}
