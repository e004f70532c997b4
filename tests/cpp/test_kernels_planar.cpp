// planar against sums in double; gemm_rows and gemm with stores that bypass the caches, against gemm.
#include "arrays.h"
#include "isas.h"

using namespace cnncore;
using namespace testing;

namespace {

constexpr int64_t kBlock = 64;  // pixels: they are read and written in whole blocks

void check_planar(const Kernels& k, int64_t length, int64_t depth, int64_t cols, Random& random) {
  const int64_t whole = (length + kBlock - 1) / kBlock * kBlock, ldw = cols + random.integer(0, 3),
                y_plane = whole + random.integer(0, 3);
  Ints k_offset(depth, random);
  for (int64_t i = 0; i < depth; ++i) k_offset[i] = static_cast<int32_t>(random.integer(0, 90));
  Floats x(largest(k_offset) + whole, random), w((depth - 1) * ldw + cols, random),
      y((cols - 1) * y_plane + whole, random);
  fill(x, random), fill(w, random);
  k.planar({x.data(), k_offset.data(), length, depth, cols, w.data(), ldw, y.data(), y_plane});
  Mismatches wrong;
  for (int64_t n = 0; n < cols; ++n)
    for (int64_t i = 0; i < length; ++i) {
      Sum s;
      for (int64_t t = 0; t < depth; ++t) s.add(x[k_offset[t] + i], w[t * ldw + n]);
      wrong.expect(y[n * y_plane + i], s);
    }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK((k_offset.intact() && x.intact() && w.intact() && y.intact()));
}

// Rows of neighbouring pixels. The pixels of a row are 1 float apart in x and `cols` floats in y (or dy), whose rows
// lie in any order and with gaps.
struct Rows {
  Ints x_offset, y_offset;
  Rows(int64_t rows, int64_t row, int64_t cols, Random& random)
      : x_offset(rows * row, random), y_offset(rows * row, random) {
    const Offsets x_row(rows, 60, random);
    const Places y_row(rows, row * cols, random);
    for (int64_t p = 0; p < rows * row; ++p) {
      x_offset[p] = x_row[p / row] + static_cast<int32_t>(p % row);
      y_offset[p] = y_row[p / row] + static_cast<int32_t>(p % row * cols);
    }
  }
  bool intact() const { return x_offset.intact() && y_offset.intact(); }
};

// gemm must give the same bits.
void check_gemm_rows(const Kernels& k, int64_t rows, int64_t row, int64_t depth, int64_t cols, Random& random) {
  const int64_t pixels = rows * row, ldw = cols + random.integer(0, 3);
  Offsets k_offset(depth, 40, random);
  Rows at(rows, row, cols, random);
  Floats x(largest(at.x_offset) + largest(k_offset) + 1, random), w((depth - 1) * ldw + cols, random),
      bias(cols, random);
  Floats y(largest(at.y_offset) + cols, random), expected(y.size(), random);
  fill(x, random), fill(w, random), fill(bias, random);
  GemmRowsArgs a{};
  a.x = x.data(), a.x_offset = at.x_offset.data(), a.k_offset = k_offset.data();
  a.pixels = pixels, a.depth = depth, a.cols = cols, a.row = row;
  a.w = w.data(), a.ldw = ldw, a.bias = random.coin() ? bias.data() : nullptr, a.relu = random.coin();
  a.y = expected.data(), a.y_offset = at.y_offset.data();
  k.gemm(a);
  a.y = y.data();
  k.gemm_rows(a);
  CHECK(same_bits(y.data(), expected.data(), y.size()));
  CHECK((x.intact() && w.intact() && bias.intact() && y.intact() && at.intact()));
}

void check_gemm_rows_weights(const Kernels& k, int64_t rows, int64_t row, int64_t depth, int64_t cols, Random& random) {
  const int64_t pixels = rows * row, ldw = cols + random.integer(0, 3);
  Offsets k_offset(depth, 40, random);
  Rows at(rows, row, cols, random);
  Floats x(largest(at.x_offset) + largest(k_offset) + 1, random), dy(largest(at.y_offset) + cols, random);
  Floats dw((depth - 1) * ldw + cols, random);
  Floats planes(rows * ((row + k.width - 1) / k.width * k.width) * cols, random);
  fill(x, random), fill(dy, random), fill(dw, random);
  const std::vector<float> before = dw.copy();
  GemmRowsWeightsArgs a{};
  a.x = x.data(), a.x_offset = at.x_offset.data(), a.k_offset = k_offset.data();
  a.pixels = pixels, a.depth = depth, a.cols = cols, a.row = row;
  a.dy = dy.data(), a.dy_offset = at.y_offset.data(), a.dw = dw.data(), a.ldw = ldw, a.planes = planes.data();
  k.gemm_rows_weights(a);
  Mismatches wrong;
  for (int64_t t = 0; t < depth; ++t)
    for (int64_t n = 0; n < cols; ++n) {
      Sum sum;
      sum.add(before[static_cast<size_t>(t * ldw + n)]);
      for (int64_t p = 0; p < pixels; ++p) sum.add(x[at.x_offset[p] + k_offset[t]], dy[at.y_offset[p] + n]);
      wrong.expect(dw[t * ldw + n], sum);
    }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK((x.intact() && dy.intact() && dw.intact() && at.intact() && planes.intact()));
}

}  // namespace

