// Conversions from float32 to bfloat16. They prepare the operands of a product of tiles (TileProductArgs).

// The error of rounding: what is left of a after its nearest bfloat16 value is subtracted.
inline Vec rest_bfloat16(Vec a) { return sub(a, nearest_bfloat16(a)); }

void to_bfloat16(const float* x, uint16_t* high, uint16_t* low, int64_t size) {
  int64_t i = 0;
  const auto convert = [&](Vec v, uint16_t* to_high, uint16_t* to_low) {
    store_bfloat16(to_high, v);
    if (low) store_bfloat16(to_low, rest_bfloat16(v));
  };
  for (; i + kWidth <= size; i += kWidth) convert(load(x + i), high + i, low + i);
  if (i == size) return;
  uint16_t last[2][kWidth];
  convert(load_n(x + i, static_cast<int>(size - i)), last[0], last[1]);
  for (int64_t j = i; j < size; ++j) {
    high[j] = last[0][j - i];
    if (low) low[j] = last[1][j - i];
  }
}

// Two rows of src are first joined into one row of pairs of bfloat16 values. A pair takes as many bits as a float, so
// transposing one square of vectors transposes twice as many values.
void transpose_bfloat16(const float* src, int64_t lds, uint16_t* high, uint16_t* low, int64_t ldd, int64_t rows,
                        int64_t cols) {
  for (int64_t r = 0; r < rows; r += 2 * kWidth) {
    for (int64_t c = 0; c < cols; c += kWidth) {
      const int width = static_cast<int>(cols - c < kWidth ? cols - c : kWidth);
      float pairs[kWidth * kWidth], low_pairs[kWidth * kWidth], turned[kWidth * kWidth];
      const auto row = [&](int64_t i) { return i < rows ? load_n(src + i * lds + c, width) : zero(); };
      for (int i = 0; i < kWidth; ++i) {
        const Vec even = row(r + 2 * i), odd = row(r + 2 * i + 1);
        store(pairs + i * kWidth, bfloat16_pairs(even, odd));
        if (low) store(low_pairs + i * kWidth, bfloat16_pairs(rest_bfloat16(even), rest_bfloat16(odd)));
      }
      transpose_square(pairs, kWidth, turned, kWidth);
      for (int i = 0; i < width; ++i) store_bits(high + (c + i) * ldd + r, load(turned + i * kWidth));
      if (!low) continue;
      transpose_square(low_pairs, kWidth, turned, kWidth);
      for (int i = 0; i < width; ++i) store_bits(low + (c + i) * ldd + r, load(turned + i * kWidth));
    }
  }
}

void pack_tiles(const PackTilesArgs& a) {
  for (int64_t n = 0; n < a.cols; n += kWidth) {
    const int64_t at = n / kTileColumns * a.block + n % kTileColumns * 2;
    for (int64_t k = 0; k < kTileTerms; k += 2) {
      const Vec even = k < a.rows ? load(a.src + k * a.ld + n) : zero();
      const Vec odd = k + 1 < a.rows ? load(a.src + (k + 1) * a.ld + n) : zero();
      store_bits(a.high + at + k * kTileColumns, bfloat16_pairs(even, odd));
      if (a.low) store_bits(a.low + at + k * kTileColumns, bfloat16_pairs(rest_bfloat16(even), rest_bfloat16(odd)));
    }
  }
}
