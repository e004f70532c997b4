// Products with few columns: vectors run over pixels of planes instead of over columns.
//   i pixel, n column, k term of the sum. A block of N columns x kPlanarVectors vectors of pixels stays in registers.

constexpr int kPlanarVectors = kRegisters >= 32 ? 4 : 2;

template <int N>
void planar_block(const PlanarArgs& a, int64_t i, int64_t n) {
  constexpr int V = kPlanarVectors;
  Vec acc[N][V];
  CNNCORE_UNROLL
  for (int c = 0; c < N; ++c) {
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) acc[c][v] = zero();
  }
  const float* w = a.w + n;
  for (int64_t k = 0; k < a.depth; ++k, w += a.ldw) {
    const float* x = a.x + a.k_offset[k] + i;
    Vec row[V];
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) row[v] = load(x + v * kWidth);
    CNNCORE_UNROLL
    for (int c = 0; c < N; ++c) {
      const Vec b = set1(w[c]);
      CNNCORE_UNROLL
      for (int v = 0; v < V; ++v) acc[c][v] = fmadd(b, row[v], acc[c][v]);
    }
  }
  CNNCORE_UNROLL
  for (int c = 0; c < N; ++c) {
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) store(a.y + (n + c) * a.y_plane + i + v * kWidth, acc[c][v]);
  }
}

void planar(const PlanarArgs& a) {
  for (int64_t i = 0; i < a.length; i += kPlanarVectors * kWidth) {
    int64_t n = 0;
    for (; n + 3 <= a.cols; n += 3) planar_block<3>(a, i, n);
    if (a.cols - n == 2) planar_block<2>(a, i, n);
    if (a.cols - n == 1) planar_block<1>(a, i, n);
  }
}
