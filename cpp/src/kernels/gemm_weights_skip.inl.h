// The gradient of the weights for inputs that are zero in many places, as the output of a relu is.
//   p pixel, k term (a row of dw), v vector of columns
//   word: 64 pixels, with a bit for each that says whether its x is other than zero for a term k

constexpr int kSkipBlock = 64;  // the pixels of a block, which are the bits of a word

// Turns rows of bits into columns: bit j of word i becomes bit i of word j (Warren, "Hacker's Delight", section 7-3).
inline void transpose_bits(uint64_t (&words)[64]) {
  uint64_t mask = 0x00000000ffffffff;
  for (int j = 32; j != 0; j /= 2, mask ^= mask << j) {
    for (int base = 0; base < 64; base += 2 * j) {
      for (int i = base; i < base + j; ++i) {
        const uint64_t swapped = ((words[i] >> j) ^ words[i + j]) & mask;
        words[i] ^= swapped << j;
        words[i + j] ^= swapped;
      }
    }
  }
}

// Makes the words of all terms for a block of pixels. Returns false if the first pixels have few zeros.
inline bool list_pixels(const GemmWeightsArgs& a, int64_t begin, int64_t pixels, uint64_t (*words)[64]) {
  constexpr int64_t kSample = 8;
  int64_t terms = 0;
  for (int64_t p = 0; p < pixels; ++p) {
    PixelWords of_pixel;
    terms += skip_words(a.x + a.x_offset[begin + p], a.depth, of_pixel);
    if ((p + 1 == kSample || p + 1 == pixels) && p < kSample && 3 * terms > 2 * (p + 1) * a.depth) return false;
    for (int64_t i = 0; 64 * i < a.depth; ++i) words[i][p] = of_pixel[i];
  }
  for (int64_t i = 0; 64 * i < a.depth; ++i) {
    for (int64_t p = pixels; p < kSkipBlock; ++p) words[i][p] = 0;
    transpose_bits(words[i]);
  }
  return true;
}

// Copies kSkipColumns columns of dy, so that they stay in the nearest cache. Returns whether they are finite.
inline bool copy_gradient(const GemmWeightsArgs& a, int64_t begin, int64_t pixels, int64_t n, float* to) {
  Vec sum = zero();  // of 0 * dy, which is zero unless a value is infinite or NaN
  for (int64_t p = 0; p < pixels; ++p, to += kSkipColumns) {
    const float* dy = a.dy + a.dy_offset[begin + p] + n;
    CNNCORE_UNROLL
    for (int v = 0; v < kSkipVectors; ++v) {
      const Vec g = load(dy + v * kWidth);
      sum = fmadd(g, zero(), sum);
      store(to + v * kWidth, g);
    }
  }
  return reduce_add(sum) == 0.0f;
}

// One row of dw, for the columns in dy: sums over the pixels of a word.
inline void skip_row(const float* x, const int32_t* x_offset, uint64_t word, const float* dy, bool overwrite,
                     float* dw) {
  Vec acc[kSkipVectors];
  CNNCORE_UNROLL
  for (int v = 0; v < kSkipVectors; ++v) acc[v] = zero();
  for (; word; word &= word - 1) {
    const int p = __builtin_ctzll(word);
    const Vec factor = set1(x[x_offset[p]]);
    CNNCORE_UNROLL
    for (int v = 0; v < kSkipVectors; ++v) acc[v] = fmadd(factor, load(dy + p * kSkipColumns + v * kWidth), acc[v]);
  }
  CNNCORE_UNROLL
  for (int v = 0; v < kSkipVectors; ++v) {
    const Vec before = overwrite ? zero() : load(dw + v * kWidth);
    store(dw + v * kWidth, add(before, acc[v]));
  }
}

void gemm_weights_skip(const GemmWeightsArgs& a) {
  uint64_t words[kSkipWords][64];
  alignas(64) float dy[kSkipBlock * kSkipColumns];
  for (int64_t begin = 0; begin < a.pixels; begin += kSkipBlock) {
    GemmWeightsArgs block = a;
    block.x_offset = a.x_offset + begin, block.dy_offset = a.dy_offset + begin;
    block.pixels = a.pixels - begin < kSkipBlock ? a.pixels - begin : kSkipBlock;
    block.overwrite = a.overwrite && begin == 0;
    if (!list_pixels(a, begin, block.pixels, words)) {
      gemm_weights(block);
      continue;
    }
    block.cols = kSkipColumns;
    for (int64_t n = 0; n < a.cols; n += kSkipColumns, block.dy += kSkipColumns, block.dw += kSkipColumns) {
      if (!copy_gradient(a, begin, block.pixels, n, dy)) {
        gemm_weights(block);
        continue;
      }
      for (int64_t k = 0; k < a.depth; ++k)
        skip_row(a.x + k, block.x_offset, words[k / 64][k % 64], dy, block.overwrite, block.dw + k * a.ldw);
    }
  }
}
