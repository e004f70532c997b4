#include "cases.h"
#include "cnncore/merge.h"
#include "cnncore/normalization.h"
#include "cnncore/random.h"
#include "cnncore/resize.h"

namespace cnncore::bench {
namespace {

struct Image {
  int64_t side, channels;
  Shape shape() const { return {side, side, channels}; }
  int64_t size() const { return side * side * channels; }
  std::string text() const {
    return std::to_string(side) + "x" + std::to_string(side) + "x" + std::to_string(channels);
  }
};

Sum single(double value) {
  Sum sum;
  sum.add(value);
  return sum;
}

// --- normalization ---------------------------------------------------------------------------------------------------

struct Channel {
  double mean = 0, variance = 0;
};

Channel channel_of(const float* x, int64_t rows, int64_t channels, int64_t c) {
  Channel result;
  for (int64_t r = 0; r < rows; ++r) result.mean += x[r * channels + c] / static_cast<double>(rows);
  for (int64_t r = 0; r < rows; ++r)
    result.variance += std::pow(x[r * channels + c] - result.mean, 2) / static_cast<double>(rows);
  return result;
}

Case batch_norm(const Image& image) {
  const int64_t rows = kBatch * image.side * image.side, channels = image.channels, size = rows * channels;
  auto a = random_arrays({size, size, channels, channels, channels, channels});
  const BatchNormParams p{rows, channels};
  return {[=] { batch_normalization(p, (*a)[0], (*a)[2], (*a)[3], (*a)[1], (*a)[4], (*a)[5]); },
          [=] {
            return check_elements("y", (*a)[1], size, [&](int64_t i) {
              const Channel c = channel_of((*a)[0], rows, channels, i % channels);
              Sum sum;
              sum.add((*a)[3][i % channels]);
              sum.add(((*a)[0][i] - c.mean) / std::sqrt(c.variance + static_cast<double>(p.epsilon)),
                      (*a)[2][i % channels]);
              sum.add(1e-6);  // leaves room for the rounding of the mean and of the deviation
              sum.add(-1e-6);
              return sum;
            });
          },
          0.0, bytes_of({size, size, size})};
}

Case batch_norm_backward(const Image& image) {
  const int64_t rows = kBatch * image.side * image.side, channels = image.channels, size = rows * channels;
  auto a = random_arrays({size, size, size, channels, channels, channels, channels, channels});
  const BatchNormParams p{rows, channels};
  for (int64_t c = 0; c < channels; ++c) {
    const Channel of_c = channel_of((*a)[0], rows, channels, c);
    (*a)[4][c] = static_cast<float>(of_c.mean), (*a)[5][c] = static_cast<float>(of_c.variance);
  }
  return {[=] {
            batch_normalization_backward(p, {.x = (*a)[0],
                                             .gamma = (*a)[3],
                                             .mean = (*a)[4],
                                             .variance = (*a)[5],
                                             .dy = (*a)[1],
                                             .dx = (*a)[2],
                                             .dgamma = (*a)[6],
                                             .dbeta = (*a)[7]});
          },
          [=] {
            return check_elements("dbeta", (*a)[7], channels, [&](int64_t c) {
              Sum sum;
              for (int64_t r = 0; r < rows; ++r) sum.add((*a)[1][r * channels + c]);
              return sum;
            });
          },
          0.0, bytes_of({size, size, size, size, size})};
}

// --- merges, pixels, draws -------------------------------------------------------------------------------------------

Case add_images(const Image& image) {
  const int64_t size = kBatch * image.size();
  auto a = random_arrays({size, size, size});
  return {[=] {
            const float* x[] = {(*a)[0], (*a)[1]};
            merge(Merge::add, {image.shape(), image.shape()}, kBatch, x, (*a)[2]);
          },
          [=] {
            return check_elements("y", (*a)[2], size, [&](int64_t i) {
              Sum sum;
              sum.add((*a)[0][i]), sum.add((*a)[1][i]);
              return sum;
            });
          },
          0.0, bytes_of({size, size, size})};
}

Case scale_channels(const Image& image) {
  const int64_t size = kBatch * image.size(), channels = image.channels;
  auto a = random_arrays({size, kBatch * channels, size});
  return {[=] {
            const float* x[] = {(*a)[0], (*a)[1]};
            merge(Merge::multiply, {image.shape(), {1, 1, channels}}, kBatch, x, (*a)[2]);
          },
          [=] {
            return check_elements("y", (*a)[2], size, [&](int64_t i) {
              Sum sum;
              sum.add((*a)[0][i], (*a)[1][i / image.size() * channels + i % channels]);
              return sum;
            });
          },
          0.0, bytes_of({size, size})};
}

Case upsample(const Image& image) {
  const int64_t size = kBatch * image.size(), row = image.side * image.channels;
  const Upsampling2dParams p{{image.side, image.side, image.channels}};
  auto a = random_arrays({size, 4 * size});
  return {[=] { upsampling2d(p, kBatch, (*a)[0], (*a)[1]); },
          [=] {
            return check_elements("y", (*a)[1], 4 * size, [&](int64_t i) {
              const int64_t line = i / (2 * row), column = i % (2 * row) / image.channels;
              return single((*a)[0][line / 2 * row + column / 2 * image.channels + i % image.channels]);
            });
          },
          0.0, bytes_of({size, 4 * size})};
}

Case drop(const Image& image) {
  const int64_t size = kBatch * image.size();
  const DropoutParams p{0.5f, 1, 2, image.shape(), image.shape()};
  auto a = random_arrays({size, size});
  return {[=] { dropout(p, kBatch, (*a)[0], (*a)[1]); },
          [=] {
            return check_elements("y", (*a)[1], size,
                                  [&](int64_t i) { return single((*a)[1][i] == 0.0f ? 0.0 : 2.0 * (*a)[0][i]); });
          },
          0.0, bytes_of({size, size})};
}

}  // namespace

std::vector<NamedCase> pixel_cases() {
  std::vector<NamedCase> cases;
  for (const Image& image : {Image{32, 16}, Image{16, 64}, Image{8, 256}}) {
    const std::string text = image.text();
    cases.push_back({"batch_normalization/forward/" + text, [=] { return batch_norm(image); }});
    cases.push_back({"batch_normalization/backward/" + text, [=] { return batch_norm_backward(image); }});
    cases.push_back({"add/" + text, [=] { return add_images(image); }});
    cases.push_back({"multiply/channels " + text, [=] { return scale_channels(image); }});
    cases.push_back({"upsampling2d/" + text, [=] { return upsample(image); }});
    cases.push_back({"dropout/" + text, [=] { return drop(image); }});
  }
  return cases;
}

}  // namespace cnncore::bench
