// affine computes y = x * scale + offset, with a scale and an offset for each channel (the last axis). They are not
// trained. The layer Normalization computes them from data.
#include <algorithm>

#include "graph/channel_map.h"
#include "run/step.h"

namespace cnncore {
namespace {

class AffineMap : public ChannelMap {
 public:
  explicit AffineMap(int64_t channels) : channels_(channels) {}
  std::vector<ParameterSpec> parameters() const override {
    return {{"scale", {channels_}, true}, {"offset", {channels_}, true}};
  }
  void evaluate(const ParameterRef* parameters, int64_t channels, float* scale, float* offset) const override {
    std::copy_n(parameters[0].value, channels, scale);
    std::copy_n(parameters[1].value, channels, offset);
  }

 private:
  int64_t channels_;
};

class AffineOp : public Op, public HasChannelMap {
 public:
  explicit AffineOp(const Shape& shape) : Op({shape}, shape), map_(std::make_shared<AffineMap>(shape.back())) {}
  std::vector<ParameterSpec> parameters() const override { return map_->parameters(); }
  std::shared_ptr<const ChannelMap> channel_map() const override { return map_; }
  OpPtr cut(const Shape& output) const override { return std::make_shared<AffineOp>(output); }
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return make_channel_map_step(map_, output(), false, "affine", context);
  }

 private:
  std::shared_ptr<const AffineMap> map_;
};

}  // namespace

OpPtr make_affine(AttributeReader& a, const std::vector<Shape>& inputs) {
  return std::make_shared<AffineOp>(only_input(a, inputs));
}

}  // namespace cnncore