TEST_CASE("gemm_rows_weights sums over rows of neighbours, within the arrays") {
  for_each_isa([](const Kernels& k) {
    Random random(80);
    for (int64_t cols = 1; cols <= k.width / 2; ++cols)
      for (const int64_t row : {1, 3, 4, 8, 15, 16, 17, 28})
        for (const int64_t rows : {1, 2, 5})
          check_gemm_rows_weights(k, rows, row, random.pick<int64_t>({1, 4, 9, 25}), cols, random);
  });
}

TEST_CASE("gemm_rows is gemm over rows of neighbours, within the arrays") {
  for_each_isa([](const Kernels& k) {
    Random random(79);
    for (int64_t cols = 1; cols <= k.width / 2; ++cols)
      for (const int64_t row : {1, 2, 3, 4, 7, 8, 15, 16, 17, 28, 33})
        for (const int64_t rows : {1, 2, 3, 5})
          check_gemm_rows(k, rows, row, random.pick<int64_t>({1, 9, 25}), cols, random);
  });
}

TEST_CASE("planar is the product over planes of pixels") {
  for_each_isa([](const Kernels& k) {
    Random random(77);
    for (const int64_t length : {1, 63, 64, 65, 100, 200})
      for (const int64_t cols : {1, 2, 3, 4, 5, 6, 7, 8})
        check_planar(k, length, random.pick<int64_t>({1, 2, 9, 27}), cols, random);
  });
}

TEST_CASE("stores past the caches write the same bits") {
  for_each_isa([](const Kernels& k) {
    Random random(78);
    for (const int64_t vectors : {1, 2, 3, 8, 11}) {
      for (const int64_t pixels : {1, 5, 13, 53}) {
        const int64_t cols = vectors * k.width, pitch = (cols + 15) / 16 * 16;
        Floats x(40 + cols, random), w(9 * cols, random);
        fill(x, random), fill(w, random);
        Ints x_offset(pixels, random), k_offset(9, random), y_offset(pixels, random);
        for (int64_t p = 0; p < pixels; ++p)
          x_offset[p] = static_cast<int32_t>(random.integer(0, 20)), y_offset[p] = static_cast<int32_t>(p * pitch);
        for (int64_t t = 0; t < 9; ++t) k_offset[t] = static_cast<int32_t>(random.integer(0, 20));
        const int64_t size = (pixels - 1) * pitch + cols;
        Floats plain(size, false), streamed(size, false);  // at the beginning of a page: aligned
        GemmArgs gemm{x.data(), x_offset.data(), k_offset.data(), pixels,          9,   cols, w.data(),
                      cols,     nullptr,         plain.data(),    y_offset.data(), true};
        k.gemm(gemm);
        gemm.y = streamed.data(), gemm.stream = true;
        k.gemm(gemm);
        CHECK(same_bits(plain.data(), streamed.data(), size));
        Places w_offset(9, cols, random);
        Floats taps(largest(w_offset) + cols, random);
        fill(taps, random);
        DepthwiseArgs depthwise{};
        depthwise.x = x.data(), depthwise.x_offset = x_offset.data(), depthwise.tap_offset = k_offset.data();
        depthwise.pixels = pixels, depthwise.taps = 9, depthwise.channels = cols;
        depthwise.w = taps.data(), depthwise.w_offset = w_offset.data();
        depthwise.y = plain.data(), depthwise.y_offset = y_offset.data();
        k.depthwise(depthwise);
        depthwise.y = streamed.data(), depthwise.stream = true;
        k.depthwise(depthwise);
        CHECK(same_bits(plain.data(), streamed.data(), size));
        CHECK((plain.intact() && streamed.intact()));
      }
    }
  });
}
