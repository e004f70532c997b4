// What surrounds a product of bfloat16 tiles (TileProductArgs): operands into tiles, sums out of them.

// a rounded, and what that left.
inline Vec rest_bfloat16(Vec a, Vec high) { return nearest_bfloat16(sub(a, high)); }

void to_bfloat16(const float* x, uint16_t* high, uint16_t* low, int64_t size) {
  int64_t i = 0;
  const auto convert = [&](Vec v, uint16_t* to_high, uint16_t* to_low) {
    const Vec top = nearest_bfloat16(v);
    store_high_halves(to_high, top);
    if (low) store_high_halves(to_low, rest_bfloat16(v, top));
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

void transpose_bfloat16(const float* src, int64_t lds, uint16_t* high, uint16_t* low, int64_t ldd, int64_t rows,
                        int64_t cols) {
  for (int64_t r = 0; r < rows; r += kWidth) {
    const int64_t height = rows - r < kWidth ? rows - r : kWidth;
    for (int64_t c = 0; c < cols; c += kWidth) {
      const int width = static_cast<int>(cols - c < kWidth ? cols - c : kWidth);
      float square[kWidth * kWidth], turned[kWidth * kWidth];
      for (int64_t i = 0; i < kWidth; ++i)
        store(square + i * kWidth, i < height ? load_n(src + (r + i) * lds + c, width) : zero());
      transpose_square(square, kWidth, turned, kWidth);
      for (int i = 0; i < width; ++i) {
        const Vec v = load(turned + i * kWidth), top = nearest_bfloat16(v);
        store_high_halves(high + (c + i) * ldd + r, top);
        if (low) store_high_halves(low + (c + i) * ldd + r, rest_bfloat16(v, top));
      }
    }
  }
}

void pack_tiles(const PackTilesArgs& a) {
  for (int64_t n = 0; n < a.cols; n += kWidth) {
    const int64_t at = n / kTileColumns * a.block + n % kTileColumns * 2;
    for (int64_t k = 0; k < kTileTerms; k += 2) {
      const Vec even = k < a.rows ? load(a.src + k * a.ld + n) : zero();
      const Vec odd = k + 1 < a.rows ? load(a.src + (k + 1) * a.ld + n) : zero();
      const Vec top_even = nearest_bfloat16(even), top_odd = nearest_bfloat16(odd);
      store_high_pairs(a.high + at + k * kTileColumns, top_even, top_odd);
      if (a.low)
        store_high_pairs(a.low + at + k * kTileColumns, rest_bfloat16(even, top_even), rest_bfloat16(odd, top_odd));
    }
  }
}

void tile_store(const TileStoreArgs& a) {
  for (int64_t p = 0; p < a.pixels; ++p) {
    const float* c = a.c + a.c_offset[p];
    float* y = a.y + a.y_offset[p];
    for (int64_t n = 0; n < a.cols; n += kWidth) {
      const Vec sum = add(a.bias ? load(a.bias + n) : zero(), load(c + n));
      store(y + n, a.relu ? max(zero(), sum) : sum);
    }
  }
}

void tile_pool(const TilePoolArgs& a) {
  for (int64_t q = 0; q < a.pixels / 4; ++q) {
    const int32_t* at = a.c_offset + 4 * q;
    const int64_t out = a.y_offset[q];
    for (int64_t n = 0; n < a.cols; n += kWidth) {
      const Vec bias = a.bias ? load(a.bias + n) : zero();
      const auto sum = [&](int i) { return add(bias, load(a.c + at[i] + n)); };
      const Pooled best = pool_window(sum(0), sum(1), sum(2), sum(3), a.relu);
      store(a.y + out + n, best.value);
      if (a.winner) store_u8(a.winner + out + n, best.index);
    }
  }
}
