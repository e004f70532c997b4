// The transforms of Winograd's algorithm for 3x3 kernels (Lavin and Gray, "Fast Algorithms for Convolutional Neural
// Networks", 2016). For a kernel g and a patch d of the input, a square of outputs is
//   Y = A^T [(G g G^T) . (B^T d B)] A, where . multiplies element by element.
// F(2x2, 3x3) reads a 4x4 patch. Its square takes 16 products for each channel, where the direct sum takes 36:
//   B^T = | 1  0 -1  0 |    G = |  1    0    0  |    A^T = | 1 1  1  0 |
//         | 0  1  1  0 |        | 1/2  1/2  1/2 |          | 0 1 -1 -1 |
//         | 0 -1  1  0 |        | 1/2 -1/2  1/2 |
//         | 0  1  0 -1 |        |  0    0    1  |
// F(4x4, 3x3) reads a 6x6 patch, and takes 36 products where the direct sum takes 144. It multiplies polynomials by
// their values at 0, a, -a, b, -b and infinity. With a = 3/4 and b = 3/2, rounding errors are smaller than with the
// usual 1 and 2, because the powers of both are nearer to 1:
//   B^T = | aabb    0   -aa-bb   0      1  0 |    G = | 1/aabb   0     0   |    A^T = | 1  1   1   1   1   0 |
//         |  0    -abb   -bb     a      1  0 |        |  1/n   a/n   aa/n  |          | 0  a  -a   b  -b   0 |
//         |  0     abb   -bb    -a      1  0 |        |  1/n  -a/n   aa/n  |          | 0  aa  aa  bb  bb  0 |
//         |  0    -aab   -aa     b      1  0 |        |  1/m   b/m   bb/m  |          | 0 aaa -aaa bbb -bbb 1 |
//         |  0     aab   -aa    -b      1  0 |        |  1/m  -b/m   bb/m  |          n = 2aa(aa - bb)
//         |  0    aabb    0    -aa-bb   0  1 |        |   0     0     1    |          m = 2bb(bb - aa)
// With strides of 2, a square of 2x2 outputs reads a 5x5 patch. Along an axis, the first and the last tap of the kernel
// meet the places 0, 2 and 4 of the patch, and are multiplied as in F(2, 2), which takes 3 products instead of 4. The
// tap in the middle meets the places 1 and 3 by itself. So a square takes 25 products where the direct sum takes 36:
//   B^T = | 1 0 -1 0 0 |    G = | 1 0 0 |    A^T = | 1 1 0 1 0 |
//         | 0 0  1 0 0 |        | 1 0 1 |          | 0 1 1 0 1 |
//         | 0 0 -1 0 1 |        | 0 0 1 |
//         | 0 1  0 0 0 |        | 0 1 0 |
//         | 0 0  0 1 0 |        | 0 1 0 |
// The letters are: S side of a square of outputs, R stride, i element of a transformed square, t square, c channel, v
// vector of filters.

constexpr float kNear = 0.75f, kFar = 1.5f;  // a and b of F(4x4, 3x3)
constexpr float kNear2 = kNear * kNear, kFar2 = kFar * kFar;
constexpr float kNearNorm = 2 * kNear2 * (kNear2 - kFar2), kFarNorm = 2 * kFar2 * (kFar2 - kNear2);  // n and m

// The side of the patch that a square with strides of R reads, and the number of its elements.
template <int S, int R = 1>
constexpr int kWinogradPatch = (S - 1) * R + 3;
template <int S, int R = 1>
constexpr int kWinogradElements = kWinogradPatch<S, R> * kWinogradPatch<S, R>;

// Multiplies four values of a 4x4 patch by B^T, in place: a row or a column, whose values are `step` apart.
inline void winograd_input_line(Vec (&d)[16], int first, int step) {
  const Vec a = d[first], b = d[first + step], c = d[first + 2 * step], e = d[first + 3 * step];
  d[first] = sub(a, c);
  d[first + step] = add(b, c);
  d[first + 2 * step] = sub(c, b);
  d[first + 3 * step] = sub(b, e);
}

// A patch is read by read(row, column), and its transformed values are written to `out`, `step` floats apart.
template <class Read>
inline void winograd_patch_4x4(Read read, float* out, int64_t step) {
  Vec d[16];
  CNNCORE_UNROLL
  for (int i = 0; i < 16; ++i) d[i] = read(i / 4, i % 4);
  CNNCORE_UNROLL
  for (int i = 0; i < 4; ++i) winograd_input_line(d, i, 4);
  CNNCORE_UNROLL
  for (int i = 0; i < 4; ++i) winograd_input_line(d, 4 * i, 1);
  CNNCORE_UNROLL
  for (int i = 0; i < 16; ++i) store(out + i * step, d[i]);
}

