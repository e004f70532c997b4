// nonzeros and gemv of every instruction set: a matrix times a vector that is zero in many places.
#include "arrays.h"
#include "isas.h"

using namespace cnncore;
using namespace testing;

namespace {

// Fills the array with random values; about `zeros` of four are zero, of either sign.
void fill_sparse(Floats& x, Random& random, int64_t zeros) {
  for (int64_t i = 0; i < x.size(); ++i)
    x[i] = random.integer(0, 3) < zeros ? (random.coin() ? 0.0f : -0.0f) : random.real(-1, 1);
}

void check_list(const Kernels& k, const Floats& x, Random& random) {
  std::vector<int32_t> expected;
  for (int64_t i = 0; i < x.size(); ++i)
    if (!(x[i] == 0.0f)) expected.push_back(static_cast<int32_t>(i));
  const int64_t count = static_cast<int64_t>(expected.size());
  Floats value(count + 16, random);
  Ints index(count + 16, random);
  REQUIRE(k.nonzeros({x.data(), x.size(), value.data(), index.data()}) == count);
  int64_t wrong = 0;
  for (int64_t e = 0; e < count; ++e) {
    const int32_t at = expected[static_cast<size_t>(e)];
    wrong += index[e] != at || !same_bits(&value[e], x.data() + at, 1);
  }
  CHECK(wrong == 0);
  CHECK((x.intact() && value.intact() && index.intact()));
}

// The rows of w are listed in any order and summed in pieces of up to `most` terms.
void check_gemv(const Kernels& k, int64_t pieces, int64_t most, int64_t cols, Random& random) {
  std::vector<int64_t> bound = {random.integer(0, 3)};
  for (int64_t i = 0; i < pieces; ++i) bound.push_back(bound.back() + random.integer(0, most));
  const int64_t terms = bound.back(), rows = terms + random.integer(1, 9), ldw = cols + random.integer(0, 5);
  const int64_t pitch = cols + random.integer(0, 3);
  Floats x(terms, random), w((rows - 1) * ldw + cols, random), y((pieces - 1) * pitch + cols, random);
  Offsets row(terms, rows, random);
  fill(x, random), fill(w, random);
  k.gemv({x.data(), row.data(), bound.data(), pieces, cols, w.data(), ldw, y.data(), pitch});
  Mismatches wrong;
  for (int64_t i = 0; i < pieces; ++i) {
    for (int64_t n = 0; n < cols; ++n) {
      Sum sum;
      for (int64_t e = bound[static_cast<size_t>(i)]; e < bound[static_cast<size_t>(i + 1)]; ++e)
        sum.add(x[e], w[row[e] * ldw + n]);
      wrong.expect(y[i * pitch + n], sum);
    }
  }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK(covered(y) == pieces * cols);
  CHECK((x.intact() && w.intact() && row.intact() && y.intact()));
}

// The bits must be those of gemm, which does not leave out the zeros.
void check_same_bits_as_gemm(const Kernels& k, int64_t depth, int64_t cols, Random& random) {
  Floats x(depth, random), w(depth * cols, random), y(cols, random), piece(cols, random), value(depth + 16, random);
  fill_sparse(x, random, 2), fill(w, random), fill(y, random);
  const std::vector<float> before = y.copy();
  std::vector<int32_t> term(static_cast<size_t>(depth));
  std::iota(term.begin(), term.end(), 0);
  const int32_t origin = 0;
  GemmArgs gemm{x.data(), &origin, term.data(), 1, depth, cols, w.data(), cols, nullptr, y.data(), &origin, false};
  gemm.accumulate = true;
  k.gemm(gemm);

  Ints row(depth + 16, random);
  const int64_t bound[2] = {0, k.nonzeros({x.data(), depth, value.data(), row.data()})};
  k.gemv({value.data(), row.data(), bound, 1, cols, w.data(), cols, piece.data(), cols});
  for (int64_t n = 0; n < cols; ++n) piece[n] += before[static_cast<size_t>(n)];
  CHECK(same_bits(y.data(), piece.data(), cols));
}

}  // namespace

TEST_CASE("nonzeros lists what is not zero, in order, a NaN too") {
  for_each_isa([](const Kernels& k) {
    Random random(1);
    for (const int64_t size : {int64_t{1}, int64_t{2}, k.width - 1, k.width, k.width + 1, 3 * k.width, int64_t{100}}) {
      for (const int64_t zeros : {0, 1, 3, 4}) {
        Floats x(size, random);
        fill_sparse(x, random, zeros);
        check_list(k, x, random);
        x[random.integer(0, size - 1)] = std::numeric_limits<float>::quiet_NaN();
        x[random.integer(0, size - 1)] = -std::numeric_limits<float>::infinity();
        check_list(k, x, random);
      }
    }
  });
}

TEST_CASE("gemv sums the listed rows piece by piece, within the arrays") {
  for_each_isa([](const Kernels& k) {
    Random random(2);
    for (const int64_t cols : {int64_t{1}, int64_t{10}, k.width - 1, k.width, k.width + 1, 2 * k.width + 3, 3 * k.width,
                               4 * k.width, 8 * k.width, 8 * k.width + 1, 15 * k.width - 1, 18 * k.width}) {
      for (const int64_t pieces : {1, 2, 3, 7, 8, 9, 11})
        for (const int64_t most : {0, 1, 9, 40}) check_gemv(k, pieces, most, cols, random);
      for (const int64_t depth : {1, 5, 31, 64, 200}) check_same_bits_as_gemm(k, depth, cols, random);
    }
  });
}
