#include "augment/samples.h"

#include <limits>

#include "augment/random.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

thread_local int thread_limit = 0;

}  // namespace

void limit_augment_threads(int threads) { thread_limit = threads; }

int augment_threads(int64_t tasks, int64_t work) {
  // Other limits are not used, since OpenMP ends its threads and makes new ones when their number changes.
  return thread_limit == 1 ? 1 : threads_for(tasks, work);
}

void check_images(const char* op, const ImageBatch& b) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  const bool positive = b.samples >= 1 && b.height >= 1 && b.width >= 1 && b.channels >= 1;
  check(positive && b.samples <= kMost && b.height <= kMost && b.width <= kMost && b.channels <= kMost &&
            b.height * b.width <= kMost / b.channels && b.samples <= (int64_t{1} << 60) / image_size(b),
        op, "expected images (samples, height, width, channels) of at least one pixel. Received: (", b.samples, ", ",
        b.height, ", ", b.width, ", ", b.channels, ")");
}

void check_boxes(const char* op, const ImageBatch& b, const Box* boxes) {
  for (int64_t n = 0; n < b.samples; ++n) {
    const Box& box = boxes[n];
    check(0 <= box.top && box.top <= box.bottom && box.bottom <= b.height && 0 <= box.left && box.left <= box.right &&
              box.right <= b.width,
          op, "expected boxes (top, bottom, left, right) inside of ", b.height, "x", b.width, " pixels. Received: (",
          box.top, ", ", box.bottom, ", ", box.left, ", ", box.right, ") for sample ", n);
  }
}

void check_order(const char* op, const ImageBatch& b, const int64_t* order) {
  for (int64_t n = 0; n < b.samples; ++n)
    check(0 <= order[n] && order[n] < b.samples, op, "expected an order of indices below ", b.samples,
          ". Received: ", order[n], " for sample ", n);
}

void augment_uniform(uint64_t seed, uint64_t step, int64_t samples, int64_t count, float* out) {
  for (int64_t n = 0; n < samples && count > 0; ++n) {
    SampleStream stream(seed, step, static_cast<uint64_t>(n));
    for (int64_t k = 0; k < count; ++k) out[n * count + k] = stream.uniform();
  }
}

}  // namespace cnncore