// The rows of the 6x6 matrices come in pairs that share most of their arithmetic: for zero and infinity, a and -a, and
// b and -b.
struct VecPair {
  Vec first, second;
};
constexpr int kPairs = 3;
constexpr int kPairRows[kPairs][2] = {{0, 5}, {1, 2}, {3, 4}};

// Two rows of B^T times the values d(0) to d(5).
template <int P, class Value>
inline VecPair winograd_input_pair(Value d) {
  if constexpr (P == 0) {
    const Vec ends = set1(kNear2 * kFar2), middle = set1(-kNear2 - kFar2);
    return {fmadd(ends, d(0), fmadd(middle, d(2), d(4))), fmadd(ends, d(1), fmadd(middle, d(3), d(5)))};
  } else {
    const Vec at = set1(P == 1 ? kNear : kFar), other = set1(P == 1 ? -kFar2 : -kNear2);
    const Vec even = fmadd(other, d(2), d(4)), odd = mul(at, fmadd(other, d(1), d(3)));
    return {add(even, odd), sub(even, odd)};
  }
}

inline void winograd_input_row(const Vec (&d)[6], float* out, int64_t step) {
  const auto value = [&](int i) { return d[i]; };
  const VecPair ends = winograd_input_pair<0>(value);
  const VecPair near = winograd_input_pair<1>(value), far = winograd_input_pair<2>(value);
  const Vec row[6] = {ends.first, near.first, near.second, far.first, far.second, ends.second};
  CNNCORE_UNROLL
  for (int i = 0; i < 6; ++i, out += step) store(out, row[i]);
}

// The columns of two rows at a time stay in registers. For each pair, the patch is read again, which takes less time
// than writing and reading 36 values in between.
template <int P, class Read>
inline void winograd_patch_pair(Read read, float* out, int64_t step) {
  Vec first[6], second[6];
  CNNCORE_UNROLL
  for (int j = 0; j < 6; ++j) {
    const VecPair column = winograd_input_pair<P>([&](int i) { return read(i, j); });
    first[j] = column.first;
    second[j] = column.second;
  }
  winograd_input_row(first, out + kPairRows[P][0] * 6 * step, step);
  winograd_input_row(second, out + kPairRows[P][1] * 6 * step, step);
}

// Multiplies five values by B^T for strides of 2.
inline void winograd_strided_line(Vec (&d)[5]) {
  const Vec first = sub(d[0], d[2]), last = sub(d[4], d[2]), middle[2] = {d[1], d[3]};
  d[0] = first, d[1] = d[2], d[2] = last, d[3] = middle[0], d[4] = middle[1];
}

template <class Read>
inline void winograd_patch_strided(Read read, float* out, int64_t step) {
  Vec d[5][5];
  CNNCORE_UNROLL
  for (int j = 0; j < 5; ++j) {
    Vec column[5];
    CNNCORE_UNROLL
    for (int i = 0; i < 5; ++i) column[i] = read(i, j);
    winograd_strided_line(column);
    CNNCORE_UNROLL
    for (int i = 0; i < 5; ++i) d[i][j] = column[i];
  }
  CNNCORE_UNROLL
  for (int i = 0; i < 5; ++i) {
    winograd_strided_line(d[i]);
    CNNCORE_UNROLL
    for (int j = 0; j < 5; ++j) store(out + (5 * i + j) * step, d[i][j]);
  }
}

// Writes B^T d B for a vector of channels of a patch: its places are `step` floats apart.
template <int S, int R, bool kTail>
inline void winograd_patch(const float* x, int64_t row, int64_t pixel, int lanes, float* out, int64_t step) {
  const float* rows[kWinogradPatch<S, R>];
  CNNCORE_UNROLL
  for (int i = 0; i < kWinogradPatch<S, R>; ++i) rows[i] = x + i * row;
  const auto read = [&](int i, int j) {
    const float* from = rows[i] + j * pixel;
    return kTail ? load_n(from, lanes) : load(from);
  };
  if constexpr (R == 2) {
    winograd_patch_strided(read, out, step);
  } else if constexpr (S == 2) {
    winograd_patch_4x4(read, out, step);
  } else {
    winograd_patch_pair<0>(read, out, step);
    winograd_patch_pair<1>(read, out, step);
    winograd_patch_pair<2>(read, out, step);
  }
}

