// Functions that all augmentations use: the loop over samples, checks of arguments, and rounding to the type of a
// pixel.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cnncore/augment.h"
#include "runtime/threads.h"

namespace cnncore {

/// Throw std::invalid_argument unless all sizes are positive and the batch fits memory, all boxes are inside the
/// images, and all indices are those of samples.
void check_images(const char* op, const ImageBatch& images);
void check_boxes(const char* op, const ImageBatch& images, const Box* boxes);
void check_order(const char* op, const ImageBatch& images, const int64_t* order);

inline int64_t image_size(const ImageBatch& b) { return b.height * b.width * b.channels; }

/// Returns the number of threads for `tasks` tasks that take `work` operations together; see limit_augment_threads.
int augment_threads(int64_t tasks, int64_t work);

/// Calls f(n) for each sample n, on several threads. `work` is the number of operations for a sample.
template <class F>
void for_each_sample(int64_t samples, int64_t work, F&& f) {
  constexpr int64_t kTask = 8;  // samples in a task: to copy one image takes less time than to start a task
  const int64_t tasks = (samples + kTask - 1) / kTask;
  parallel_for_on(augment_threads(tasks, samples * work), tasks, [&](int64_t task, int) {
    for (int64_t n = task * kTask; n < std::min(samples, (task + 1) * kTask); ++n) f(n);
  });
}

/// Rounds a value in [0, 255] to a byte; halves are rounded up. Without a check of the range, compilers can vectorize
/// loops over pixels.
inline uint8_t round_to_byte(float value) { return static_cast<uint8_t>(static_cast<int>(value + 0.5f)); }

template <class T>
inline T to_pixel(float value) {
  if constexpr (std::is_same_v<T, uint8_t>)
    return round_to_byte(std::min(std::max(0.0f, value), 255.0f));  // with 0 as the first argument, NaN becomes 0
  else
    return value;
}

/// Calls f(std::integral_constant<int, C>()), where C is the number of channels if that is one for which compilers
/// should unroll loops, and 0 otherwise.
template <class F>
void with_channels(int64_t channels, F&& f) {
  switch (channels) {
    case 1: return f(std::integral_constant<int, 1>());
    case 3: return f(std::integral_constant<int, 3>());
    default: return f(std::integral_constant<int, 0>());
  }
}

}  // namespace cnncore
