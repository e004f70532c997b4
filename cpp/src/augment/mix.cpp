// Augmentation that combines two images of a batch: weighted sums, and images with a box of another image.
#include <cstring>

#include "augment/samples.h"
#include "cnncore/augment.h"
#include "runtime/check.h"

namespace cnncore {

template <class T>
void augment_mix(const ImageBatch& b, const int64_t* order, const float* weight, const T* x, T* y) {
  constexpr const char* op = "[augment_mix] ";
  check_images(op, b);
  check_order(op, b, order);
  for (int64_t n = 0; n < b.samples; ++n)
    check(weight[n] >= 0 && weight[n] <= 1, op, "expected weights from 0 to 1. Received: ", weight[n], " for sample ",
          n);
  const int64_t size = image_size(b);
  for_each_sample(b.samples, 2 * size, [&](int64_t n) {
    const T *first = x + n * size, *second = x + order[n] * size;
    T* to = y + n * size;
    const float w = weight[n], rest = 1 - w;
    for (int64_t k = 0; k < size; ++k) {
      const float value = w * static_cast<float>(first[k]) + rest * static_cast<float>(second[k]);
      if constexpr (std::is_same_v<T, uint8_t>)
        to[k] = round_to_byte(value);
      else
        to[k] = value;
    }
  });
}

template <class T>
void augment_paste(const ImageBatch& b, const int64_t* order, const Box* boxes, const T* x, T* y) {
  constexpr const char* op = "[augment_paste] ";
  check_images(op, b);
  check_order(op, b, order);
  check_boxes(op, b, boxes);
  const int64_t size = image_size(b), row = b.width * b.channels;
  for_each_sample(b.samples, size, [&](int64_t n) {
    std::memcpy(y + n * size, x + n * size, static_cast<size_t>(size) * sizeof(T));
    const Box& box = boxes[n];
    const auto bytes = static_cast<size_t>((box.right - box.left) * b.channels) * sizeof(T);
    for (int64_t i = box.top; i < box.bottom; ++i) {
      const int64_t at = i * row + box.left * b.channels;
      std::memcpy(y + n * size + at, x + order[n] * size + at, bytes);
    }
  });
}

template void augment_mix(const ImageBatch&, const int64_t*, const float*, const uint8_t*, uint8_t*);
template void augment_mix(const ImageBatch&, const int64_t*, const float*, const float*, float*);
template void augment_paste(const ImageBatch&, const int64_t*, const Box*, const uint8_t*, uint8_t*);
template void augment_paste(const ImageBatch&, const int64_t*, const Box*, const float*, float*);

}  // namespace cnncore
