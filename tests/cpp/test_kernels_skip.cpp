// gemm_skip and gemm_weights_skip of every instruction set against sums in double, whatever is left out.
#include "arrays.h"
#include "isas.h"

using namespace cnncore;
using namespace testing;

namespace {

// The operands of one product. Each array has exactly the size that the kernel's contract allows it to access. Every
// fourth pixel has no zeros; of the others, about `zeros` of eight values are zero, of either sign.
struct Product {
  int64_t pixels, depth, cols;
  Places x_offset, y_offset;
  Floats x, w, bias, before, y;

  Product(int64_t pixel_count, int64_t terms, int64_t columns, int64_t zeros, Random& random)
      : pixels(pixel_count),
        depth(terms),
        cols(columns),
        x_offset(pixels, depth, random),
        y_offset(pixels, cols, random),
        x(largest(x_offset) + depth, random),
        w(depth * cols, random),
        bias(cols, random),
        before(largest(y_offset) + cols, random),
        y(before.size(), random) {
    fill(x, random), fill(w, random), fill(bias, random), fill(before, random);
    for (int64_t p = 0; p < pixels; ++p)
      for (int64_t k = 0; k < depth && p % 4 < 3; ++k)
        if (random.integer(0, 7) < zeros) x[x_offset[p] + k] = random.coin() ? 0.0f : -0.0f;
  }

  GemmSkipArgs args(bool with_bias, bool relu, bool accumulate) {
    GemmSkipArgs a{};
    a.x = x.data(), a.x_offset = x_offset.data(), a.k_offset = term.data();
    a.pixels = pixels, a.depth = depth, a.cols = cols;
    a.w = w.data(), a.panel = depth * kSkipColumns, a.bias = with_bias ? bias.data() : nullptr;
    a.y = y.data(), a.y_offset = y_offset.data(), a.relu = relu, a.accumulate = accumulate, a.skips = true;
    return a;
  }
  float weight(int64_t k, int64_t n) const {
    return w[n / kSkipColumns * depth * kSkipColumns + k * kSkipColumns + n % kSkipColumns];
  }
  Sum sum(int64_t p, int64_t n, const GemmSkipArgs& a) {
    Sum s;
    if (a.accumulate) s.add(before[y_offset[p] + n]);
    if (a.bias) s.add(bias[n]);
    for (int64_t k = 0; k < depth; ++k) s.add(x[x_offset[p] + k], weight(k, n));
    return s;
  }
  void run(const Kernels& k, const GemmSkipArgs& a) {
    for (int64_t p = 0; p < pixels; ++p) std::copy_n(&before[y_offset[p]], cols, &y[y_offset[p]]);
    k.gemm_skip(a);
  }
  bool intact() const { return x.intact() && w.intact() && bias.intact() && y.intact(); }

