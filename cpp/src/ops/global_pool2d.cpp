// Global pooling: the mean or the maximum of each channel over all pixels.
#include <algorithm>

#include "ops/resize_rows.h"
#include "ops/validate.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

constexpr int64_t kPoolBlockRows = 64, kPoolBlockCols = 256;

void check_size(const char* op, int64_t pixels, int64_t channels) {
  check_sizes(op, {{"pixels", pixels}, {"channels", channels}}, 1);
  check_image_fits(op, pixels, 1, channels);
}

}  // namespace

void global_avg_pool_rows(const Kernels& k, int64_t count, int64_t pixels, int64_t channels, const float* x, float* y) {
  const float share = 1.0f / static_cast<float>(pixels);
  for (int64_t n = 0; n < count; ++n, x += pixels * channels, y += channels) {
    std::fill_n(y, channels, 0.0f);
    if (channels > kPoolBlockCols || pixels <= kPoolBlockRows) {
      k.sum_rows(x, y, pixels, channels);
    } else {  // sums blocks of pixels, and then the blocks, so that rounding errors stay small
      float block[kPoolBlockCols];
      for (int64_t p = 0; p < pixels; p += kPoolBlockRows) {
        std::fill_n(block, channels, 0.0f);
        k.sum_rows(x + p * channels, block, std::min(kPoolBlockRows, pixels - p), channels);
        k.accumulate(block, y, channels);
      }
    }
    k.rescale_f32(y, y, channels, share, 0.0f);
  }
}

void global_avg_pool_rows_backward(const Kernels& k, int64_t count, int64_t pixels, int64_t channels, const float* dy,
                                   float* dx, bool accumulate) {
  const float share = 1.0f / static_cast<float>(pixels);
  for (int64_t n = 0; n < count; ++n, dy += channels) {
    for (int64_t c = 0; c < channels; c += kPoolBlockCols) {
      const int64_t cols = std::min(kPoolBlockCols, channels - c);
      float shares[kPoolBlockCols];
      k.rescale_f32(dy + c, shares, cols, share, 0.0f);
      for (int64_t p = 0; p < pixels; ++p) {
        float* to = dx + (n * pixels + p) * channels + c;
        accumulate ? k.accumulate(shares, to, cols) : static_cast<void>(std::copy_n(shares, cols, to));
      }
    }
  }
}

void global_max_pool_rows(const Kernels& k, int64_t count, int64_t pixels, int64_t channels, const float* x, float* y) {
  for (int64_t n = 0; n < count; ++n) k.max_rows(x + n * pixels * channels, pixels, channels, y + n * channels);
}

void global_max_pool_rows_backward(const Kernels& k, int64_t count, int64_t pixels, int64_t channels, const float* x,
                                   const float* y, const float* dy, float* dx) {
  for (int64_t n = 0; n < count; ++n)
    k.max_rows_backward(x + n * pixels * channels, y + n * channels, dy + n * channels, pixels, channels,
                        dx + n * pixels * channels);
}

void global_avg_pool2d(int64_t pixels, int64_t channels, int64_t batch, const float* x, float* y) {
  check_size("[global_avg_pool2d] ", pixels, channels);
  parallel_for(batch, batch * pixels * channels, [&](int64_t n, int) {
    global_avg_pool_rows(kernels(), 1, pixels, channels, x + n * pixels * channels, y + n * channels);
  });
}

void global_avg_pool2d_backward(int64_t pixels, int64_t channels, int64_t batch, const float* dy, float* dx) {
  check_size("[global_avg_pool2d] ", pixels, channels);
  parallel_for(batch, batch * pixels * channels, [&](int64_t n, int) {
    global_avg_pool_rows_backward(kernels(), 1, pixels, channels, dy + n * channels, dx + n * pixels * channels, false);
  });
}

void global_max_pool2d(int64_t pixels, int64_t channels, int64_t batch, const float* x, float* y) {
  check_size("[global_max_pool2d] ", pixels, channels);
  parallel_for(batch, batch * pixels * channels, [&](int64_t n, int) {
    global_max_pool_rows(kernels(), 1, pixels, channels, x + n * pixels * channels, y + n * channels);
  });
}

void global_max_pool2d_backward(int64_t pixels, int64_t channels, int64_t batch, const float* x, const float* dy,
                                float* dx) {
  check_size("[global_max_pool2d] ", pixels, channels);
  std::vector<float> y(static_cast<size_t>(batch * channels));
  parallel_for(batch, 2 * batch * pixels * channels, [&](int64_t n, int) {
    const int64_t at = n * pixels * channels;
    float* largest = y.data() + n * channels;
    global_max_pool_rows(kernels(), 1, pixels, channels, x + at, largest);
    global_max_pool_rows_backward(kernels(), 1, pixels, channels, x + at, largest, dy + n * channels, dx + at);
  });
}

}  // namespace cnncore
