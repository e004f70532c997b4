// The flipped kernel, by which dy is multiplied for the gradient of the input: a list of taps, each with filters and
// channels exchanged.
#pragma once

#include "ops/conv2d/problem.h"

namespace cnncore {

/// flipped[tap][f][c] = kernel[taps[tap]][c][f] within each group, for channels [begin, end) of every group.
inline void pack_flipped(const Conv2dProblem& p, const Kernels& k, const std::vector<int64_t>& taps,
                         IndexRange channels, const float* kernel, float* flipped) {
  const int64_t filters = p.group_filters(), pitch = p.params.filters;
  for (const int64_t tap : taps) {
    const float* from = kernel + (tap * p.group_channels() + channels.begin) * pitch;
    for (int64_t g = 0; g < p.params.groups; ++g)
      k.transpose(from + g * filters, pitch, flipped + g * p.group_channels() + channels.begin, p.params.in_channels,
                  channels.size(), filters);
    flipped += filters * p.params.in_channels;
  }
}

}  // namespace cnncore