  std::vector<int32_t> term = [] {
    std::vector<int32_t> all(kMostSkipTerms);
    std::iota(all.begin(), all.end(), 0);
    return all;
  }();
};

void check_product(const Kernels& k, int64_t pixels, int64_t depth, int64_t cols, int64_t zeros, Random& random) {
  Product product(pixels, depth, cols, zeros, random);
  GemmSkipArgs a = product.args(random.coin(), random.coin(), random.coin());
  if (a.accumulate) a.bias = nullptr;
  product.run(k, a);
  Mismatches wrong;
  for (int64_t p = 0; p < pixels; ++p)
    for (int64_t n = 0; n < cols; ++n) {
      const Sum s = product.sum(p, n, a);
      wrong.expect(product.y[product.y_offset[p] + n], a.relu ? std::max(0.0, s.value) : s.value, s.bound());
    }
  CAPTURE(pixels);
  CAPTURE(depth);
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK(covered(product.y) == pixels * cols);
  CHECK(product.intact());

  // the bits must be the same if nothing is left out, and for each pixel alone
  const std::vector<float> all = product.y.copy();
  a.skips = false;
  product.run(k, a);
  CHECK(same_bits(product.y.data(), all.data(), product.y.size()));
  a.skips = true;
  int64_t different = 0;
  for (int64_t p = 0; p < pixels; ++p) {
    GemmSkipArgs one = a;
    one.x_offset += p, one.y_offset += p, one.pixels = 1;
    float* y = &product.y[product.y_offset[p]];
    std::copy_n(&product.before[product.y_offset[p]], cols, y);
    k.gemm_skip(one);
    different += !same_bits(y, &all[static_cast<size_t>(product.y_offset[p])], cols);
  }
  CHECK(different == 0);
}

// x and its offsets are those of a product, and dy has the layout of its output.
void check_weights(const Kernels& k, int64_t pixels, int64_t depth, int64_t cols, int64_t zeros, Random& random) {
  Product product(pixels, depth, cols, zeros, random);
  Floats dw(depth * cols, random), start(depth * cols, random);
  fill(start, random);
  GemmWeightsArgs a{};
  a.x = product.x.data(), a.x_offset = product.x_offset.data(), a.k_offset = product.term.data();
  a.pixels = pixels, a.depth = depth, a.cols = cols, a.ldw = cols, a.overwrite = random.coin();
  a.dy = product.before.data(), a.dy_offset = product.y_offset.data(), a.dw = dw.data();
  const auto run = [&] {
    std::copy_n(start.data(), start.size(), dw.data());
    k.gemm_weights_skip(a);
  };
  run();
  Mismatches wrong;
  for (int64_t i = 0; i < depth * cols; ++i) {
    Sum s;
    if (!a.overwrite) s.add(start[i]);
    for (int64_t p = 0; p < pixels; ++p)
      s.add(product.x[product.x_offset[p] + i / cols], product.before[product.y_offset[p] + i % cols]);
    wrong.expect(dw[i], s.value, s.bound());
  }
  CAPTURE(pixels);
  CAPTURE(depth);
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK((product.intact() && product.before.intact() && dw.intact()));

  // a gradient that is not finite must show, even where x is zero
  for (int64_t i = 0; i < depth; ++i) product.x[product.x_offset[0] + i] = 0;
  product.before[product.y_offset[0] + cols - 1] = INFINITY;
  run();
  for (int64_t i = 0; i < depth; ++i) CHECK(std::isnan(dw[i * cols + cols - 1]));
}

}  // namespace

TEST_CASE("gemm_weights_skip is the gradient of the weights, within the arrays, whatever is left out") {
  for_each_isa([](const Kernels& k) {
    Random random(2);
    for (const int64_t pixels : {1, 7, 8, 9, 63, 64, 65, 130})
      for (const int64_t zeros : {0, 2, 5, 8}) {
        const int64_t depth = random.pick<int64_t>({1, 15, 16, 17, 63, 64, 65, 100});
        check_weights(k, pixels, depth, random.coin() ? 64 : 192, zeros, random);
      }
  });
}

TEST_CASE("gemm_skip is the product, within the arrays, whatever is left out and whatever is taken together") {
  for_each_isa([](const Kernels& k) {
    Random random(1);
    for (const int64_t pixels : {1, 2, 3, 7, 8, 9, 16, 47, 48, 49, 97})
      for (const int64_t zeros : {0, 2, 5, 8}) {
        const int64_t depth = random.pick<int64_t>({1, 5, 15, 16, 17, 37, 63, 64, 65, 100});
        check_product(k, pixels, depth, random.coin() ? 64 : 192, zeros, random);
      }
    for (const int64_t depth : {1, 63, 64, 65, 127, 128, 129, 256, 300, 1024})
      check_product(k, 5, depth, 128, 4, random);
  });
}

TEST_CASE("gemm_skip: a NaN is not zero, and a sum that is zero is +0") {
  for_each_isa([](const Kernels& k) {
    Random random(2);
    Product product(3, 40, 64, 6, random);
    product.x[product.x_offset[1] + 39] = std::numeric_limits<float>::quiet_NaN();
    for (int64_t i = 0; i < 40; ++i) product.x[product.x_offset[2] + i] = 0.0f;
    for (int64_t n = 0; n < 64; ++n) product.bias[n] = -0.0f;
    for (const bool relu : {false, true}) {
      for (const bool skips : {false, true}) {
        GemmSkipArgs a = product.args(true, relu, false);
        a.skips = skips;
        product.run(k, a);
        int64_t numbers = 0, negative = 0;
        for (int64_t n = 0; n < 64; ++n) {
          numbers += !std::isnan(product.y[product.y_offset[1] + n]);
          negative += product.y[product.y_offset[2] + n] != 0.0f || std::signbit(product.y[product.y_offset[2] + n]);
        }
        CHECK(numbers == 0);
        CHECK(negative == 0);
      }
    }
  });
}
