// The ops of a network as nodes over their plans.
#pragma once

#include "cnncore/network.h"
#include "network/node.h"
#include "ops/conv2d_plan.h"
#include "ops/dense_plan.h"

namespace cnncore {

std::unique_ptr<Node> make_conv2d_node(const Conv2dParams& params, const Conv2dFusion& fusion, const Weights& weights,
                                       const Kernels& kernels);
std::unique_ptr<Node> make_dense_node(const DenseParams& params, const DenseFusion& fusion, int64_t samples,
                                      const Weights& weights, const Kernels& kernels);
std::unique_ptr<Node> make_pool2d_node(const Pool2dParams& params, bool max, const Kernels& kernels);
std::unique_ptr<Node> make_activation_node(Activation activation, int64_t pixels, int64_t channels,
                                           const Kernels& kernels);
std::unique_ptr<Node> make_rescaling_node(float scale, float offset, int64_t size, const Kernels& kernels);
/// Training only: inference has no such node.
std::unique_ptr<Node> make_dropout_node(float rate, uint64_t seed, int64_t size);

}  // namespace cnncore
