// Checks shared by the ops: each op validates its parameters once, at the top.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace cnncore {

struct NamedSize {
  const char* name;
  int64_t value;
};

/// Each size in [least, 2^31); `op` begins the message.
void check_sizes(const char* op, std::initializer_list<NamedSize> sizes, int64_t least);

/// One image, its padding included, or another array of three sizes can be addressed by the kernels' 32-bit offsets.
void check_image_fits(const char* op, int64_t height, int64_t width, int64_t channels,
                      const char* what = "an image (with its padding)");

/// a * b, or std::invalid_argument where it overflows.
int64_t multiply(const char* op, int64_t a, int64_t b);

}  // namespace cnncore
