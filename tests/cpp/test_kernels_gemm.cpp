// gemm, gemm_pool and gemm_weights of every instruction set against sums in double.
#include "arrays.h"
#include "isas.h"

using namespace cnncore;
using namespace testing;

namespace {

// Sizes: one, the sizes of blocks and their neighbours, and primes.
std::vector<int64_t> pixel_counts() {
  return {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 23, 24, 25, 29, 36, 48, 53};
}
std::vector<int64_t> column_counts(int64_t width) {
  return {1,
          2,
          3,
          width - 1,
          width,
          width + 1,
          2 * width - 1,
          2 * width,
          2 * width + 1,
          3 * width,
          5 * width + 3,
          8 * width,
          8 * width + 1,
          11 * width - 1};
}
std::vector<int64_t> depths() { return {1, 2, 3, 5, 8, 9, 10, 12, 13, 27, 31, 64}; }

// The operands of one product. Each array has exactly the size that the kernel's contract allows it to access.
struct Product {
  int64_t pixels, depth, cols, ldw;
  Offsets x_offset, k_offset;
  Floats x, w, bias;

  Product(int64_t pixel_count, int64_t terms, int64_t columns, Random& random)
      : pixels(pixel_count),
        depth(terms),
        cols(columns),
        ldw(columns + random.integer(0, 5)),
        x_offset(pixels, 150, random),
        k_offset(depth, 70, random),
        x(largest(x_offset) + largest(k_offset) + 1, random),
        w((depth - 1) * ldw + cols, random),
        bias(cols, random) {
    fill(x, random), fill(w, random), fill(bias, random);
  }

  GemmPoolArgs args(Floats& y, Ints& y_offset, bool with_bias, bool relu) {
    GemmPoolArgs a{};
    a.x = x.data(), a.x_offset = x_offset.data(), a.k_offset = k_offset.data();
    a.pixels = pixels, a.depth = depth, a.cols = cols;
    a.w = w.data(), a.ldw = ldw, a.bias = with_bias ? bias.data() : nullptr;
    a.y = y.data(), a.y_offset = y_offset.data(), a.relu = relu;
    return a;
  }
  Sum sum(int64_t p, int64_t n, bool with_bias) {
    Sum s;
    if (with_bias) s.add(bias[n]);
    for (int64_t k = 0; k < depth; ++k) s.add(x[x_offset[p] + k_offset[k]], w[k * ldw + n]);
    return s;
  }
  bool intact() const { return x_offset.intact() && k_offset.intact() && x.intact() && w.intact() && bias.intact(); }
};

void check_gemm(const Kernels& k, int64_t pixels, int64_t depth, int64_t cols, Random& random) {
  Product product(pixels, depth, cols, random);
  Places y_offset(pixels, cols, random);
  Floats y(largest(y_offset) + cols, random);
  const bool with_bias = random.coin(), relu = random.coin(), accumulate = !with_bias && random.coin();
  Floats before(pixels * cols, random);
  fill(before, random);
  for (int64_t p = 0; accumulate && p < pixels; ++p) std::copy_n(&before[p * cols], cols, &y[y_offset[p]]);
  GemmArgs a = product.args(y, y_offset, with_bias, relu);
  a.accumulate = accumulate;
  k.gemm(a);

  Mismatches wrong;
  for (int64_t p = 0; p < pixels; ++p) {
    for (int64_t n = 0; n < cols; ++n) {
      Sum s = product.sum(p, n, with_bias);
      if (accumulate) s.add(before[p * cols + n]);
      wrong.expect(y[y_offset[p] + n], relu ? std::max(0.0, s.value) : s.value, s.bound());
    }
  }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK(covered(y) == pixels * cols);  // nothing in the gaps
  CHECK((product.intact() && y_offset.intact() && y.intact()));

  // Each pixel alone, and each half of the columns alone, must give the same bits.
  Floats one(cols, random);
  Ints origin(1, random);
  origin[0] = 0;
  int64_t different = 0;
  for (int64_t p = 0; p < pixels; ++p) {
    GemmArgs single = a;
    std::copy_n(&before[p * cols], cols, one.data());
    single.x_offset = a.x_offset + p, single.pixels = 1, single.y = one.data(), single.y_offset = origin.data();
    single.cols = (cols + 1) / 2;
    k.gemm(single);
    single.w += single.cols, single.y += single.cols, single.bias = a.bias ? a.bias + single.cols : nullptr;
    single.cols = cols - single.cols;
    if (single.cols > 0) k.gemm(single);
    different += !same_bits(one.data(), y.data() + y_offset[p], cols);
  }
  CHECK(different == 0);
}

}  // namespace

