// Indirect matrix products: the forward convolution, its fusion with a 2x2 max-pool, and the gradient of the weights.
//   p pixel, k term of the sum, v vector of columns
// The sums of a block of P pixels x V vectors of columns stay in registers while the loop over all terms k runs.

// The size of a block: as many sums as there are registers, less V registers for the weights and one for the value of x
// that they are multiplied by.
constexpr bool kManyRegisters = kRegisters >= 32;
constexpr int kBlockVectors = 2;
constexpr int kBlockPixels = kManyRegisters ? 12 : 6;
// In a block of one vector, the pointer to a pixel is used for a single product. With more pointers than integer
// registers, each product would load its pointer from memory as well, so such a block has fewer pixels.
constexpr int kNarrowPixels = kManyRegisters ? 8 : kBlockPixels;
constexpr int kStripPixels = 4 * kBlockPixels;
constexpr int kPoolPixels = kManyRegisters ? 12 : 4;

struct GemmCursor {  // where a block of columns lies
  const float* w;
  const float* bias;
  float* y;
  uint8_t* winner;
  int tail;  // how many lanes of the last vector are columns that exist
};

template <bool kTail, int V>
inline Vec load_column(const float* p, int v, int tail) {
  return kTail && v == V - 1 ? load_n(p + v * kWidth, tail) : load(p + v * kWidth);
}

template <bool kTail, int V>
inline void store_column(float* p, int v, int tail, Vec a) {
  if (kTail && v == V - 1)
    store_n(p + v * kWidth, a, tail);
  else
    store(p + v * kWidth, a);
}

// Fetches vectors that will be written.
template <int V>
inline void fetch_vectors(const float* p) {
  CNNCORE_UNROLL
  for (int v = 0; v < V; ++v) __builtin_prefetch(p + v * kWidth, 1);
}

// A product of a single pixel prefetches the row of w that is this many rows ahead. It does too little arithmetic to
// hide the time that rows take from the outer caches, and the hardware does not predict reads of a few vectors with
// gaps between them.
constexpr int kRowsAhead = 8;

// acc[p][v] = bias[v] + sum_k x[p][k] * w[k][v]
template <int P, int V, bool kTail>
inline void gemm_block(const GemmArgs& a, const GemmCursor& at, const int32_t* x_offset, Vec (&acc)[P][V]) {
  const float* x[P];
  CNNCORE_UNROLL
  for (int p = 0; p < P; ++p) x[p] = a.x + x_offset[p];
  CNNCORE_UNROLL
  for (int v = 0; v < V; ++v) {
    const Vec b = at.bias ? load_column<kTail, V>(at.bias, v, at.tail) : zero();
    CNNCORE_UNROLL
    for (int p = 0; p < P; ++p) acc[p][v] = b;
  }
  const float* w = at.w;
  for (int64_t k = 0; k < a.depth; ++k, w += a.ldw) {
    const int64_t offset = a.k_offset[k];
    Vec row[V];
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) {
      if (P == 1) __builtin_prefetch(w + kRowsAhead * a.ldw + v * kWidth);  // beyond the last row this does nothing
      row[v] = load_column<kTail, V>(w, v, at.tail);
    }
    CNNCORE_UNROLL
    for (int p = 0; p < P; ++p) {
      const Vec b = set1(x[p][offset]);
      CNNCORE_UNROLL
      for (int v = 0; v < V; ++v) acc[p][v] = fmadd(b, row[v], acc[p][v]);
    }
  }
}

