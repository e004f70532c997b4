// A convolution of one shape, and what it is fused with. The choice of algorithms depends on nothing else.
#pragma once

#include "cnncore/activation.h"
#include "cnncore/conv2d.h"
#include "kernels/kernels.h"

namespace cnncore {

/// What a convolution is fused with, and what has to be computed.
struct Conv2dFusion {
  Activation activation = Activation::linear;
  /// a 2x2 max-pool follows, and its input is never stored; the activation must be linear or relu
  bool max_pool = false;
  bool training = true;    ///< backward will be called
  bool input_grad = true;  ///< backward will compute dx
  /// the kernel is packed for many images, and if it is finite, products with zeros of x may be left out
  bool in_network = false;
  bool stream = false;  ///< y (forward) or dx (backward) is aligned, and larger than what the caches keep
};

struct Conv2dProblem {
  /// Throws std::invalid_argument for parameters that make no sense.
  Conv2dProblem(const Conv2dParams& params, const Conv2dFusion& fusion);

  Conv2dParams params;  // its precision is the one that is used for this shape
  Conv2dFusion fusion;
  int64_t out_height = 0, out_width = 0;  // the size of the output of the convolution
  // The size of the part of the output that is used: a fused max-pool leaves out an odd last row or column.
  int64_t used_height = 0, used_width = 0;

  int64_t pixels() const { return used_height * used_width; }  // output pixels of one image
  int64_t windows() const { return pixels() / 4; }             // windows of the fused max-pool in one image
  int64_t x_size() const { return params.in_height * params.in_width * params.in_channels; }
  int64_t y_size() const { return (fusion.max_pool ? windows() : pixels()) * params.filters; }
  int64_t group_channels() const { return params.in_channels / params.groups; }
  int64_t group_filters() const { return params.filters / params.groups; }
  int64_t taps() const { return params.kernel_height * params.kernel_width; }
  int64_t depth() const { return taps() * group_channels(); }  // how many products are summed to one output
  int64_t kernel_size() const { return depth() * params.filters; }

  bool relu() const { return fusion.activation == Activation::relu; }
  bool reduced() const { return params.precision != Precision::float32; }
  bool unit_strides() const { return params.stride_height == 1 && params.stride_width == 1; }
  bool unit_dilation() const { return params.dilation_height == 1 && params.dilation_width == 1; }
  /// Whether the output is written past the caches, and pixels of `columns` floats keep all vectors aligned.
  bool streams(int64_t columns, const Kernels& k) const { return fusion.stream && columns % k.width == 0; }
  /// Whether what a pass writes is probably not in the nearest caches: in training, a network keeps it for later.
  bool fetches_y() const { return fusion.training && fusion.in_network; }
};

}  // namespace cnncore
