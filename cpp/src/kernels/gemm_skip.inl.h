// Products with inputs that are zero in many places, as the output of a relu is. Terms in which x is zero are left out.
//   p pixel, k term of the sum, v vector of columns
//   word: 64 terms, with a bit for each that says whether its x is other than zero

constexpr int kSkipVectors = static_cast<int>(kSkipColumns) / kWidth;
// Pixels are computed by themselves, because each leaves out other terms. An addition waits for the one before it in
// the same sum. If a pixel has few vectors of columns, a second pixel is computed at the same time to fill that time.
constexpr int kSkipPixels = 2 * kSkipVectors <= kRegisters / 2 ? 2 : 1;
constexpr int kSkipStrip = 48;                   // a strip is the pixels whose words are made together
constexpr int kSkipWords = kMostSkipTerms / 64;  // the largest number of words of a pixel
constexpr int64_t kWordsTogether = 2;            // the rows of w for this many words stay in the nearest cache

using PixelWords = uint64_t[kSkipWords];

// Makes the words of a pixel, and returns how many terms are not left out. NaN is not zero.
inline int skip_words(const float* x, int64_t depth, PixelWords& words) {
  int terms = 0;
  for (int64_t word = 0; 64 * word < depth; ++word) {
    uint64_t zeros = 0;
    const int64_t end = depth - 64 * word < 64 ? depth - 64 * word : 64;
    const float* from = x + 64 * word;
    int64_t k = 0;
    for (; k + kWidth <= end; k += kWidth)
      zeros |= static_cast<uint64_t>(mask_bits(equal(load(from + k), zero()))) << k;
    if (k < end)
      zeros |= static_cast<uint64_t>(mask_bits(equal(load_n(from + k, static_cast<int>(end - k)), zero()))) << k;
    words[word] = ~zeros & (end == 64 ? ~uint64_t{0} : (uint64_t{1} << end) - 1);
    terms += __builtin_popcountll(words[word]);
  }
  return terms;
}

// Lists the words of a strip. Returns false if its first pixels have so many terms that blocks of pixels are faster.
inline bool list_words(const GemmSkipArgs& a, int64_t begin, int64_t pixels, PixelWords* words) {
  constexpr int64_t kSample = 8;
  int64_t terms = 0;
  for (int64_t p = 0; p < pixels; ++p) {
    terms += skip_words(a.x + a.x_offset[begin + p], a.depth, words[p]);
    if ((p + 1 == kSample || p + 1 == pixels) && p < kSample && 4 * terms > 3 * (p + 1) * a.depth) return false;
  }
  return true;
}

struct SkipBlock {  // the columns of one panel, and some of the words of a strip
  const float* w;
  const float* bias;
  float* y;
  const PixelWords* words;
  float* sums;    // of each pixel, over the words before first_word
  int64_t strip;  // the first pixel
  int64_t first_word, end_word, all_words;
};

template <int N>
void skip_pixels(const GemmSkipArgs& a, const SkipBlock& b, int64_t p) {
  Vec acc[N][kSkipVectors];
  float* sums = b.sums + p * kSkipColumns;
  CNNCORE_UNROLL
  for (int i = 0; i < N; ++i) {
    CNNCORE_UNROLL
    for (int v = 0; v < kSkipVectors; ++v)
      acc[i][v] = b.first_word > 0 ? load(sums + i * kSkipColumns + v * kWidth)
                  : b.bias         ? load(b.bias + v * kWidth)
                                   : zero();
  }
  for (int64_t word = b.first_word; word < b.end_word; ++word) {
    const float* w = b.w + 64 * word * kSkipColumns;
    uint64_t left[N];
    const float* x[N];
    CNNCORE_UNROLL
    for (int i = 0; i < N; ++i) left[i] = b.words[p + i][word], x[i] = a.x + a.x_offset[b.strip + p + i] + 64 * word;
    const auto add_term = [&](int i) {
      const int k = __builtin_ctzll(left[i]);
      left[i] &= left[i] - 1;
      const Vec factor = set1_at(x[i] + k);
      CNNCORE_UNROLL
      for (int v = 0; v < kSkipVectors; ++v)
        acc[i][v] = fmadd(factor, load(w + k * kSkipColumns + v * kWidth), acc[i][v]);
    };
    if (N == 2)
      while (left[0] && left[N - 1]) add_term(0), add_term(N - 1);
    CNNCORE_UNROLL
    for (int i = 0; i < N; ++i)
      while (left[i]) add_term(i);
  }
  CNNCORE_UNROLL
  for (int i = 0; i < N; ++i) {
    float* y = b.y + a.y_offset[b.strip + p + i];
    CNNCORE_UNROLL
    for (int v = 0; v < kSkipVectors; ++v) {
      if (b.end_word < b.all_words) {
        store(sums + i * kSkipColumns + v * kWidth, acc[i][v]);
        continue;
      }
      const Vec sum = add(acc[i][v], zero());  // turns -0 into 0
      const Vec all = a.accumulate ? add(load(y + v * kWidth), sum) : sum;
      store(y + v * kWidth, a.relu ? max(zero(), all) : all);
    }
  }
}

void skip_strip(const GemmSkipArgs& a, SkipBlock b, int64_t pixels) {
  for (int64_t p = 0; p < pixels && a.fetch_y; ++p) fetch_vectors<kSkipVectors>(b.y + a.y_offset[b.strip + p]);
  for (b.first_word = 0; b.first_word < b.all_words; b.first_word += kWordsTogether) {
    b.end_word = b.first_word + kWordsTogether < b.all_words ? b.first_word + kWordsTogether : b.all_words;
    int64_t p = 0;
    for (; p + kSkipPixels <= pixels; p += kSkipPixels) skip_pixels<kSkipPixels>(a, b, p);
    if (p < pixels) skip_pixels<1>(a, b, p);
  }
}

void gemm_skip(const GemmSkipArgs& a) {
  PixelWords words[kSkipStrip];
  alignas(64) float sums[kSkipStrip * kSkipColumns];
  for (int64_t begin = 0; begin < a.pixels; begin += kSkipStrip) {
    const int64_t pixels = a.pixels - begin < kSkipStrip ? a.pixels - begin : kSkipStrip;
    const bool skips = a.skips && list_words(a, begin, pixels, words);
    for (int64_t n = 0; n < a.cols; n += kSkipColumns) {
      const float* w = a.w + n / kSkipColumns * a.panel;
      const float* bias = a.bias ? a.bias + n : nullptr;
      if (skips) {
        const SkipBlock block{.w = w,
                              .bias = bias,
                              .y = a.y + n,
                              .words = words,
                              .sums = sums,
                              .strip = begin,
                              .first_word = 0,
                              .end_word = 0,
                              .all_words = (a.depth + 63) / 64};
        skip_strip(a, block, pixels);
        continue;
      }
      GemmArgs all = a;
      all.x_offset = a.x_offset + begin, all.y_offset = a.y_offset + begin, all.pixels = pixels;
      all.w = w, all.ldw = kSkipColumns, all.cols = kSkipColumns, all.bias = bias, all.y = a.y + n;
      all.positive_zeros = true;
      gemm(all);
    }
  }
}
