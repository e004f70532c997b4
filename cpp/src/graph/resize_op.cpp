// The ops zero_padding2d, cropping2d, upsampling2d and permute. cnncore/resize.h says what they compute.
#include "ops/resize_rows.h"
#include "run/step_with_tangents.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

// A step whose backward pass reads neither x nor y.
class Movement : public LinearStep {
 public:
  Movement(const char* name, const Kernels& kernels) : k_(kernels), name_(name) {}
  bool backward_reads_x() const override { return false; }
  bool backward_reads_y() const override { return false; }
  std::string describe() const override { return name_; }

 protected:
  const Kernels& k_;

 private:
  const char* name_;
};

// Adds a border of zeros to an image, or removes its border.
class BorderStep : public Movement {
 public:
  BorderStep(bool pads, const ImageSize& in, const ImageSize& out, const Padding& border, const Kernels& kernels)
      : Movement(pads ? "zero_padding2d" : "cropping2d", kernels), pads_(pads), in_(in), out_(out), border_(border) {}
  void forward(const Run& run) const override {
    pads_ ? pad_rows(run.count, in_, border_, run.x[0], run.y)
          : crop_rows(k_, run.count, in_, border_, run.x[0], run.y);
  }
  void backward(const Run& run) const override {
    if (!run.dx[0]) return;
    pads_ ? crop_rows(k_, run.count, out_, border_, run.dy, run.dx[0])
          : pad_rows(run.count, out_, border_, run.dy, run.dx[0]);
  }

 private:
  bool pads_;
  ImageSize in_, out_;
  Padding border_;
};

ImageSize size_of(const Shape& shape) { return {shape[0], shape[1], shape[2]}; }

class BorderOp : public Op {
 public:
  BorderOp(bool pads, const Shape& in, const Padding& border)
      : Op({in},
           pads ? zero_padding2d_output_shape(size_of(in), border) : cropping2d_output_shape(size_of(in), border)),
        pads_(pads),
        border_(border) {}
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<BorderStep>(pads_, size_of(input()), size_of(output()), border_, context.kernels);
  }

 private:
  bool pads_;
  Padding border_;
};

class UpsamplingStep : public Movement {
 public:
  UpsamplingStep(const Upsampling2dParams& params, const Kernels& kernels)
      : Movement("upsampling2d", kernels), plan_(params) {}
  void forward(const Run& run) const override { plan_.forward(k_, run.count, run.x[0], run.y); }
  void backward(const Run& run) const override {
    if (run.dx[0]) plan_.backward(k_, run.count, run.dy, run.dx[0], false);
  }

 private:
  UpsamplingPlan plan_;
};

class UpsamplingOp : public Op {
 public:
  explicit UpsamplingOp(const Upsampling2dParams& p)
      : Op({{p.in.height, p.in.width, p.in.channels}}, upsampling2d_output_shape(p)), params_(p) {}
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<UpsamplingStep>(params_, context.kernels);
  }

 private:
  Upsampling2dParams params_;
};

class PermuteStep : public Movement {
 public:
  PermuteStep(const Shape& in, const std::vector<int>& dims, const Kernels& kernels)
      : Movement("permute", kernels), plan_(in, dims) {}
  void forward(const Run& run) const override { plan_.forward(k_, run.count, run.x[0], run.y); }
  void backward(const Run& run) const override {
    if (run.dx[0]) plan_.backward(k_, run.count, run.dy, run.dx[0]);
  }

 private:
  PermutePlan plan_;
};

class PermuteOp : public Op {
 public:
  PermuteOp(const Shape& in, const std::vector<int>& dims) : Op({in}, permute_output_shape(in, dims)), dims_(dims) {}
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<PermuteStep>(input(), dims_, context.kernels);
  }

 private:
  std::vector<int> dims_;
};

}  // namespace

// Attributes: padding is the number of rows and columns of zeros on each side.
OpPtr make_zero_padding2d(AttributeReader& a, const std::vector<Shape>& inputs) {
  return std::make_shared<BorderOp>(true, image_input(a, inputs), a.padding("padding"));
}

// Attributes: cropping is the number of rows and columns that are cut off on each side.
OpPtr make_cropping2d(AttributeReader& a, const std::vector<Shape>& inputs) {
  return std::make_shared<BorderOp>(false, image_input(a, inputs), a.padding("cropping"));
}

// Attributes: size has the factors of height and width. interpolation is "nearest" or "bilinear".
OpPtr make_upsampling2d(AttributeReader& a, const std::vector<Shape>& inputs) {
  const std::pair<int64_t, int64_t> size = a.pair("size", std::pair<int64_t, int64_t>(2, 2));
  const std::string interpolation = a.text("interpolation", "nearest");
  check(interpolation == "nearest" || interpolation == "bilinear", a.op(),
        "expected an interpolation \"nearest\" or \"bilinear\". Received: \"", interpolation, "\"");
  return std::make_shared<UpsamplingOp>(
      Upsampling2dParams{size_of(image_input(a, inputs)), size.first, size.second, interpolation == "bilinear"});
}

// Attributes: dims are the numbers of the input's axes in the order that they have in the output. The first axis of a
// sample is 1.
OpPtr make_permute(AttributeReader& a, const std::vector<Shape>& inputs) {
  std::vector<int> dims;
  for (const int64_t d : a.integers("dims")) {
    check(d >= 1 && d <= static_cast<int64_t>(only_input(a, inputs).size()), a.op(), "expected dims from 1 to ",
          only_input(a, inputs).size(), ". Received: ", d);
    dims.push_back(static_cast<int>(d));
  }
  return std::make_shared<PermuteOp>(only_input(a, inputs), dims);
}

}  // namespace cnncore
