// The gradient of a 3x3 kernel by Winograd's F(3x3, 2x2) and F(3x3, 4x4). A square of dy plays the role of the kernel,
// and slides over a larger square of x. The products of all squares are summed first, and the sum is transformed back
// once:
//   dw = A^T (sum_t (B^T x B) . (G dy G^T)) A
// with B as in winograd.inl.h. For a 2x2 square of dy,
//   G = | 1    0  |    A^T = | 1 1  1 0 |
//       | 1/2  1/2|          | 0 1 -1 0 |
//       | 1/2 -1/2|          | 0 1  1 1 |
//       | 0   -1  |
// and for a 4x4 square, with a, b, n and m of winograd.inl.h,
//   G = | 1  0  0   0  |    A^T = | 1/aabb 1/n   1/n  1/m   1/m  0 |
//       | 1  a  aa  aaa|          |   0    a/n  -a/n  b/m  -b/m  0 |
//       | 1 -a  aa -aaa|          |   0    aa/n aa/n  bb/m  bb/m 1 |
//       | 1  b  bb  bbb|
//       | 1 -b  bb -bbb|
//       | 0  0  0   1  |
//   S side of a square of dy, t square, i one of the (S + 2)^2 elements of a transformed square, c channel, f filter

// How many squares are taken at a time. With more of them, the transformed ones would not stay in the second-level
// cache.
template <int S>
constexpr int64_t kGradientSquares = S == 2 ? 96 : 48;

// Writes G dy G^T for a vector of filters of a 2x2 square, which is read by read(row, column).
template <class Read>
inline void winograd_gradient_2x2(Read read, float* out, int64_t step) {
  const Vec half = set1(0.5f);
  const auto line = [&](Vec g0, Vec g1, Vec(&to)[4]) {
    const Vec h0 = mul(half, g0), h1 = mul(half, g1);
    to[0] = g0;
    to[1] = add(h0, h1);
    to[2] = sub(h0, h1);
    to[3] = sub(zero(), g1);
  };
  Vec left[4], right[4];
  line(read(0, 0), read(1, 0), left);
  line(read(0, 1), read(1, 1), right);
  CNNCORE_UNROLL
  for (int y = 0; y < 4; ++y) {
    Vec row[4];
    line(left[y], right[y], row);
    CNNCORE_UNROLL
    for (int x = 0; x < 4; ++x) store(out + (4 * y + x) * step, row[x]);
  }
}

// Two rows of G times the values g(0) to g(3).
template <int P, class Value>
inline VecPair winograd_gradient_pair(Value g) {
  if constexpr (P == 0) {
    return {g(0), g(3)};
  } else {
    const Vec at = set1(P == 1 ? kNear : kFar), square = set1(P == 1 ? kNear2 : kFar2);
    const Vec even = fmadd(square, g(2), g(0)), odd = mul(at, fmadd(square, g(3), g(1)));
    return {add(even, odd), sub(even, odd)};
  }
}

inline void winograd_gradient_row(const Vec (&g)[4], float* out, int64_t step) {
  const auto value = [&](int i) { return g[i]; };
  const VecPair near = winograd_gradient_pair<1>(value), far = winograd_gradient_pair<2>(value);
  const Vec row[6] = {g[0], near.first, near.second, far.first, far.second, g[3]};
  CNNCORE_UNROLL
  for (int i = 0; i < 6; ++i, out += step) store(out, row[i]);
}

template <int P, class Read>
inline void winograd_gradient_rows(Read read, float* out, int64_t step) {
  Vec first[4], second[4];
  CNNCORE_UNROLL
  for (int j = 0; j < 4; ++j) {
    const VecPair column = winograd_gradient_pair<P>([&](int i) { return read(i, j); });
    first[j] = column.first;
    second[j] = column.second;
  }
  winograd_gradient_row(first, out + kPairRows[P][0] * 6 * step, step);
  winograd_gradient_row(second, out + kPairRows[P][1] * 6 * step, step);
}

// Writes patch[i][t][f] = (G dy G^T)[i] of `squares` squares, beginning at `square`. The elements i are `step` floats
// apart.
template <int S>
inline void winograd_gradient_squares(const WinogradGradientArgs& a, int64_t square, int64_t squares, float* patch,
                                      int64_t step) {
  for (int64_t t = 0; t < squares; ++t, patch += a.filters) {
    for (int64_t f = 0; f < a.filters; f += kWidth) {
      const float* dy = a.dy + a.dy_offset[square + t] + f;
      const auto read = [&](int i, int j) { return load(dy + i * a.dy_row + j * a.dy_pixel); };
      if constexpr (S == 2) {
        winograd_gradient_2x2(read, patch + f, step);
      } else {
        winograd_gradient_rows<0>(read, patch + f, step);
        winograd_gradient_rows<1>(read, patch + f, step);
        winograd_gradient_rows<2>(read, patch + f, step);
      }
    }
  }
}

