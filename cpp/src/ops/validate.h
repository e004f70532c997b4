// Checks that several ops use. Each op checks its parameters once, before it does anything else.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace cnncore {

struct NamedSize {
  const char* name;
  int64_t value;
};

/// Checks that each size is in [least, 2^31). Otherwise throws std::invalid_argument with a message that begins with
/// `op`.
void check_sizes(const char* op, std::initializer_list<NamedSize> sizes, int64_t least);

/// Checks that the 32-bit offsets of the kernels can reach all of an image with its padding, or of another array with
/// three sizes.
void check_image_fits(const char* op, int64_t height, int64_t width, int64_t channels,
                      const char* what = "an image (with its padding)");

/// a * b. Throws std::invalid_argument if that overflows.
int64_t multiply(const char* op, int64_t a, int64_t b);

}  // namespace cnncore
