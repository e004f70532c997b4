// A matrix times a vector that is zero in many places, as the output of a relu is. Rows of w that would be multiplied
// by zero are not read, because the time of such a product is the time to read w.
//   e entry of the list of what is not zero, v vector of columns

int nonzeros(const NonzerosArgs& a) {
  alignas(64) int32_t first[kWidth];
  for (int i = 0; i < kWidth; ++i) first[i] = i;
  Index at = load_index(first);
  int n = 0;
  const auto keep = [&](Vec x) {
    const Vec size = max(x, sub(zero(), x));  // NaN stays NaN
    n += compress_store(a.value + n, x, a.index + n, at, greater_or_nan(size, zero()));
    at = add_index(at, kWidth);
  };
  int64_t k = 0;
  for (; k + kWidth <= a.size; k += kWidth) keep(load(a.x + k));
  if (k < a.size) keep(load_n(a.x + k, static_cast<int>(a.size - k)));
  return n;
}

// Computes R pieces of the sum at the same time, for V vectors of columns. An addition waits for the one before it in
// the same sum, and V * R independent sums fill that time.
template <int V, int R, bool kTail>
void gemv_pieces(const GemvArgs& a, int64_t piece, int64_t column, int tail) {
  const int64_t* bound = a.bound + piece;
  Vec acc[R][V];
  int64_t together = bound[1] - bound[0];
  CNNCORE_UNROLL
  for (int r = 0; r < R; ++r) {
    together = bound[r + 1] - bound[r] < together ? bound[r + 1] - bound[r] : together;
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) acc[r][v] = zero();
  }
  const auto add_row = [&](int64_t e, Vec(&sum)[V]) {
    const float* row = a.w + a.row[e] * a.ldw + column;
    const Vec x = set1(a.x[e]);
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) sum[v] = fmadd(x, load_column<kTail, V>(row, v, tail), sum[v]);
  };
  for (int64_t e = 0; e < together; ++e) {
    CNNCORE_UNROLL
    for (int r = 0; r < R; ++r) add_row(bound[r] + e, acc[r]);
  }
  CNNCORE_UNROLL
  for (int r = 0; r < R; ++r) {
    for (int64_t e = bound[r] + together; e < bound[r + 1]; ++e) add_row(e, acc[r]);
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v)
      store_column<kTail, V>(a.y + (piece + r) * a.y_pitch + column, v, tail,
                             add(acc[r][v], zero()));  // turns -0 into 0, as gemm does
  }
}

template <int V, int R, bool kTail>
void gemv_columns(const GemvArgs& a, int64_t column, int tail) {
  int64_t piece = 0;
  for (; piece + R <= a.pieces; piece += R) gemv_pieces<V, R, kTail>(a, piece, column, tail);
  for (; piece < a.pieces; ++piece) gemv_pieces<V, 1, kTail>(a, piece, column, tail);
}

void gemv(const GemvArgs& a) {
  int64_t n = 0;
  for (; n + 8 * kWidth <= a.cols; n += 8 * kWidth) gemv_columns<8, 1, false>(a, n, kWidth);
  for (; n + 4 * kWidth <= a.cols; n += 4 * kWidth) gemv_columns<4, 2, false>(a, n, kWidth);
  for (; n + kWidth <= a.cols; n += kWidth) gemv_columns<1, 8, false>(a, n, kWidth);
  if (n < a.cols) gemv_columns<1, 8, true>(a, n, static_cast<int>(a.cols - n));
}
