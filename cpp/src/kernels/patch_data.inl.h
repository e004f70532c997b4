// The gradient of the input of a 3x3 convolution before a 2x2 max-pool, window by window. All winners of a window reach
// the same 4x4 pixels, which stay in registers while the gradients of the winners are added. Each filter has one winner
// in a window. The filters are sorted by the place of their winner, so that the code for a place knows the nine pixels
// that it reaches.
//   q window, f filter, i place of the winner in the window (0 to 3), e entry of a list

constexpr int kPatchVectors = 2;   // vectors of filters in a block; their kernels stay in the nearest cache
constexpr int kPatchWindows = 32;  // the number of windows whose winners are listed at a time

// The winners of a window among a block of filters, sorted by place: the entries of place i end before end[i].
struct PatchWinners {
  static constexpr int kCapacity = (kPatchVectors + 1) * kWidth;  // compress_store writes a vector beyond the last one
  float value[kCapacity];
  int32_t kernel[kCapacity];  // the position of the nine taps of the winner's filter
  int end[4];
};

inline void list_patch_winners(const PatchDataArgs& a, int64_t window, int64_t filter, PatchWinners& list) {
  const float* dy = a.dy + window * a.filters + filter;
  const uint8_t* winner = a.winner + window * a.filters + filter;
  const int64_t left = (a.filters - filter) / kWidth;
  const int vectors = static_cast<int>(left < kPatchVectors ? left : kPatchVectors);
  int n = 0;
  for (int i = 0; i < 4; ++i) {
    for (int v = 0; v < vectors; ++v)
      n += compress_store(list.value + n, load(dy + v * kWidth), list.kernel + n,
                          load_index(a.kernel_offset + filter + v * kWidth),
                          equal(load_u8(winner + v * kWidth), set1(static_cast<float>(i))));
    list.end[i] = n;
  }
}

// Adds the gradients of the winners at place I to the nine pixels that they reach.
template <int I>
inline void add_patch_winners(const PatchWinners& list, const float* kernels, Vec (&patch)[16]) {
  for (int e = I == 0 ? 0 : list.end[I - 1]; e < list.end[I]; ++e) {
    const Vec g = set1(list.value[e]);
    const float* w = kernels + list.kernel[e];
    CNNCORE_UNROLL
    for (int t = 0; t < 9; ++t) {
      Vec& pixel = patch[(I / 2 + t / 3) * 4 + I % 2 + t % 3];
      pixel = fmadd(g, load(w + t * kWidth), pixel);
    }
  }
}

inline void add_patch(const PatchDataArgs& a, const PatchWinners& list, const float* kernels, float* dx) {
  Vec patch[16];
  CNNCORE_UNROLL
  for (int i = 0; i < 16; ++i) patch[i] = load(dx + i / 4 * a.row + i % 4 * a.channels);
  add_patch_winners<0>(list, kernels, patch);
  add_patch_winners<1>(list, kernels, patch);
  add_patch_winners<2>(list, kernels, patch);
  add_patch_winners<3>(list, kernels, patch);
  CNNCORE_UNROLL
  for (int i = 0; i < 16; ++i) store(dx + i / 4 * a.row + i % 4 * a.channels, patch[i]);
}

void patch_data(const PatchDataArgs& a) {
  PatchWinners lists[kPatchWindows];
  for (int64_t f = 0; f < a.filters; f += kPatchVectors * kWidth) {
    for (int64_t first = 0; first < a.windows; first += kPatchWindows) {
      const int64_t count = a.windows - first < kPatchWindows ? a.windows - first : kPatchWindows;
      for (int64_t q = 0; q < count; ++q) list_patch_winners(a, first + q, f, lists[q]);
      for (int64_t c = 0; c < a.channels; c += kWidth) {
        const float* kernels = a.kernel + 9 * c * a.filters;
        for (int64_t q = 0; q < count; ++q) add_patch(a, lists[q], kernels, a.dx + a.window_offset[first + q] + c);
      }
    }
  }
}