template <int P, int V, bool kTail>
void gemm_store(const GemmArgs& a, const GemmCursor& at, const int32_t* x_offset, const int32_t* y_offset) {
  Vec acc[P][V];
  gemm_block<P, V, kTail>(a, at, x_offset, acc);
  if (a.accumulate) {  // reads all of y before it writes any: gemm_rest may list a pixel several times
    CNNCORE_UNROLL
    for (int p = 0; p < P; ++p) {
      CNNCORE_UNROLL
      for (int v = 0; v < V; ++v)
        acc[p][v] = add(load_column<kTail, V>(at.y + y_offset[p], v, at.tail),
                        add(acc[p][v], zero()));  // adding zero turns -0 into 0
    }
  }
  // The choices are made once for the block. Inside of the loops they would be made again for each vector.
  const auto for_all = [&](auto f) {
    CNNCORE_UNROLL
    for (int p = 0; p < P; ++p) {
      CNNCORE_UNROLL
      for (int v = 0; v < V; ++v) f(p, v);
    }
  };
  if (a.positive_zeros) for_all([&](int p, int v) { acc[p][v] = add(acc[p][v], zero()); });
  if (a.relu) for_all([&](int p, int v) { acc[p][v] = max(zero(), acc[p][v]); });
  if (!kTail && a.stream)
    for_all([&](int p, int v) { store_streaming(at.y + y_offset[p] + v * kWidth, acc[p][v]); });
  else
    for_all([&](int p, int v) { store_column<kTail, V>(at.y + y_offset[p], v, at.tail, acc[p][v]); });
}

// The last pixels, where fewer than P are left. The list is filled up by repeating its last entry. That writes the same
// value to the same place several times.
template <int P, int V, bool kTail>
void gemm_rest(const GemmArgs& a, const GemmCursor& at, int64_t p) {
  int32_t x_offset[P], y_offset[P];
  for (int i = 0; i < P; ++i) {
    const int64_t source = p + i < a.pixels ? p + i : a.pixels - 1;
    x_offset[i] = a.x_offset[source];
    y_offset[i] = a.y_offset[source];
  }
  gemm_store<P, V, kTail>(a, at, x_offset, y_offset);
}

template <int V, bool kTail>
void gemm_columns(const GemmArgs& a, const GemmCursor& at) {
  constexpr int P = V == 1 ? kNarrowPixels : kBlockPixels;
  int64_t p = 0;
  for (; p + P <= a.pixels; p += P) {
    for (int i = 0; i < P && a.fetch_y; ++i) fetch_vectors<V>(at.y + a.y_offset[p + i]);
    gemm_store<P, V, kTail>(a, at, a.x_offset + p, a.y_offset + p);
  }
  const int64_t rest = a.pixels - p;
  if (rest > 8) return gemm_rest<kBlockPixels, V, kTail>(a, at, p);
  if (rest > 4) return gemm_rest<kManyRegisters ? 8 : kBlockPixels, V, kTail>(a, at, p);
  if (rest > 1) return gemm_rest<4, V, kTail>(a, at, p);
  if (rest > 0) return gemm_rest<1, V, kTail>(a, at, p);
}

// For a single pixel (a dense layer on one sample). An addition waits for the result of the one before it, so more
// vectors of columns are summed at the same time.
constexpr int kSingleVectors = kManyRegisters ? 8 : 4;

// Calls f(cursor, vectors, tail) for blocks of at most kMaxVectors vectors of columns.
template <int kMaxVectors, class Function>
inline void for_column_blocks(GemmCursor at, int64_t cols, Function f) {
  constexpr int64_t step = kMaxVectors * kWidth;
  for (int64_t n = 0; n < cols; n += step) {
    const int64_t left = cols - n;
    const int vectors = static_cast<int>(left >= step ? kMaxVectors : (left + kWidth - 1) / kWidth);
    at.tail = static_cast<int>(left >= step ? kWidth : left - (vectors - 1) * kWidth);
    f(at, vectors, at.tail != kWidth);
    at.w += step;
    if (at.bias) at.bias += step;
    at.y += step;
    if (at.winner) at.winner += step;
  }
}

// Computes as many blocks of V whole vectors as there are, and leaves the cursor at the columns that remain.
template <int V>
void gemm_single(const GemmArgs& a, GemmCursor& at, int64_t& cols) {
  for (; cols >= V * kWidth; cols -= V * kWidth) {
    gemm_store<1, V, false>(a, at, a.x_offset, a.y_offset);
    at.w += V * kWidth;
    if (at.bias) at.bias += V * kWidth;
    at.y += V * kWidth;
  }
}

