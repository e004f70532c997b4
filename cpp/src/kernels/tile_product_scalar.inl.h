// The product of tiles in plain C++. Tests compare the products of hardware units with it. It also runs under the
// scalar instruction set, so that the code around the product is tested on machines without such a unit.
inline float from_bfloat16(uint16_t value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float f;
  __builtin_memcpy(&f, &bits, sizeof f);
  return f;
}

void tile_product(const TileProductArgs& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    for (int64_t n = 0; n < a.cols; n += kTileColumns) {
      float* c = a.c + r * a.ldc + n;
      float sum[kTileColumns] = {};
      if (a.accumulate)
        for (int64_t i = 0; i < kTileColumns; ++i) sum[i] = c[i];
      for (int64_t s = 0; s < a.steps; ++s) {
        const uint16_t* row = a.a + r * a.lda + a.a_step[s];
        const uint16_t* tile = a.b + n / kTileColumns * a.b_block + a.b_step[s];
        for (int64_t k = 0; k < kTileTerms; ++k)
          for (int64_t i = 0; i < kTileColumns; ++i)
            sum[i] += from_bfloat16(row[k]) * from_bfloat16(tile[(k / 2 * kTileColumns + i) * 2 + k % 2]);
      }
      for (int64_t i = 0; i < kTileColumns; ++i) c[i] = sum[i];
    }
  }
}