template <int S>
void winograd_gradient_of(const WinogradGradientArgs& a) {
  constexpr int64_t kMost = kGradientSquares<S>, kElements = kWinogradElements<S>;
  int32_t x_offset[kMost], dy_offset[kMost];
  for (int64_t t = 0; t < kMost; ++t) {
    x_offset[t] = static_cast<int32_t>(t * a.channels);
    dy_offset[t] = static_cast<int32_t>(t * a.filters);
  }
  const int64_t most = a.channels + a.filters <= 128 ? kMost : kMost * 2 / 3;
  const int64_t passes = (a.squares + most - 1) / most, step = (a.squares + passes - 1) / passes;
  for (int64_t square = 0; square < a.squares; square += step) {
    const int64_t squares = a.squares - square < step ? a.squares - square : step;
    const int64_t x_step = squares * a.channels + kElementGap, dy_step = squares * a.filters + kElementGap;
    float* x = a.scratch;
    float* dy = x + kElements * x_step;
    winograd_input<S>(a, square, squares, x, x_step);
    winograd_gradient_squares<S>(a, square, squares, dy, dy_step);
    GemmWeightsArgs product{};
    product.x_offset = x_offset, product.k_offset = a.count_up, product.dy_offset = dy_offset;
    product.pixels = squares, product.depth = a.channels, product.cols = product.ldw = a.filters;
    product.overwrite = a.overwrite && square == 0;
    for (int64_t i = 0; i < kElements; ++i) {
      product.x = x + i * x_step, product.dy = dy + i * dy_step;
      product.dw = a.du + i * a.channels * a.filters;
      gemm_weights(product);
    }
  }
}

void winograd_gradient(const WinogradGradientArgs& a) {
  a.side == 2 ? winograd_gradient_of<2>(a) : winograd_gradient_of<4>(a);
}

// Multiplies the values of a line of the sum by A^T.
inline void winograd_reduce_line(const Vec (&m)[4], Vec (&out)[3]) {
  out[0] = add(add(m[0], m[1]), m[2]);
  out[1] = sub(m[1], m[2]);
  out[2] = add(add(m[1], m[2]), m[3]);
}
inline void winograd_reduce_line(const Vec (&m)[6], Vec (&out)[3]) {
  const Vec near_sum = mul(set1(1 / kNearNorm), add(m[1], m[2])), far_sum = mul(set1(1 / kFarNorm), add(m[3], m[4]));
  const Vec near_rest = sub(m[1], m[2]), far_rest = sub(m[3], m[4]);
  out[0] = fmadd(set1(1 / (kNear2 * kFar2)), m[0], add(near_sum, far_sum));
  out[1] = fmadd(set1(kNear / kNearNorm), near_rest, mul(set1(kFar / kFarNorm), far_rest));
  out[2] = fmadd(set1(kNear2), near_sum, fmadd(set1(kFar2), far_sum, m[5]));
}

template <int S>
void winograd_reduce_of(const WinogradReduceArgs& a) {
  constexpr int kSide = S + 2;
  const int64_t plane = a.channels * a.filters;
  for (int64_t at = a.range.begin; at < a.range.end; at += kWidth) {
    Vec rows[3][kSide];
    CNNCORE_UNROLL
    for (int x = 0; x < kSide; ++x) {
      Vec column[kSide], sums[3];
      CNNCORE_UNROLL
      for (int y = 0; y < kSide; ++y) {
        const float* du = a.du + (kSide * y + x) * plane + at;
        column[y] = load(du);
        for (int64_t n = 1; n < a.count; ++n) column[y] = add(column[y], load(du + n * a.stride));
      }
      winograd_reduce_line(column, sums);
      CNNCORE_UNROLL
      for (int y = 0; y < 3; ++y) rows[y][x] = sums[y];
    }
    CNNCORE_UNROLL
    for (int y = 0; y < 3; ++y) {
      Vec taps[3];
      winograd_reduce_line(rows[y], taps);
      CNNCORE_UNROLL
      for (int x = 0; x < 3; ++x) store(a.dw + (3 * y + x) * plane + at, taps[x]);
    }
  }
}

void winograd_reduce(const WinogradReduceArgs& a) { a.side == 2 ? winograd_reduce_of<2>(a) : winograd_reduce_of<4>(a); }
