// The backward pass of a convolution with a fused 2x2 max-pool. At least three quarters of the gradient before the pool
// are zero, so only the winners of the pool are visited. The sums are the same as without the terms that are zero.
//   c output channel, q window of the pool, e entry in the list of a channel's winners,
//   j vector of the window of the input that the kernel covers

// How many vectors of a window are held in registers at the same time.
constexpr int kSparseVectors = kRegisters >= 32 ? 18 : 9;

void winner_lists(const WinnerListArgs& a) {
  const int64_t padded = a.windows_padded;
  float* value = a.scratch;  // shape [kWidth channels][windows]
  float* index = a.scratch + padded * kWidth;
  alignas(64) float square[kWidth * kWidth];
  for (int64_t c = 0; c < a.channels; c += kWidth) {
    const int lanes = static_cast<int>(a.channels - c < kWidth ? a.channels - c : kWidth);
    for (int64_t q = 0; q < padded; q += kWidth) {
      const int rows = static_cast<int>(a.windows - q < kWidth ? (a.windows > q ? a.windows - q : 0) : kWidth);
      for (int r = 0; r < kWidth; ++r)
        store(square + r * kWidth, r < rows ? load_n(a.dy + (q + r) * a.channels + c, lanes) : zero());
      transpose_square(square, kWidth, value + q, padded);
      for (int r = 0; r < kWidth; ++r)
        store(square + r * kWidth, r < rows ? load_u8_n(a.winner + (q + r) * a.channels + c, lanes) : set1(4.0f));
      transpose_square(square, kWidth, index + q, padded);
    }
    for (int l = 0; l < lanes; ++l) {
      float* values = a.value + (c + l) * a.capacity;
      int32_t* offsets = a.offset + (c + l) * a.capacity;
      int n = 0;
      for (int64_t q = 0; q < a.windows; q += kWidth) {
        const Vec i = load(index + l * padded + q);
        Index at = load_index(a.candidate + q);
        CNNCORE_UNROLL
        for (int k = 1; k < 4; ++k)
          at = select_index(equal(i, set1(static_cast<float>(k))), load_index(a.candidate + k * padded + q), at);
        n += compress_store(values + n, load(value + l * padded + q), offsets + n, at, greater(set1(4.0f), i));
      }
      a.count[c + l] = n;
    }
  }
}

void unpool(const UnpoolArgs& a) {
  for (int64_t q = 0; q < a.windows; ++q) {
    for (int64_t c = 0; c < a.channels; c += kWidth) {
      const int lanes = static_cast<int>(a.channels - c < kWidth ? a.channels - c : kWidth);
      const int64_t at = q * a.channels + c;
      const Vec winner = lanes == kWidth ? load_u8(a.winner + at) : load_u8_n(a.winner + at, lanes);
      const Vec dy = read_lanes(a.dy + at, lanes);
      for (int i = 0; i < 4; ++i)
        write_lanes(a.dy_full + a.candidate[i * a.windows_padded + q] + c,
                    select(equal(winner, set1(static_cast<float>(i))), dy, zero()), lanes);
    }
  }
}

void read_winners(const WinnersArgs& a) {
  for (int64_t q = 0; q < a.windows; ++q) {
    const float* x = a.x + 2 * q * a.channels;
    for (int64_t c = 0; c < a.channels; c += kWidth) {
      const int lanes = static_cast<int>(a.channels - c < kWidth ? a.channels - c : kWidth);
      const int64_t at = q * a.channels + c;
      const Vec winner = lanes == kWidth ? load_u8(a.winner + at) : load_u8_n(a.winner + at, lanes);
      Vec y = zero();
      for (int i = 0; i < 4; ++i)
        y = select(equal(winner, set1(static_cast<float>(i))),
                   read_lanes(x + (i / 2) * a.row + (i % 2) * a.channels + c, lanes), y);
      write_lanes(a.y + at, y, lanes);
    }
  }
}

template <int J>
void sparse_weights_block(const SparseArgs& a, int64_t c, int64_t j) {
  const int64_t ld = a.vectors * kWidth;
  float* dwt = a.dwt + c * ld + j * kWidth;
  const float* value = a.value + c * a.capacity;
  const int32_t* offset = a.offset + c * a.capacity;
  int64_t run_offset[J];
  Vec acc[J];
  CNNCORE_UNROLL
  for (int i = 0; i < J; ++i) {
    run_offset[i] = a.run_offset[j + i];
    acc[i] = a.overwrite ? zero() : load(dwt + i * kWidth);
  }
  const int n = a.count[c];
  for (int e = 0; e < n; ++e) {
    const Vec g = set1(value[e]);
    const float* x = a.x + offset[e];
    CNNCORE_UNROLL
    for (int i = 0; i < J; ++i) acc[i] = fmadd(g, load(x + run_offset[i]), acc[i]);
  }
  CNNCORE_UNROLL
  for (int i = 0; i < J; ++i) store(dwt + i * kWidth, acc[i]);
}

