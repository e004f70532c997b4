#include "network/nodes.h"

#include <algorithm>
#include <sstream>

#include "ops/activation_rows.h"
#include "ops/dense_plan.h"
#include "ops/pool2d_plan.h"

namespace cnncore {
namespace {

class Conv2dNode : public Node {
 public:
  Conv2dNode(const Conv2dParams& params, const Conv2dFusion& fusion, const Weights& weights, const Kernels& kernels)
      : plan_(params, fusion, kernels), weights_(weights), pooled_(fusion.max_pool) {}

  void forward(const Slice& s) const override {
    for_groups(s, plan_.images(), [&](int64_t n, int64_t count) {
      const int64_t out = n * plan_.output_size();
      plan_.forward(count, {s.x + n * plan_.input_size(), weights_.kernel, s.packed, weights_.bias, s.y + out,
                            s.winner ? s.winner + out : nullptr, s.scratch});
    });
  }
  void backward(const Slice& s) const override {
    for_groups(s, plan_.backward_images(), [&](int64_t n, int64_t count) {
      const int64_t out = n * plan_.output_size(), in = n * plan_.input_size();
      plan_.backward(count, s.x + in, s.y + out, s.winner ? s.winner + out : nullptr, s.dy + out, s.packed,
                     s.dx ? s.dx + in : nullptr, s.partial, s.scratch);
    });
  }
  bool shared(int64_t) const override { return plan_.splits(); }
  void forward_stage(const Slice& s, int64_t, Part part) const override {
    if (!plan_.splits()) return forward(s);
    plan_.forward_part(part.index, part.count,
                       {s.x, weights_.kernel, s.packed, weights_.bias, s.y, s.winner, s.scratch});
  }
  std::string describe() const override { return std::string("conv2d (") + plan_.algorithm() + ")"; }

  int64_t flops() const override { return plan_.flops(); }
  int64_t group() const override { return plan_.images(); }
  int64_t backward_group() const override { return plan_.backward_images(); }
  int64_t scratch_size() const override { return plan_.scratch_size(); }
  int64_t packed_size() const override { return plan_.packed_size(); }
  int64_t partial_size() const override { return plan_.partial_size(); }
  int64_t winner_size() const override { return pooled_ ? plan_.output_size() : 0; }

  Weights weights() const override { return weights_; }
  int64_t pack_tasks() const override { return plan_.packed_size() > 0; }
  void pack(int64_t, float* packed) const override { plan_.pack(weights_.kernel, packed); }

  int64_t gradient_tasks() const override { return plan_.reduce_tasks() + (weights_.dbias != nullptr); }
  Range gradient(int64_t task, const BatchView& batch) const override {
    if (task == plan_.reduce_tasks()) {
      plan_.reduce_bias(batch.partials, weights_.dbias);
      return {weights_.dbias, weights_.bias_size};
    }
    const Conv2dPlan::Range range = plan_.reduce(task, batch.partials, weights_.dkernel);
    return {weights_.dkernel + range.begin, range.size};
  }

 private:
  template <class Function>
  void for_groups(const Slice& s, int64_t group, Function f) const {
    for (int64_t n = 0; n < s.count; n += group) f(n, std::min(group, s.count - n));
  }

  Conv2dPlan plan_;
  Weights weights_;
  bool pooled_;
};

class DenseNode : public Node {
 public:
  DenseNode(const DenseParams& params, const DenseFusion& fusion, int64_t samples, const Weights& weights,
            const Kernels& kernels)
      : plan_(params, fusion, samples, kernels), weights_(weights) {}

  void forward(const Slice& s) const override { plan_.forward(s.count, run(s)); }
  void backward(const Slice& s) const override {
    plan_.activation_gradient(s.count, s.dy_of_logits ? nullptr : s.y, s.dy);
    if (s.dx) plan_.backward_data(s.count, s.dy, s.packed, s.dx, s.scratch);
  }
  int64_t stages() const override { return 2; }
  bool shared(int64_t stage) const override { return stage == 0; }
  void forward_stage(const Slice& s, int64_t stage, Part part) const override {
    stage == 0 ? plan_.forward_part(part.index, part.count, run(s), s.common) : plan_.join_parts(run(s), s.common);
  }
  std::string describe() const override { return std::string("dense (") + plan_.algorithm() + ")"; }

  int64_t flops() const override { return plan_.flops(); }
  int64_t group() const override { return 0; }
  int64_t scratch_size() const override { return plan_.scratch_size(); }
  int64_t packed_size() const override { return plan_.packed_size(); }
  bool batch_gradient() const override { return true; }

  Weights weights() const override { return weights_; }
  int64_t pack_tasks() const override { return plan_.packed_size() > 0 ? plan_.tasks() : 0; }
  void pack(int64_t task, float* packed) const override { plan_.pack(task, weights_.kernel, packed); }

  int64_t gradient_tasks() const override { return plan_.tasks() + (weights_.dbias != nullptr); }
  Range gradient(int64_t task, const BatchView& batch) const override {
    if (task == plan_.tasks()) {
      plan_.bias(batch.size, batch.dy, weights_.dbias);
      return {weights_.dbias, weights_.bias_size};
    }
    const DensePlan::Range range = plan_.weights(task, batch.size, batch.x, batch.dy, weights_.dkernel, batch.scratch);
    return {weights_.dkernel + range.begin, range.size};
  }

