// Contracts of depthwise convolutions. contracts.h explains what all contracts have in common.
#pragma once
#include <cstdint>

namespace cnncore {

/// Depthwise: y[y_offset[p] + c] = act(bias[c] + sum_t x[x_offset[p] + tap_offset[t] + c] * w[w_offset[t] + c])
struct DepthwiseArgs {
  const float* x;
  const int32_t* x_offset;
  const int32_t* tap_offset;
  int64_t pixels, taps, channels;
  const float* w;
  const int32_t* w_offset;
  const float* bias;  // may be null
  float* y;
  const int32_t* y_offset;
  bool relu;
  bool stream = false;  // as in GemmArgs
};

/// dw[w_offset[t] + c] += sum_p x[x_offset[p] + tap_offset[t] + c] * dy[dy_offset[p] + c]
struct DepthwiseWeightsArgs {
  const float* x;
  const int32_t* x_offset;
  const int32_t* tap_offset;
  int64_t pixels, taps, channels;
  const float* dy;
  const int32_t* dy_offset;
  float* dw;
  const int32_t* w_offset;
};

}  // namespace cnncore
