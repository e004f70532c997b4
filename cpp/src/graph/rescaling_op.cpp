// The op rescaling: y = x * scale + offset. As the first op of a network it needs no step, since it is computed while
// samples are read.
#include "run/step_with_tangents.h"

namespace cnncore {
namespace {

class RescalingStep : public LinearStep {
 public:
  RescalingStep(Scaling scaling, int64_t size, const Kernels& kernels) : scaling_(scaling), size_(size), k_(kernels) {}
  void forward(const Run& run) const override {
    k_.rescale_f32(run.x[0], run.y, run.count * size_, scaling_.scale, scaling_.offset);
  }
  void tangent(const Run& run, const Run& tangent) const override {
    k_.rescale_f32(tangent.x[0], tangent.y, run.count * size_, scaling_.scale, 0.0f);
  }
  void backward(const Run& run) const override {
    if (run.dx[0]) k_.rescale_f32(run.dy, run.dx[0], run.count * size_, scaling_.scale, 0.0f);
  }
  bool backward_reads_x() const override { return false; }
  bool backward_reads_y() const override { return false; }
  std::string describe() const override { return "rescaling"; }

 private:
  Scaling scaling_;
  int64_t size_;
  const Kernels& k_;
};

class RescalingOp : public Op {
 public:
  RescalingOp(const Shape& shape, Scaling scaling) : Op({shape}, shape), scaling_(scaling) {}
  std::optional<Scaling> scaling() const override { return scaling_; }
  OpPtr cut(const Shape& output) const override { return std::make_shared<RescalingOp>(output, scaling_); }
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<RescalingStep>(scaling_, element_count(output()), context.kernels);
  }

 private:
  Scaling scaling_;
};

}  // namespace

OpPtr make_rescaling(AttributeReader& a, const std::vector<Shape>& inputs) {
  const Scaling scaling{static_cast<float>(a.real("scale")), static_cast<float>(a.real("offset", 0.0))};
  return std::make_shared<RescalingOp>(only_input(a, inputs), scaling);
}

}  // namespace cnncore
