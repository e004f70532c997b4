#include "graph/channel_map.h"

#include "ops/normalization_rows.h"
#include "run/step_with_tangents.h"

namespace cnncore {
namespace {

class ChannelMapStep : public StepWithTangents {
 public:
  ChannelMapStep(std::shared_ptr<const ChannelMap> map, const Shape& shape, bool relu, std::string name,
                 const StepContext& context)
      : map_(std::move(map)),
        rows_(element_count(shape) / shape.back()),
        channels_(shape.back()),
        relu_(relu),
        name_(std::move(name)),
        parameters_(context.parameters),
        k_(context.kernels) {}

  void forward(const Run& run) const override {
    normalize_rows(k_, {.x = run.x[0],
                        .rows = run.count * rows_,
                        .cols = channels_,
                        .mean = nullptr,
                        .scale = run.packed,
                        .offset = offset(run.packed),
                        .relu = relu_,
                        .y = run.y});
  }
  void backward(const Run& run) const override {
    if (run.dx[0])
      affine_rows_backward(k_, run.count * rows_, channels_, run.packed, relu_ ? run.y : nullptr, run.dy, run.dx[0]);
  }
  // In products with curvature, no relu is fused with this step.
  void tangent(const Run& run, const Run& tangent) const override {
    normalize_rows(k_, {.x = tangent.x[0],
                        .rows = run.count * rows_,
                        .cols = channels_,
                        .mean = nullptr,
                        .scale = run.packed,
                        .offset = nullptr,
                        .relu = false,
                        .y = tangent.y});
  }
  bool backward_reads_x() const override { return false; }
  bool backward_reads_y() const override { return relu_; }
  int64_t packed_size() const override { return 2 * aligned_count<float>(channels_); }
  int64_t pack_tasks() const override { return 1; }
  void pack(int64_t, float* packed) const override {
    map_->evaluate(parameters_.data(), channels_, packed, packed + aligned_count<float>(channels_));
  }
  std::string describe() const override { return name_ + (relu_ ? " and relu" : ""); }

 private:
  const float* offset(const float* packed) const { return packed + aligned_count<float>(channels_); }

  std::shared_ptr<const ChannelMap> map_;
  int64_t rows_, channels_;
  bool relu_;
  std::string name_;
  std::vector<ParameterRef> parameters_;
  const Kernels& k_;
};

}  // namespace

std::unique_ptr<Step> make_channel_map_step(std::shared_ptr<const ChannelMap> map, const Shape& shape, bool relu,
                                            const std::string& name, const StepContext& context) {
  return std::make_unique<ChannelMapStep>(std::move(map), shape, relu, name, context);
}

}  // namespace cnncore