TEST_CASE("gemm is the product, within the arrays, whatever is taken together") {
  for_each_isa([](const Kernels& k) {
    Random random(1);
    for (const int64_t pixels : pixel_counts())
      for (const int64_t cols : column_counts(k.width)) check_gemm(k, pixels, random.pick(depths()), cols, random);
    for (const int64_t depth : depths()) check_gemm(k, 13, depth, 2 * k.width + 1, random);
  });
}

TEST_CASE("gemm: relu keeps a NaN, and infinities follow IEEE") {
  for_each_isa([](const Kernels& k) {
    Random random(2);
    Product product(3, 2, k.width + 1, random);
    fill_integers(product.x, random, 3);
    product.w[0] = std::numeric_limits<float>::quiet_NaN();
    product.w[1] = std::numeric_limits<float>::infinity();
    product.w[product.ldw + 1] = 0.0f;
    product.bias[2] = -0.0f;
    Places y_offset(3, product.cols, random);
    Floats y(largest(y_offset) + product.cols, random);
    k.gemm(product.args(y, y_offset, true, true));
    for (int64_t p = 0; p < 3; ++p) {
      CHECK(std::isnan(y[y_offset[p]]));
      const float x = product.x[product.x_offset[p] + product.k_offset[0]];
      const float infinite = y[y_offset[p] + 1];
      if (x > 0) CHECK((std::isinf(infinite) && infinite > 0));
      if (x < 0) CHECK(infinite == 0.0f);
      if (x == 0) CHECK(std::isnan(infinite));
      CHECK(y[y_offset[p] + 2] >= 0.0f);
    }
  });
}

namespace {

struct Winner {
  float value;
  uint8_t index;
};

// Returns the maximum of four values and its first place. A NaN wins over numbers, and the last NaN over other NaNs.
// The place is 4 if relu makes the output 0.
Winner pooled(const float (&v)[4], bool relu) {
  Winner best{v[0], 0};
  for (uint8_t i = 1; i < 4; ++i)
    if (v[i] > best.value || std::isnan(v[i])) best = {v[i], i};
  if (!relu) return best;
  if (!(best.value > 0.0f)) best.index = 4;
  if (best.value < 0.0f) best.value = 0.0f;
  return best;
}

enum class Values { any, ties, nans };

void check_gemm_pool(const Kernels& k, int64_t windows, int64_t cols, Values values, Random& random) {
  Product product(4 * windows, random.pick(depths()), cols, random);
  if (values == Values::ties) {
    fill_integers(product.x, random, 1), fill_integers(product.w, random, 1), fill_integers(product.bias, random, 1);
  } else if (values == Values::nans) {
    for (int64_t i = 0; i < product.x.size(); i += 23) product.x[i] = std::numeric_limits<float>::quiet_NaN();
  }
  const bool with_bias = random.coin(), relu = random.coin();
  Places plain_offset(4 * windows, cols, random), y_offset(windows, cols, random);
  Floats plain(largest(plain_offset) + cols, random), y(largest(y_offset) + cols, random), alone(y.size(), random);
  Bytes winner(y.size(), random);
  k.gemm(product.args(plain, plain_offset, with_bias, false));
  GemmPoolArgs a = product.args(y, y_offset, with_bias, relu);
  a.winner = winner.data();
  k.gemm_pool(a);

  int64_t wrong_values = 0, wrong_winners = 0;
  for (int64_t q = 0; q < windows; ++q) {
    for (int64_t n = 0; n < cols; ++n) {
      float v[4];
      for (int64_t i = 0; i < 4; ++i) v[i] = plain[plain_offset[4 * q + i] + n];
      const Winner expected = pooled(v, relu);
      const float value = y[y_offset[q] + n];
      wrong_values += std::isnan(expected.value) ? !std::isnan(value) : !same_bits(&value, &expected.value, 1);
      wrong_winners += winner[y_offset[q] + n] != expected.index;
    }
  }
  CHECK(wrong_values == 0);
  CHECK(wrong_winners == 0);
  CHECK((product.intact() && plain.intact() && y.intact() && winner.intact()));
  int64_t touched = 0;
  for (int64_t i = 0; i < winner.size(); ++i) touched += winner[i] != Bytes::kUntouched;
  CHECK(touched == windows * cols);
  if (values != Values::nans) CHECK(covered(y) == windows * cols);

  // Each window alone, without winners, must give the same bits.
  a.winner = nullptr, a.y = alone.data(), a.pixels = 4;
  for (int64_t q = 0; q < windows; ++q, a.x_offset += 4, ++a.y_offset) k.gemm_pool(a);
  CHECK(same_bits(alone.data(), y.data(), y.size()));
}

}  // namespace

