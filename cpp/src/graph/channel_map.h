// Maps y = x * scale + offset for each channel, such as batch normalization in inference. An op with a kernel that
// comes before such a map can include it in its kernel and bias.
#pragma once

#include "graph/op.h"
#include "kernels/kernels.h"
#include "runtime/buffer.h"

namespace cnncore {

/// A map y = x * scale[c] + offset[c], where c is the channel along the last axis. scale and offset are computed from
/// parameters of an op.
class ChannelMap {
 public:
  virtual ~ChannelMap() = default;
  virtual std::vector<ParameterSpec> parameters() const = 0;
  /// Computes scale and offset for each channel. `parameters` are in the order of parameters().
  virtual void evaluate(const ParameterRef* parameters, int64_t channels, float* scale, float* offset) const = 0;
};

/// Makes a step that only computes a map. It is followed by a relu if `relu` is true.
std::unique_ptr<Step> make_channel_map_step(std::shared_ptr<const ChannelMap> map, const Shape& shape, bool relu,
                                            const std::string& name, const StepContext& context);

/// A base class of ops that compute a ChannelMap in inference. Other ops get the map from it.
class HasChannelMap {
 public:
  virtual ~HasChannelMap() = default;
  virtual std::shared_ptr<const ChannelMap> channel_map() const = 0;
};

/// A kernel and a bias that compute both an op and the ChannelMap after it. The last axis of the kernel is that of the
/// filters.
class FoldedKernel {
 public:
  FoldedKernel(std::shared_ptr<const ChannelMap> map, int64_t kernel_size, int64_t filters)
      : map_(std::move(map)), kernel_size_(kernel_size), filters_(filters) {}
  /// The number of floats that `memory` needs: for the kernel, for the bias, and for the map while it is computed.
  int64_t size() const { return aligned_count<float>(kernel_size_) + 2 * aligned_count<float>(filters_); }
  const float* kernel(const float* memory) const { return memory; }
  const float* bias(const float* memory) const { return memory + aligned_count<float>(kernel_size_); }
  void make(const ParameterRef& kernel, const ParameterRef* bias, const ParameterRef* map_parameters,
            float* memory) const {
    float* offset = memory + aligned_count<float>(kernel_size_);
    float* scale = offset + aligned_count<float>(filters_);
    map_->evaluate(map_parameters, filters_, scale, offset);
    for (int64_t i = 0; i < kernel_size_; i += filters_)
      for (int64_t f = 0; f < filters_; ++f) memory[i + f] = kernel.value[i + f] * scale[f];
    if (bias)
      for (int64_t f = 0; f < filters_; ++f) offset[f] += bias->value[f] * scale[f];
  }

 private:
  std::shared_ptr<const ChannelMap> map_;
  int64_t kernel_size_, filters_;
};

}  // namespace cnncore