template <int J>
void sparse_data_block(const SparseArgs& a, int64_t c, int64_t j) {
  const int64_t ld = a.vectors * kWidth;
  const float* wt = a.wt + c * ld + j * kWidth;
  const float* value = a.value + c * a.capacity;
  const int32_t* offset = a.offset + c * a.capacity;
  int64_t run_offset[J];
  Vec w[J];
  CNNCORE_UNROLL
  for (int i = 0; i < J; ++i) {
    run_offset[i] = a.run_offset[j + i];
    w[i] = load(wt + i * kWidth);
  }
  const int n = a.count[c];
  for (int e = 0; e < n; ++e) {
    const Vec g = set1(value[e]);
    float* dx = a.dx + offset[e];
    CNNCORE_UNROLL
    for (int i = 0; i < J; ++i) store(dx + run_offset[i], fmadd(g, w[i], load(dx + run_offset[i])));
  }
}

void sparse_weights(const SparseArgs& a) {
  for (int64_t c = 0; c < a.channels; ++c) {
    int64_t j = 0;
    for (; j + kSparseVectors <= a.vectors; j += kSparseVectors) sparse_weights_block<kSparseVectors>(a, c, j);
    // Each block walks through the list of winners, so the blocks are as large as they can be: three rows of 24
    // channels are fifteen vectors.
    if (kSparseVectors > 15 && j + 15 <= a.vectors) sparse_weights_block<15>(a, c, j), j += 15;
    if (kSparseVectors > 12 && j + 12 <= a.vectors) sparse_weights_block<12>(a, c, j), j += 12;
    for (; j + 6 <= a.vectors; j += 6) sparse_weights_block<6>(a, c, j);
    for (; j + 3 <= a.vectors; j += 3) sparse_weights_block<3>(a, c, j);
    for (; j < a.vectors; ++j) sparse_weights_block<1>(a, c, j);
  }
}

void sparse_data(const SparseArgs& a) {
  for (int64_t c = 0; c < a.channels; ++c) {
    int64_t j = 0;
    for (; j + kSparseVectors <= a.vectors; j += kSparseVectors) sparse_data_block<kSparseVectors>(a, c, j);
    for (; j + 6 <= a.vectors; j += 6) sparse_data_block<6>(a, c, j);
    for (; j + 3 <= a.vectors; j += 3) sparse_data_block<3>(a, c, j);
    for (; j < a.vectors; ++j) sparse_data_block<1>(a, c, j);
  }
}

// V is the number of vectors of channels that are computed together. Each has nine sums in registers, beside the table
// of the patch, the gradient and the values looked up in the table.
template <int V>
void patch_weights_block(const PatchWeightsArgs& a, int64_t c, int lanes) {
  Vec acc[9][V];
  CNNCORE_UNROLL
  for (int t = 0; t < 9; ++t) {
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) acc[t][v] = zero();
  }
  // Winner i is the pixel (i / 2, i % 2) of its window, which is the entry 4 * (i / 2) + i % 2 of the 4x4 patch.
  alignas(64) constexpr float kEntry[16] = {0, 1, 4, 5};
  const Table16 entry = load_table(kEntry);
  for (int64_t q = 0; q < a.windows; ++q) {
    const Table16 patch = load_patch_4x4(a.x + a.window_offset[q], a.row);
    const float* dy = a.dy + q * a.channels + c;
    const uint8_t* winner = a.winner + q * a.channels + c;
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) {
      const bool whole = lanes >= (v + 1) * kWidth;
      const int tail = lanes - v * kWidth;
      const Vec i = whole ? load_u8(winner + v * kWidth) : load_u8_n(winner + v * kWidth, tail);
      const Vec dense = whole ? load(dy + v * kWidth) : load_n(dy + v * kWidth, tail);
      const Vec g = select(greater(set1(4.0f), i), dense, zero());
      const Index at = to_index(look_up(entry, to_index(i)));
      CNNCORE_UNROLL
      for (int t = 0; t < 9; ++t) acc[t][v] = fmadd(look_up(patch, add_index(at, t / 3 * 4 + t % 3)), g, acc[t][v]);
    }
  }
  CNNCORE_UNROLL
  for (int t = 0; t < 9; ++t) {
    CNNCORE_UNROLL
    for (int v = 0; v < V; ++v) {
      float* dw = a.dw + t * a.channels + c + v * kWidth;
      const int left = lanes - v * kWidth;
      const int tail = left < kWidth ? left : kWidth;
      store_n(dw, add(load_n(dw, tail), acc[t][v]), tail);
    }
  }
}

void patch_weights(const PatchWeightsArgs& a) {
  constexpr int kVectors = kRegisters >= 32 ? 2 : 1;
  int64_t c = 0;
  for (; c + (kVectors - 1) * kWidth < a.channels; c += kVectors * kWidth)
    patch_weights_block<kVectors>(
        a, c, static_cast<int>(a.channels - c < kVectors * kWidth ? a.channels - c : kVectors * kWidth));
  for (; c < a.channels; c += kWidth)
    patch_weights_block<1>(a, c, static_cast<int>(a.channels - c < kWidth ? a.channels - c : kWidth));
}