 private:
  DenseRun run(const Slice& s) const {
    return {s.x, weights_.kernel, s.packed, weights_.bias, s.y, s.scratch, s.finite_kernels};
  }

  DensePlan plan_;
  Weights weights_;
};

class Pool2dNode : public Node {
 public:
  Pool2dNode(const Pool2dParams& params, bool max, const Kernels& kernels)
      : plan_(params, max ? Pool2dPlan::Kind::max : Pool2dPlan::Kind::average, kernels), max_(max) {}
  void forward(const Slice& s) const override { plan_.forward(s.count, s.x, s.y); }
  void backward(const Slice& s) const override {
    if (s.dx) plan_.backward(s.count, s.x, s.dy, s.dx);
  }
  int64_t flops() const override { return plan_.flops(); }
  std::string describe() const override { return max_ ? "max_pool2d" : "avg_pool2d"; }

 private:
  Pool2dPlan plan_;
  bool max_;
};

class ActivationNode : public Node {
 public:
  ActivationNode(Activation activation, int64_t pixels, int64_t channels, const Kernels& kernels)
      : activation_(activation), pixels_(pixels), channels_(channels), k_(kernels) {}
  void forward(const Slice& s) const override {
    activation_rows(k_, activation_, s.count * pixels_, channels_, s.x, s.y);
  }
  void backward(const Slice& s) const override {
    if (!s.dx) return;
    const Activation kind = s.dy_of_logits ? Activation::linear : activation_;
    activation_rows_backward(k_, kind, s.count * pixels_, channels_, s.y, s.dy, s.dx);
  }
  std::string describe() const override { return to_string(activation_); }

 private:
  Activation activation_;
  int64_t pixels_, channels_;
  const Kernels& k_;
};

class RescalingNode : public Node {
 public:
  RescalingNode(float scale, float offset, int64_t size, const Kernels& kernels)
      : scale_(scale), offset_(offset), size_(size), k_(kernels) {}
  void forward(const Slice& s) const override { k_.rescale_f32(s.x, s.y, s.count * size_, scale_, offset_); }
  void backward(const Slice& s) const override {
    if (s.dx) k_.rescale_f32(s.dy, s.dx, s.count * size_, scale_, 0.0f);
  }
  std::string describe() const override { return "rescaling"; }

 private:
  float scale_, offset_;
  int64_t size_;
  const Kernels& k_;
};

// A counter-based generator: the mask of an element follows from (seed, step, sample, element) alone, so that it is the
// same on any number of threads and backward can make it again. The mixing function is splitmix64's finaliser (Steele
// et al., 2014).
class DropoutNode : public Node {
 public:
  DropoutNode(float rate, uint64_t seed, int64_t size)
      : seed_(seed),
        threshold_(static_cast<uint32_t>(rate * 4294967296.0)),
        scale_(1.0f / (1.0f - rate)),
        size_(size) {}
  void forward(const Slice& s) const override { apply(s, s.x, s.y); }
  void backward(const Slice& s) const override {
    if (s.dx) apply(s, s.dy, s.dx);
  }
  std::string describe() const override { return "dropout"; }

 private:
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  void apply(const Slice& s, const float* from, float* to) const {
    constexpr uint64_t golden = 0x9e3779b97f4a7c15u;
    for (int64_t n = 0; n < s.count; ++n, from += size_, to += size_) {
      const uint64_t key = mix(mix(seed_ + golden * static_cast<uint64_t>(s.step + 1)) +
                               golden * static_cast<uint64_t>(s.first + n + 1));
      for (int64_t i = 0; i < size_; ++i) {
        const uint32_t draw = static_cast<uint32_t>(mix(key + golden * static_cast<uint64_t>(i)) >> 32);
        to[i] = draw >= threshold_ ? from[i] * scale_ : 0.0f;
      }
    }
  }

  uint64_t seed_;
  uint32_t threshold_;
  float scale_;
  int64_t size_;
};

}  // namespace

std::unique_ptr<Node> make_conv2d_node(const Conv2dParams& params, const Conv2dFusion& fusion, const Weights& weights,
                                       const Kernels& kernels) {
  return std::make_unique<Conv2dNode>(params, fusion, weights, kernels);
}
std::unique_ptr<Node> make_dense_node(const DenseParams& params, const DenseFusion& fusion, int64_t samples,
                                      const Weights& weights, const Kernels& kernels) {
  return std::make_unique<DenseNode>(params, fusion, samples, weights, kernels);
}
std::unique_ptr<Node> make_pool2d_node(const Pool2dParams& params, bool max, const Kernels& kernels) {
  return std::make_unique<Pool2dNode>(params, max, kernels);
}
std::unique_ptr<Node> make_activation_node(Activation activation, int64_t pixels, int64_t channels,
                                           const Kernels& kernels) {
  return std::make_unique<ActivationNode>(activation, pixels, channels, kernels);
}
std::unique_ptr<Node> make_rescaling_node(float scale, float offset, int64_t size, const Kernels& kernels) {
  return std::make_unique<RescalingNode>(scale, offset, size, kernels);
}
std::unique_ptr<Node> make_dropout_node(float rate, uint64_t seed, int64_t size) {
  return std::make_unique<DropoutNode>(rate, seed, size);
}

}  // namespace cnncore