TEST_CASE("gemm_pool is gemm followed by the pool, bit by bit, with ties and NaN") {
  for_each_isa([](const Kernels& k) {
    Random random(3);
    for (const Values values : {Values::any, Values::ties, Values::nans})
      for (const int64_t windows : {1, 2, 3, 4, 5, 6, 7, 9, 13})
        for (const int64_t cols : column_counts(k.width)) check_gemm_pool(k, windows, cols, values, random);
  });
}

namespace {

void check_gemm_weights(const Kernels& k, int64_t pixels, int64_t depth, int64_t cols, Random& random) {
  Product product(pixels, depth, cols, random);
  Places dy_offset(pixels, cols, random);
  Floats dy(largest(dy_offset) + cols, random), dw((depth - 1) * product.ldw + cols, random);
  for (int64_t p = 0; p < pixels; ++p)
    for (int64_t n = 0; n < cols; ++n) dy[dy_offset[p] + n] = random.real(-1, 1);
  for (int64_t t = 0; t < depth; ++t)
    for (int64_t n = 0; n < cols; ++n) dw[t * product.ldw + n] = random.real(-1, 1);
  const std::vector<float> before = dw.copy();
  GemmWeightsArgs a{product.x.data(),
                    product.x_offset.data(),
                    product.k_offset.data(),
                    pixels,
                    depth,
                    cols,
                    dy.data(),
                    dy_offset.data(),
                    dw.data(),
                    product.ldw};
  k.gemm_weights(a);

  Mismatches wrong;
  for (int64_t t = 0; t < depth; ++t) {
    for (int64_t n = 0; n < cols; ++n) {
      Sum s;
      s.add(before[static_cast<size_t>(t * product.ldw + n)]);
      for (int64_t p = 0; p < pixels; ++p)
        s.add(product.x[product.x_offset[p] + product.k_offset[t]], dy[dy_offset[p] + n]);
      wrong.expect(dw[t * product.ldw + n], s);
    }
  }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK(covered(dw) == depth * cols);
  CHECK((product.intact() && dy.intact() && dw.intact()));

  // Each row alone must give the same bits.
  const std::vector<float> together = dw.copy();
  std::copy(before.begin(), before.end(), dw.data());
  a.depth = 1;
  for (int64_t t = 0; t < depth; ++t, ++a.k_offset, a.dw += product.ldw) k.gemm_weights(a);
  CHECK(same_bits(together.data(), dw.data(), dw.size()));

  // With `overwrite` the kernel must give what it gives when it adds to zeros.
  a.depth = depth, a.k_offset = product.k_offset.data(), a.dw = dw.data();
  Floats zeros(dw.size(), random);
  for (int64_t t = 0; t < depth; ++t) std::fill_n(zeros.data() + t * product.ldw, cols, 0.0f);
  for (int64_t t = 0; t < depth; ++t) std::fill_n(dw.data() + t * product.ldw, cols, NAN);
  a.overwrite = true;
  k.gemm_weights(a);
  a.dw = zeros.data(), a.overwrite = false;
  k.gemm_weights(a);
  int64_t different = 0;
  for (int64_t t = 0; t < depth; ++t)
    different += !same_bits(dw.data() + t * product.ldw, zeros.data() + t * product.ldw, cols);
  CHECK(different == 0);
}

}  // namespace

TEST_CASE("gemm_weights adds the gradient of the weights, whatever rows are taken together") {
  for_each_isa([](const Kernels& k) {
    Random random(4);
    for (const int64_t depth : {1, 2, 3, 5, 8, 9, 11, 12, 13, 15, 21, 24, 26, 37})
      for (const int64_t cols : column_counts(k.width))
        check_gemm_weights(k, random.pick(pixel_counts()), depth, cols, random);
  });
}
