// Products with few columns. Vectors of columns would be mostly empty, so the lanes of a vector are neighbouring
// pixels.
//   i pixel, n column, k term of the sum
//   s stretch: as many neighbouring pixels of a row as a vector holds, or fewer at the end of a row
// The sums of a block of N columns x kPlanarVectors vectors of pixels stay in registers.

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

struct Stretches {  // S stretches
  const float* x[4];
  float* y[4];
  int lanes[4];
};

template <int N, int S>
void gemm_rows_block(const GemmRowsArgs& a, const Stretches& at) {
  Vec acc[S][N];
  CNNCORE_UNROLL
  for (int n = 0; n < N; ++n) {
    const Vec b = a.bias ? set1(a.bias[n]) : zero();
    CNNCORE_UNROLL
    for (int s = 0; s < S; ++s) acc[s][n] = b;
  }
  const float* w = a.w;
  for (int64_t k = 0; k < a.depth; ++k, w += a.ldw) {
    const int64_t offset = a.k_offset[k];
    Vec x[S];
    CNNCORE_UNROLL
    for (int s = 0; s < S; ++s) x[s] = load_n(at.x[s] + offset, at.lanes[s]);
    CNNCORE_UNROLL
    for (int n = 0; n < N; ++n) {
      const Vec b = set1(w[n]);
      CNNCORE_UNROLL
      for (int s = 0; s < S; ++s) acc[s][n] = fmadd(b, x[s], acc[s][n]);
    }
  }
  CNNCORE_UNROLL
  for (int s = 0; s < S; ++s) {
    CNNCORE_UNROLL
    for (int n = 0; n < N; ++n) acc[s][n] = a.relu ? max(zero(), acc[s][n]) : acc[s][n];
    store_interleaved(at.y[s], acc[s], at.lanes[s]);
  }
}

// Computes as many stretches at the same time as there are registers for their sums.
template <int N>
void gemm_rows_of(const GemmRowsArgs& a) {
  constexpr int kSums = kRegisters >= 32 ? 24 : 8, S = kSums / N < 4 ? kSums / N : 4;
  Stretches at;
  int s = 0;
  for (int64_t p = 0; p < a.pixels; p += a.row) {
    for (int64_t i = 0; i < a.row; i += kWidth) {
      at.x[s] = a.x + a.x_offset[p] + i;
      at.y[s] = a.y + a.y_offset[p] + i * N;
      at.lanes[s] = static_cast<int>(a.row - i < kWidth ? a.row - i : kWidth);
      if (++s < S) continue;
      gemm_rows_block<N, S>(a, at);
      s = 0;
    }
  }
  for (int r = 0; r < s; ++r) gemm_rows_block<N, 1>(a, {{at.x[r]}, {at.y[r]}, {at.lanes[r]}});
}

// Calls f.template operator()<N>() with N = cols as a constant. cols is at most kMost.
template <int kMost, class Function>
inline void for_columns(int64_t cols, Function f) {
  if (cols == kMost) return f.template operator()<kMost>();
  if constexpr (kMost > 1) for_columns<kMost - 1>(cols, f);
}

void gemm_rows(const GemmRowsArgs& a) {
  for_columns<kWidth / 2>(a.cols, [&]<int N>() { gemm_rows_of<N>(a); });
}

// Writes dy as planes, stretch by stretch: planes[s][n][lane]. Lanes in which a stretch has no pixel are set to zero.
template <int N>
void rows_to_planes(const GemmRowsWeightsArgs& a) {
  float* to = a.planes;
  for (int64_t p = 0; p < a.pixels; p += a.row) {
    for (int64_t i = 0; i < a.row; i += kWidth, to += N * kWidth) {
      Vec planes[N];
      load_interleaved(a.dy + a.dy_offset[p] + i * N, planes,
                       static_cast<int>(a.row - i < kWidth ? a.row - i : kWidth));
      CNNCORE_UNROLL
      for (int n = 0; n < N; ++n) store(to + n * kWidth, planes[n]);
    }
  }
}

// Computes the gradient of T terms, beginning at term k.
template <int N, int T>
void gemm_rows_weights_block(const GemmRowsWeightsArgs& a, int64_t k) {
  Vec acc[T][N];
  CNNCORE_UNROLL
  for (int t = 0; t < T; ++t) {
    CNNCORE_UNROLL
    for (int n = 0; n < N; ++n) acc[t][n] = zero();
  }
  const float* planes = a.planes;
  for (int64_t p = 0; p < a.pixels; p += a.row) {
    for (int64_t i = 0; i < a.row; i += kWidth, planes += N * kWidth) {
      const float* from = a.x + a.x_offset[p] + i;
      const int lanes = static_cast<int>(a.row - i < kWidth ? a.row - i : kWidth);
      Vec x[T];
      CNNCORE_UNROLL
      for (int t = 0; t < T; ++t) x[t] = load_n(from + a.k_offset[k + t], lanes);
      CNNCORE_UNROLL
      for (int n = 0; n < N; ++n) {
        const Vec dy = load(planes + n * kWidth);
        CNNCORE_UNROLL
        for (int t = 0; t < T; ++t) acc[t][n] = fmadd(x[t], dy, acc[t][n]);
      }
    }
  }
  CNNCORE_UNROLL
  for (int t = 0; t < T; ++t) {
    CNNCORE_UNROLL
    for (int n = 0; n < N; ++n) a.dw[(k + t) * a.ldw + n] += reduce_add(acc[t][n]);
  }
}

void gemm_rows_weights(const GemmRowsWeightsArgs& a) {
  for_columns<kWidth / 2>(a.cols, [&]<int N>() {
    constexpr int kSums = kRegisters >= 32 ? 24 : 8, T = kSums / N < 6 ? kSums / N : 6;
    rows_to_planes<N>(a);
    int64_t k = 0;
    for (; k + T <= a.depth; k += T) gemm_rows_weights_block<N, T>(a, k);
    for (; k < a.depth; ++k) gemm_rows_weights_block<N, 1>(a, k);
  });
}