// y = A^T m A + bias, which are the pixels of a square, row by row. The values of m are `step` floats apart.
inline void winograd_output_square(const float* m, int64_t step, Vec bias, Vec (&y)[4]) {
  Vec top[4], bottom[4];
  CNNCORE_UNROLL
  for (int j = 0; j < 4; ++j) {
    const Vec m0 = load(m + j * step), m1 = load(m + (4 + j) * step), m2 = load(m + (8 + j) * step),
              m3 = load(m + (12 + j) * step);
    const Vec both = add(m1, m2), between = sub(m1, m2);
    top[j] = add(m0, both);
    bottom[j] = sub(between, m3);
  }
  y[0] = add(bias, add(add(top[0], top[1]), top[2]));
  y[1] = add(bias, sub(sub(top[1], top[2]), top[3]));
  y[2] = add(bias, add(add(bottom[0], bottom[1]), bottom[2]));
  y[3] = add(bias, sub(sub(bottom[1], bottom[2]), bottom[3]));
}

// Multiplies six values by A^T.
inline void winograd_output_line(const Vec (&m)[6], Vec (&y)[4]) {
  const Vec near_sum = add(m[1], m[2]), near_rest = mul(set1(kNear), sub(m[1], m[2]));
  const Vec far_sum = add(m[3], m[4]), far_rest = mul(set1(kFar), sub(m[3], m[4]));
  y[0] = add(m[0], add(near_sum, far_sum));
  y[1] = add(near_rest, far_rest);
  y[2] = fmadd(set1(kNear2), near_sum, mul(set1(kFar2), far_sum));
  y[3] = fmadd(set1(kNear2), near_rest, fmadd(set1(kFar2), far_rest, m[5]));
}

inline void winograd_output_square(const float* m, int64_t step, Vec bias, Vec (&y)[16]) {
  Vec rows[4][6];
  CNNCORE_UNROLL
  for (int j = 0; j < 6; ++j) {
    Vec column[6], sums[4];
    CNNCORE_UNROLL
    for (int i = 0; i < 6; ++i) column[i] = load(m + (6 * i + j) * step);
    winograd_output_line(column, sums);
    CNNCORE_UNROLL
    for (int i = 0; i < 4; ++i) rows[i][j] = sums[i];
  }
  CNNCORE_UNROLL
  for (int i = 0; i < 4; ++i) {
    Vec sums[4];
    winograd_output_line(rows[i], sums);
    CNNCORE_UNROLL
    for (int j = 0; j < 4; ++j) y[4 * i + j] = add(bias, sums[j]);
  }
}

// The same with strides of 2.
inline void winograd_strided_square(const float* m, int64_t step, Vec bias, Vec (&y)[4]) {
  Vec top[5], bottom[5];
  CNNCORE_UNROLL
  for (int j = 0; j < 5; ++j) {
    const auto value = [&](int i) { return load(m + (5 * i + j) * step); };
    const Vec both = value(1);
    top[j] = add(add(value(0), both), value(3));
    bottom[j] = add(add(both, value(2)), value(4));
  }
  const auto line = [&](const Vec(&v)[5], Vec& left, Vec& right) {
    left = add(bias, add(add(v[0], v[1]), v[3]));
    right = add(bias, add(add(v[1], v[2]), v[4]));
  };
  line(top, y[0], y[1]);
  line(bottom, y[2], y[3]);
}

// Multiplies the three values of a line of a kernel by G.
template <int S, int R>
inline void winograd_kernel_line(Vec g0, Vec g1, Vec g2, Vec (&out)[kWinogradPatch<S, R>]) {
  if constexpr (R == 2) {
    out[0] = g0;
    out[1] = add(g0, g2);
    out[2] = g2;
    out[3] = out[4] = g1;
  } else if constexpr (S == 2) {
    const Vec half = set1(0.5f);
    const Vec ends = mul(half, add(g0, g2)), middle = mul(half, g1);
    out[0] = g0;
    out[1] = add(ends, middle);
    out[2] = sub(ends, middle);
    out[3] = g2;
  } else {
    const auto pair = [&](float at, float norm, Vec& plus, Vec& minus) {
      const Vec even = mul(set1(1 / norm), fmadd(set1(at * at), g2, g0)), odd = mul(set1(at / norm), g1);
      plus = add(even, odd);
      minus = sub(even, odd);
    };
    out[0] = mul(set1(1 / (kNear2 * kFar2)), g0);
    pair(kNear, kNearNorm, out[1], out[2]);
    pair(kFar, kFarNorm, out[3], out[4]);
    out[5] = g2;
  }
}
