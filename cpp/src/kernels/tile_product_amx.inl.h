// The product of tiles by a matrix unit with eight tiles of 16 rows x 64 bytes: four hold sums, two rows of a, two
// columns of b. What is in scope where this is included (isa_amx.cpp; a model of the unit in the tests):
//   TileSession              the unit is configured while one exists
//   tiles_zero()             sums = 0
//   tiles_load(c, ldc)       sums = c          a square of 32 x 32, ldc in floats
//   tiles_store(c, ldc)      c = sums
//   tiles_multiply_add(a, lda, b0, b1)         sums += 32 rows of a x two tiles of b

void tile_product(const TileProductArgs& a) {
  const TileSession session;
  // Columns inside: the rows of a stay in the nearest cache.
  for (int64_t r = 0; r < a.rows; r += kTileRows) {
    for (int64_t n = 0; n < a.cols; n += 2 * kTileColumns) {
      float* c = a.c + r * a.ldc + n;
      a.accumulate ? tiles_load(c, a.ldc) : tiles_zero();
      const uint16_t* row = a.a + r * a.lda;
      const uint16_t* panel = a.b + n / kTileColumns * a.b_block;
      for (int64_t s = 0; s < a.steps; ++s)
        tiles_multiply_add(row + a.a_step[s], a.lda, panel + a.b_step[s], panel + a.b_step[s] + a.b_block);
      tiles_store(c, a.ldc);
    }
  }
}
