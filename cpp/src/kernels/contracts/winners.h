// Contracts of convolutions behind a 2x2 max-pool, whose gradient is zero except at the winners. contracts.h explains
// what all contracts have in common.
#pragma once
#include <cstdint>

namespace cnncore {

/// The gradient behind a 2x2 max-pool is zero except at the winners. This makes a list of them for each channel c, with
/// `capacity` places, of which `windows + 16` may be overwritten. For each window q, in order, whose winner i is less
/// than 4, it has an entry with
///   value = dy[q * channels + c],  offset = candidate[i * windows_padded + q]
/// candidate[] holds the position of pixel i of window q; it is padded to windows_padded, a multiple of 16.
struct WinnerListArgs {
  const float* dy;
  const uint8_t* winner;
  const int32_t* candidate;
  int64_t windows, windows_padded, channels;
  float* value;     // [channels][capacity]
  int32_t* offset;  // [channels][capacity]
  int32_t* count;   // [channels]
  int64_t capacity;
  float* scratch;  // 2 * windows_padded * 16 floats
};

/// Puts winners back in their places, for i < 4: dy_full[candidate[i * windows_padded + q] + c] = winner[q][c] == i ?
/// dy[q][c] : 0
struct UnpoolArgs {
  const float* dy;
  const uint8_t* winner;
  const int32_t* candidate;
  int64_t windows, windows_padded, channels;
  float* dy_full;
};

/// Reads a row of 2x2 windows at their winners: y[q][c] = x[(winner / 2) * row + (2 q + winner % 2) * channels + c], or
/// 0 where the winner is 4.
struct WinnersArgs {
  const float* x;
  int64_t row;  // floats from a row of x to the next
  const uint8_t* winner;
  int64_t windows, channels;
  float* y;
};

/// Gradients from a list of winners. A window consists of `vectors` runs of at most `width` floats, and run j begins at
/// run_offset[j] within it. Rows of dwt and wt have vectors * width floats; the lanes after a run are padding, which is
/// zero in wt and ignored in dwt.
///   weights: dwt[c][j] += sum_e value[c][e] * x[offset[c][e] + run_offset[j]]
///   data:    dx[offset[c][e] + run_offset[j]] += value[c][e] * wt[c][j]
struct SparseArgs {
  const float* value;
  const int32_t* offset;
  const int32_t* count;
  int64_t channels, capacity;
  const int32_t* run_offset;
  int64_t vectors;
  const float* x;          // weights
  float* dwt;              // weights
  const float* wt;         // data
  float* dx;               // data
  bool overwrite = false;  // dwt is set, not added to
};

/// dw[t * channels + c] += sum_q dy[q][c] * x[window(q) + pixel(winner[q][c]) + tap(t)] for a 3x3 convolution of one
/// input channel with stride 1, before a 2x2 max-pool. The 4x4 pixels that a window of the pool sees fit into one
/// register, and the winner selects among them.
struct PatchWeightsArgs {
  const float* x;
  const int32_t* window_offset;  // the position of the 4x4 patch of each window in x
  int64_t row;                   // floats between rows of x
  int64_t windows, channels;
  const float* dy;
  const uint8_t* winner;
  float* dw;
};

/// The gradient of the input of a 3x3 convolution with stride 1 before a 2x2 max-pool. Channels and filters are
/// multiples of `width`, and a kernel has its channels in blocks of `width`:
///   dx[window_offset[q] + (i / 2 + t / 3) * row + (i % 2 + t % 3) * channels + c] +=
///       dy[q][f] * kernel[9 * (c - c % width) * filters + kernel_offset[f] + t * width + c % width]
/// for windows q, filters f whose winner i = winner[q][f] is less than 4, taps t < 9 and channels c.
struct PatchDataArgs {
  const float* dy;
  const uint8_t* winner;
  int64_t windows, filters, channels;
  const int32_t* window_offset;  // the position of the 4x4 patch of each window in dx
  int64_t row;                   // floats between rows of dx
  const float* kernel;
  const int32_t* kernel_offset;  // per filter: 9 * width * f
  float* dx;
};

}  // namespace cnncore