void gemm(const GemmArgs& a) {
  GemmCursor at{a.w, a.bias, a.y, nullptr, kWidth};
  int64_t cols = a.cols;
  if (a.pixels == 1) {
    gemm_single<kSingleVectors>(a, at, cols);
    gemm_single<kSingleVectors / 2>(a, at, cols);
    if (cols == 0) return;
  }
  // The outer loop runs over strips of a few pixels, the inner one over columns. So the part of x that a strip reads
  // comes from memory once, while the arithmetic of all columns runs.
  GemmArgs strip = a;
  for (int64_t p = 0; p < a.pixels; p += kStripPixels) {
    strip.x_offset = a.x_offset + p;
    strip.y_offset = a.y_offset + p;
    strip.pixels = a.pixels - p < kStripPixels ? a.pixels - p : kStripPixels;
    for_column_blocks<kBlockVectors>(at, cols, [&](const GemmCursor& c, int vectors, bool tail) {
      if (vectors == 2)
        tail ? gemm_columns<2, true>(strip, c) : gemm_columns<2, false>(strip, c);
      else
        tail ? gemm_columns<1, true>(strip, c) : gemm_columns<1, false>(strip, c);
    });
  }
  if (a.stream) fence_stores();
}

// --- fused with relu and a 2x2 max-pool ---------------------------------------------------------------------------

struct Pooled {
  Vec value, index;  // index: which of the four is the maximum (the first of equal ones), or 4 where relu makes it zero
};

inline Pooled pool_window(Vec a, Vec b, Vec c, Vec d, bool relu) {
  Pooled best{a, zero()};
  const auto take = [&](Vec v, float i) {
    const Mask above = greater_or_nan(v, best.value);
    best = {select(above, v, best.value), select(above, set1(i), best.index)};
  };
  take(b, 1.0f);
  take(c, 2.0f);
  take(d, 3.0f);
  if (!relu) return best;
  return {max(zero(), best.value), select(greater(best.value, zero()), best.index, set1(4.0f))};
}

// The value alone, without the index. max is a single instruction, but it drops a NaN in its first operand, so that
// case is handled separately.
inline Vec pool_value(Vec a, Vec b, Vec c, Vec d, bool relu) {
  Vec best = a;
  const auto take = [&](Vec v) { best = select(equal(v, v), max(v, best), v); };
  take(b);
  take(c);
  take(d);
  return relu ? max(zero(), best) : best;
}

template <int P, int V, bool kTail>
void gemm_pool_block(const GemmPoolArgs& a, const GemmCursor& at, int64_t p) {
  Vec acc[P][V];
  gemm_block<P, V, kTail>(a, at, a.x_offset + p, acc);
  CNNCORE_UNROLL
  for (int q = 0; q < P / 4; ++q) {
    const int64_t out = a.y_offset[p / 4 + q];
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) {
      const Vec i0 = acc[4 * q][v], i1 = acc[4 * q + 1][v], i2 = acc[4 * q + 2][v], i3 = acc[4 * q + 3][v];
      if (!at.winner) {
        store_column<kTail, V>(at.y + out, v, at.tail, pool_value(i0, i1, i2, i3, a.relu));
        continue;
      }
      const Pooled best = pool_window(i0, i1, i2, i3, a.relu);
      store_column<kTail, V>(at.y + out, v, at.tail, best.value);
      if (kTail && v == V - 1)
        store_u8_n(at.winner + out + v * kWidth, best.index, at.tail);
      else
        store_u8(at.winner + out + v * kWidth, best.index);
    }
  }
}

template <int V, bool kTail>
void gemm_pool_columns(const GemmPoolArgs& a, const GemmCursor& at) {
  constexpr int P = V == 1 && kManyRegisters ? kNarrowPixels : kPoolPixels;
  int64_t p = 0;
  for (; p + P <= a.pixels; p += P) gemm_pool_block<P, V, kTail>(a, at, p);
  for (; p < a.pixels; p += 4) gemm_pool_block<4, V, kTail>(a, at, p);
}

