// Augmentation that changes the values of pixels without moving them: a factor and an offset for each channel, and
// boxes that are erased.
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>

#include "augment/random.h"
#include "augment/samples.h"
#include "cnncore/augment.h"
#include "runtime/check.h"

namespace cnncore {

template <class T>
void augment_channel_means(const ImageBatch& b, const T* x, float* means) {
  check_images("[augment_channel_means] ", b);
  const int64_t pixels = b.height * b.width;
  for_each_sample(b.samples, image_size(b), [&](int64_t n) {
    const T* image = x + n * image_size(b);
    for (int64_t c = 0; c < b.channels; ++c) {
      double sum = 0;
      for (int64_t k = 0; k < pixels; ++k) sum += static_cast<double>(image[k * b.channels + c]);
      means[n * b.channels + c] = static_cast<float>(sum / static_cast<double>(pixels));
    }
  });
}

template <class T>
void augment_channels(const ImageBatch& b, const float* scale, const float* offset, const float* low, const float* high,
                      const T* x, T* y) {
  check_images("[augment_channels] ", b);
  with_channels(b.channels, [&](auto fixed) {
    const int64_t channels = fixed() ? fixed() : b.channels;
    for_each_sample(b.samples, 2 * image_size(b), [&](int64_t n) {
      const T* from = x + n * image_size(b);
      T* to = y + n * image_size(b);
      const float *s = scale + n * channels, *o = offset + n * channels;
      const float least = low[n], most = high[n];
      for (int64_t k = 0; k < b.height * b.width; ++k)
        for (int64_t c = 0; c < channels; ++c) {
          const float value = s[c] * static_cast<float>(from[k * channels + c]) + o[c];
          to[k * channels + c] = to_pixel<T>(std::min(std::max(value, least), most));
        }
    });
  });
}

namespace {

// Standard normal numbers, computed from uniform ones by the method of Box and Muller.
class NormalStream {
 public:
  NormalStream(uint64_t seed, uint64_t step, uint64_t sample) : uniform_(seed, step, sample) {}
  float next() {
    if (std::exchange(has_second_, !has_second_)) return second_;
    const float radius = std::sqrt(-2 * std::log(1 - uniform_.uniform()));
    const float angle = 2 * std::numbers::pi_v<float> * uniform_.uniform();
    second_ = radius * std::sin(angle);
    return radius * std::cos(angle);
  }

 private:
  SampleStream uniform_;
  bool has_second_ = false;
  float second_ = 0;
};

}  // namespace

template <class T>
void augment_erase(const EraseParams& p, const Box* boxes, const T* x, T* y) {
  constexpr const char* op = "[augment_erase] ";
  const ImageBatch& b = p.images;
  check_images(op, b);
  check_boxes(op, b, boxes);
  for_each_sample(b.samples, image_size(b), [&](int64_t n) {
    std::memcpy(y + n * image_size(b), x + n * image_size(b), static_cast<size_t>(image_size(b)) * sizeof(T));
    NormalStream normal(p.seed, p.step, static_cast<uint64_t>(n));
    const Box& box = boxes[n];
    for (int64_t i = box.top; i < box.bottom; ++i) {
      T* row = y + n * image_size(b) + i * b.width * b.channels;
      for (int64_t j = box.left; j < box.right; ++j)
        for (int64_t c = 0; c < b.channels; ++c)
          row[j * b.channels + c] =
              to_pixel<T>(p.fill ? p.fill[c] : std::min(std::max(p.noise * normal.next(), p.low), p.high));
    }
  });
}

template void augment_channel_means(const ImageBatch&, const uint8_t*, float*);
template void augment_channel_means(const ImageBatch&, const float*, float*);
template void augment_channels(const ImageBatch&, const float*, const float*, const float*, const float*,
                               const uint8_t*, uint8_t*);
template void augment_channels(const ImageBatch&, const float*, const float*, const float*, const float*, const float*,
                               float*);
template void augment_erase(const EraseParams&, const Box*, const uint8_t*, uint8_t*);
template void augment_erase(const EraseParams&, const Box*, const float*, float*);

}  // namespace cnncore
