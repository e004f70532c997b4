// Shapes, and arithmetic of sizes that checks for overflow.
#include <limits>

#include "cnncore/tensor.h"
#include "ops/validate.h"
#include "runtime/check.h"

namespace cnncore {

int64_t multiply(const char* op, int64_t a, int64_t b) {
  int64_t product;
  check(!__builtin_mul_overflow(a, b, &product), op, "expected sizes whose product fits into 64 bits. Received: ", a,
        " * ", b);
  return product;
}

void check_sizes(const char* op, std::initializer_list<NamedSize> sizes, int64_t least) {
  // Offsets within an image have 32 bits, so that tables of them take half the space in the caches.
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  for (const NamedSize& size : sizes)
    check(size.value >= least && size.value <= most, op, "expected ", size.name, " between ", least, " and ", most,
          ". Received: ", size.value);
}

void check_image_fits(const char* op, int64_t height, int64_t width, int64_t channels, const char* what) {
  const int64_t floats = multiply(op, multiply(op, height, width), channels);
  check(floats <= std::numeric_limits<int32_t>::max() / 4, op, "expected ", what, " of at most ",
        std::numeric_limits<int32_t>::max() / 4, " values. Received: (", height, ", ", width, ", ", channels, ")");
}

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count = multiply("[shape] ", count, size);
  return count;
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

PaddingPair same_padding(int64_t size, int64_t kernel, int64_t stride, int64_t dilation) {
  check_sizes("[same_padding] ", {{"size", size}, {"kernel", kernel}, {"stride", stride}, {"dilation", dilation}}, 1);
  const int64_t output = (size + stride - 1) / stride;
  const int64_t needed = (output - 1) * stride + (kernel - 1) * dilation + 1 - size;
  const int64_t total = needed > 0 ? needed : 0;
  return {total / 2, total - total / 2};
}

int64_t output_size(const char* op, int64_t size, int64_t kernel, int64_t stride, PaddingPair padding,
                    int64_t dilation) {
  check_sizes(
      op,
      {{"the input's size", size}, {"the kernel's size", kernel}, {"the stride", stride}, {"the dilation", dilation}},
      1);
  check_sizes(op, {{"the padding", padding.before}, {"the padding", padding.after}}, 0);
  const int64_t reach = multiply(op, kernel - 1, dilation) + 1;
  const int64_t padded = size + padding.before + padding.after;
  check(reach <= padded, op, "expected a kernel no larger than the padded input. Received: kernel ", reach,
        " (dilated), input ", padded);
  return (padded - reach) / stride + 1;
}

}  // namespace cnncore
