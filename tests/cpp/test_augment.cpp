// Augmentation through the C++ API: where pixels go, which arguments are refused, and that any number of threads gives
// the same bits.
#include <doctest/doctest.h>

#include <numeric>
#include <stdexcept>
#include <vector>

#include "cnncore/augment.h"
#include "cnncore/runtime.h"

namespace cnncore {
namespace {

std::vector<float> counting(int64_t n) {
  std::vector<float> x(static_cast<size_t>(n));
  std::iota(x.begin(), x.end(), 0.0f);
  return x;
}

TEST_CASE("augment: a flip and a shift are copies") {
  const std::vector<float> x = counting(6);  // one row of six pixels
  std::vector<float> y(6);
  AffineParams p{{1, 1, 6, 1}, 1, 6, Edge::grid_constant, -1.0f, true};
  const double flip[] = {1, 0, 0, 0, -1, 5};
  augment_affine(p, flip, x.data(), y.data());
  CHECK(y == std::vector<float>{5, 4, 3, 2, 1, 0});
  const double right[] = {1, 0, 0, 0, 1, -2};
  augment_affine(p, right, x.data(), y.data());
  CHECK(y == std::vector<float>{-1, -1, 0, 1, 2, 3});
  const double half[] = {1, 0, 0, 0, 1, 0.5};
  augment_affine(p, half, x.data(), y.data());
  CHECK(y == std::vector<float>{0.5, 1.5, 2.5, 3.5, 4.5, 2.0});
}

TEST_CASE("augment: edges") {
  const std::vector<float> x = counting(3);
  std::vector<float> y(9);
  const double start[] = {1, 0, 0, 0, 1, -3};
  const auto row = [&](Edge edge) {
    augment_affine(AffineParams{{1, 1, 3, 1}, 1, 9, edge, 7.0f, true}, start, x.data(), y.data());
    return y;
  };
  CHECK(row(Edge::nearest) == std::vector<float>{0, 0, 0, 0, 1, 2, 2, 2, 2});
  CHECK(row(Edge::reflect) == std::vector<float>{2, 1, 0, 0, 1, 2, 2, 1, 0});
  CHECK(row(Edge::grid_wrap) == std::vector<float>{0, 1, 2, 0, 1, 2, 0, 1, 2});
  CHECK(row(Edge::constant) == std::vector<float>{7, 7, 7, 0, 1, 2, 7, 7, 7});
}

TEST_CASE("augment: the same bits at any number of threads") {
  const int before = num_threads();
  const ImageBatch images{67, 32, 32, 3};
  const std::vector<float> x = counting(67 * 32 * 32 * 3);
  std::vector<double> m;
  for (int n = 0; n < 67; ++n)
    for (const double v : {0.9, 0.01 * n, 1.0, -0.02 * n, 1.1, 2.0}) m.push_back(v);
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    std::vector<float> y(x.size());
    augment_affine(AffineParams{images, 32, 32, Edge::reflect, 0, true}, m.data(), x.data(), y.data());
    results.push_back(std::move(y));
  }
  set_num_threads(before);
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("augment: what is refused") {
  const std::vector<float> x = counting(4);
  std::vector<float> y(4);
  const double huge[] = {1, 0, 1e9, 0, 1, 0};
  CHECK_THROWS_AS(augment_affine(AffineParams{{1, 2, 2, 1}, 2, 2, Edge::reflect, 0, true}, huge, x.data(), y.data()),
                  std::invalid_argument);
  CHECK_THROWS_AS(augment_channel_means(ImageBatch{0, 2, 2, 1}, x.data(), y.data()), std::invalid_argument);
  const Box outside{0, 3, 0, 1};
  const int64_t order[] = {0};
  CHECK_THROWS_AS(augment_paste(ImageBatch{1, 2, 2, 1}, order, &outside, x.data(), y.data()), std::invalid_argument);
  CHECK_THROWS_AS(parse_edge("mirror"), std::invalid_argument);
}

}  // namespace
}  // namespace cnncore
