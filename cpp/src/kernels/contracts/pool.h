// Contracts of pooling. contracts.h explains what all contracts have in common.
#pragma once
#include <cstdint>

namespace cnncore {

/// Pooling over vectors of channels. The positions of window q inside the image are window_offset[i] for
/// window_begin[q] <= i < window_begin[q + 1].
///   max: y[q] = max_i x[i]            max_backward: dx[first i with x[i] = max] += dy[q]
///   avg: y[q] = mean_i x[i]           avg_backward: dx[i] += dy[q] / count
struct PoolArgs {
  const float* x;
  const int32_t* window_offset;
  const int32_t* window_begin;
  int64_t windows, channels;
  float* y;                // [windows][channels]
  const float* dy;         // backward
  float* dx;               // backward: gradients are added to it
  bool overwrite = false;  // dx is set, not added to. No position belongs to two windows then.
};

}  // namespace cnncore
