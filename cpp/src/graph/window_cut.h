// Computes how much of its input an op with a sliding window reads if the last rows and columns of its output are not
// needed.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cnncore {

/// One axis of an op with a sliding window. cut_window() changes the size of the input and the padding after it.
struct WindowAxis {
  int64_t& size;
  int64_t& after;
  int64_t kernel, stride, before, dilation;
};

/// Cuts the axis so that it gives exactly `needed` outputs. Returns false if that is impossible, because a window would
/// lie completely in the padding.
inline bool cut_window(WindowAxis axis, int64_t needed) {
  const int64_t reach = (needed - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1 - axis.before;
  const int64_t size = std::clamp<int64_t>(reach, 1, axis.size);
  const int64_t after = std::max<int64_t>(0, reach - size);
  if ((size + axis.before + after - ((axis.kernel - 1) * axis.dilation + 1)) / axis.stride + 1 != needed) return false;
  axis.size = size;
  axis.after = after;
  return true;
}

}  // namespace cnncore
