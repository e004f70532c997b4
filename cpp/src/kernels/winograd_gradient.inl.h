// The gradient of a 3x3 kernel by Winograd's F(3x3, 2x2). A 2x2 square of dy plays the role of the kernel, and slides
// over a 4x4 square of x. The products of all squares are summed first, and the sum is transformed back once:
//   dw = A^T (sum_t (B^T x B) . (G dy G^T)) A
// with B as in winograd.inl.h, and
//   G = | 1    0  |    A^T = | 1 1  1 0 |
//       | 1/2  1/2|          | 0 1 -1 0 |
//       | 1/2 -1/2|          | 0 1  1 1 |
//       | 0   -1  |
//   t square, i one of the 16 elements of a transformed square, c channel, f filter

// With more squares at a time, the transformed squares would not stay in the second-level cache.
constexpr int64_t kGradientSquares = 96;

// Writes patch[i][t][f] = (G dy G^T)[i] of `squares` squares, beginning at `square`.
inline void winograd_gradient_squares(const WinogradGradientArgs& a, int64_t square, int64_t squares, float* patch) {
  const Vec half = set1(0.5f);
  const auto line = [&](Vec g0, Vec g1, Vec(&out)[4]) {
    const Vec h0 = mul(half, g0), h1 = mul(half, g1);
    out[0] = g0;
    out[1] = add(h0, h1);
    out[2] = sub(h0, h1);
    out[3] = sub(zero(), g1);
  };
  for (int64_t t = 0; t < squares; ++t) {
    const float* dy = a.dy + a.dy_offset[square + t];
    for (int64_t f = 0; f < a.filters; f += kWidth) {
      Vec left[4], right[4];
      line(load(dy + f), load(dy + a.dy_row + f), left);
      line(load(dy + a.dy_pixel + f), load(dy + a.dy_row + a.dy_pixel + f), right);
      CNNCORE_UNROLL
      for (int y = 0; y < 4; ++y) {
        Vec out[4];
        line(left[y], right[y], out);
        CNNCORE_UNROLL
        for (int x = 0; x < 4; ++x) store(patch + ((4 * y + x) * squares + t) * a.filters + f, out[x]);
      }
    }
  }
}

void winograd_gradient(const WinogradGradientArgs& a) {
  int32_t x_offset[kGradientSquares], dy_offset[kGradientSquares];
  for (int64_t t = 0; t < kGradientSquares; ++t) {
    x_offset[t] = static_cast<int32_t>(t * a.channels);
    dy_offset[t] = static_cast<int32_t>(t * a.filters);
  }
  const int64_t most = a.channels + a.filters <= 128 ? kGradientSquares : kGradientSquares * 2 / 3;
  const int64_t passes = (a.squares + most - 1) / most, step = (a.squares + passes - 1) / passes;
  for (int64_t square = 0; square < a.squares; square += step) {
    const int64_t squares = a.squares - square < step ? a.squares - square : step;
    float* x = a.scratch;
    float* dy = x + 16 * squares * a.channels;
    winograd_input(a, square, squares, x);
    winograd_gradient_squares(a, square, squares, dy);
    GemmWeightsArgs product{};
    product.x_offset = x_offset, product.k_offset = a.count_up, product.dy_offset = dy_offset;
    product.pixels = squares, product.depth = a.channels, product.cols = product.ldw = a.filters;
    product.overwrite = a.overwrite && square == 0;
    for (int64_t i = 0; i < 16; ++i) {
      product.x = x + i * squares * a.channels, product.dy = dy + i * squares * a.filters;
      product.dw = a.du + i * a.channels * a.filters;
      gemm_weights(product);
    }
  }
}

void winograd_reduce(const WinogradReduceArgs& a) {
  const int64_t plane = a.channels * a.filters;
  for (int64_t at = a.range.begin; at < a.range.end; at += kWidth) {
    const auto total = [&](int64_t i) {
      Vec sum = load(a.du + i * plane + at);
      for (int64_t n = 1; n < a.count; ++n) sum = add(sum, load(a.du + n * a.stride + i * plane + at));
      return sum;
    };
    Vec row[4];
    CNNCORE_UNROLL
    for (int x = 0; x < 4; ++x) {
      const Vec m1 = total(4 + x), m2 = total(8 + x);
      row[x] = a.ky == 1 ? sub(m1, m2) : a.ky == 0 ? add(add(total(x), m1), m2) : add(add(m1, m2), total(12 + x));
    }
    store(a.dw + at, add(add(row[0], row[1]), row[2]));
    store(a.dw + plane + at, sub(row[1], row[2]));
    store(a.dw + 2 * plane + at, add(add(row[1], row[2]), row[3]));
  }
}