void gemm_pool(const GemmPoolArgs& a) {
  for_column_blocks<kBlockVectors>({a.w, a.bias, a.y, a.winner, kWidth}, a.cols,
                                   [&](const GemmCursor& c, int vectors, bool tail) {
                                     if (vectors == 2)
                                       tail ? gemm_pool_columns<2, true>(a, c) : gemm_pool_columns<2, false>(a, c);
                                     else
                                       tail ? gemm_pool_columns<1, true>(a, c) : gemm_pool_columns<1, false>(a, c);
                                   });
}

// --- gradient of the weights --------------------------------------------------------------------------------------

// The offset of a term. A block of kBlockPixels terms has more of them than there are integer registers. With many
// vector registers, GCC keeps some in mask registers then, and moving them from there takes the ports of the
// multiplications: the loop took 5 to 8 % longer. `volatile` keeps them in memory. Smaller blocks do not need it, and a
// training step of LeNet-5 took 1 % longer with it.
template <bool kInMemory>
struct WeightOffset {
  int64_t value;
};
template <>
struct WeightOffset<true> {
  volatile int64_t value;
};

// Sums over all pixels for a block of R terms k x V vectors of columns.
template <int R, int V, bool kTail>
void gemm_weights_block(const GemmWeightsArgs& a, int64_t k, int64_t n, int tail) {
  WeightOffset<kManyRegisters && R == kBlockPixels> offset[R];
  Vec acc[R][V];
  CNNCORE_UNROLL
  for (int r = 0; r < R; ++r) {
    offset[r].value = a.k_offset[k + r];
    fetch_vectors<V>(a.dw + (k + r) * a.ldw + n);
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) acc[r][v] = zero();
  }
  const float* dy_columns = a.dy + n;
  for (int64_t p = 0; p < a.pixels; ++p) {
    const float* x = a.x + a.x_offset[p];
    const float* dy = dy_columns + a.dy_offset[p];
    Vec g[V];
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) g[v] = load_column<kTail, V>(dy, v, tail);
    CNNCORE_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vec b = set1(x[offset[r].value]);
      CNNCORE_UNROLL
      for (int v = 0; v < V; ++v) acc[r][v] = fmadd(b, g[v], acc[r][v]);
    }
  }
  CNNCORE_UNROLL
  for (int r = 0; r < R; ++r) {
    float* dw = a.dw + (k + r) * a.ldw + n;
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) {
      const Vec before = a.overwrite ? zero() : load_column<kTail, V>(dw, v, tail);
      store_column<kTail, V>(dw, v, tail, add(before, acc[r][v]));
    }
  }
}

template <int V, bool kTail>
void gemm_weights_columns(const GemmWeightsArgs& a, int64_t n, int tail) {
  constexpr int kWeightRows = V == 1 ? kNarrowPixels : kBlockPixels;
  int64_t k = 0;
  // All nine terms of a 3x3 kernel over one channel, or the last nine terms of another kernel, are one block.
  const auto nine = [&] { return kManyRegisters && a.depth - k == 9; };
  for (; k + kWeightRows <= a.depth && !nine(); k += kWeightRows)
    gemm_weights_block<kWeightRows, V, kTail>(a, k, n, tail);
  if (nine()) return gemm_weights_block<9, V, kTail>(a, k, n, tail);
  if (kManyRegisters && k + 8 <= a.depth) gemm_weights_block<8, V, kTail>(a, k, n, tail), k += 8;
  if (k + 4 <= a.depth) gemm_weights_block<4, V, kTail>(a, k, n, tail), k += 4;
  for (; k + 3 <= a.depth; k += 3) gemm_weights_block<3, V, kTail>(a, k, n, tail);
  for (; k < a.depth; ++k) gemm_weights_block<1, V, kTail>(a, k, n, tail);
}

void gemm_weights(const GemmWeightsArgs& a) {
  for (int64_t n = 0; n < a.cols; n += 2 * kWidth) {
    const int64_t left = a.cols - n;
    if (left >= 2 * kWidth)
      gemm_weights_columns<2, false>(a, n, kWidth);
    else if (left > kWidth)
      gemm_weights_columns<2, true>(a, n, static_cast<int>(left - kWidth));
    else if (left == kWidth)
      gemm_weights_columns<1, false>(a, n, kWidth);
    else
      gemm_weights_columns<1, true>(a, n, static_cast<int>(left));
  }
}
