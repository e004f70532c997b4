// What the augmentations share: the loop over samples, checks of a batch's sizes, rounding to the type of a pixel.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cnncore/augment.h"
#include "runtime/threads.h"

namespace cnncore {

/// Throws std::invalid_argument unless all sizes are positive and the batch fits memory.
void check_images(const char* op, const ImageBatch& images);
void check_boxes(const char* op, const ImageBatch& images, const Box* boxes);
void check_order(const char* op, const ImageBatch& images, const int64_t* order);

inline int64_t image_size(const ImageBatch& b) { return b.height * b.width * b.channels; }

/// The number of threads for `tasks` tasks of `work` operations in all, within this thread's limit.
int augment_threads(int64_t tasks, int64_t work);

/// Calls f(n) for each sample, some samples a task. `work`: operations per sample.
template <class F>
void for_each_sample(int64_t samples, int64_t work, F&& f) {
  constexpr int64_t kTask = 8;  // a copied image takes less time than the hand-over of a task
  const int64_t tasks = (samples + kTask - 1) / kTask;
  parallel_for_on(augment_threads(tasks, samples * work), tasks, [&](int64_t task, int) {
    for (int64_t n = task * kTask; n < std::min(samples, (task + 1) * kTask); ++n) f(n);
  });
}

/// Rounded to a byte; halves go up. The value must lie in [0, 255]: where that is sure, loops over pixels vectorize.
inline uint8_t round_to_byte(float value) { return static_cast<uint8_t>(static_cast<int>(value + 0.5f)); }

template <class T>
inline T to_pixel(float value) {
  if constexpr (std::is_same_v<T, uint8_t>)
    return round_to_byte(std::min(std::max(0.0f, value), 255.0f));  // in this order NaN becomes 0
  else
    return value;
}

/// Calls f(std::integral_constant<int, C>) with C the number of channels where loops over it are worth unrolling, else
/// 0.
template <class F>
void with_channels(int64_t channels, F&& f) {
  switch (channels) {
    case 1: return f(std::integral_constant<int, 1>());
    case 3: return f(std::integral_constant<int, 3>());
    default: return f(std::integral_constant<int, 0>());
  }
}

}  // namespace cnncore
