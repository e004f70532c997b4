// Copies the sums of a product of bfloat16 tiles (TileProductArgs) to the output, and adds the bias and applies relu
// and the max-pool while doing so. bfloat16.inl.h prepares the operands of the product.

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
