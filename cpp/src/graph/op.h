// An op: what a layer means. It has no memory and knows no instruction set; `plan` makes the Step that runs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cnncore/attributes.h"
#include "cnncore/precision.h"
#include "cnncore/tensor.h"
#include "graph/attribute_reader.h"
#include "kernels/kernels.h"

namespace cnncore {

class Op;
class Step;
using OpPtr = std::shared_ptr<const Op>;

/// What a plan is made for: answers, steps of a training, or products with curvature, which have the backward pass of
/// a training and the randomness and statistics of inference.
enum class Purpose { inference, training, curvature };

/// An array that an op wants. State (BatchNormalization's moving statistics) is saved with a model but not trained.
struct ParameterSpec {
  std::string name;
  Shape shape;
  bool state = false;
};

/// Where one of a step's arrays lives. `grad` is null where the array is not trained. `tangent` is the part of the
/// direction along which products with curvature are taken; null where there is none.
struct ParameterRef {
  float* value = nullptr;
  float* grad = nullptr;
  int64_t size = 0;
  const float* tangent = nullptr;
};

/// y = x * scale + offset, which can be folded into reading the samples.
struct Scaling {
  float scale = 1.0f, offset = 0.0f;
};

/// What a step is made for.
struct StepContext {
  Purpose purpose;
  bool backward;  ///< the step will be run backwards
  int64_t slice;  ///< the most samples of one call
  int64_t batch;  ///< of a training step
  Precision precision;
  std::vector<bool> input_grad;          ///< per input: backward writes its gradient
  std::vector<ParameterRef> parameters;  ///< in the order of Op::parameters
  const Kernels& kernels;
  bool any_input_grad() const {
    for (const bool wanted : input_grad)
      if (wanted) return true;
    return false;
  }
};

class Op {
 public:
  Op(std::vector<Shape> inputs, Shape output) : inputs_(std::move(inputs)), output_(std::move(output)) {}
  virtual ~Op() = default;

  /// Shapes of one sample.
  const std::vector<Shape>& inputs() const { return inputs_; }
  const Shape& input() const { return inputs_.front(); }
  const Shape& output() const { return output_; }

  virtual std::vector<ParameterSpec> parameters() const { return {}; }
  /// This op and `next`, the only reader of its output, as one; null where they stay two. The parameters of `next`
  /// follow this op's.
  virtual OpPtr fused(const Op& /*next*/, Purpose /*purpose*/) const { return nullptr; }
  /// The same op where only the first rows and columns of its output are needed, reading no more than that takes;
  /// null where it has to compute all of it.
  virtual OpPtr cut(const Shape& /*output*/) const { return nullptr; }
  /// The output is the input as it lies in memory: no step is made.
  virtual bool is_view(Purpose /*purpose*/) const { return false; }
  virtual std::optional<Scaling> scaling() const { return {}; }
  /// The output is a probability distribution, or a probability, by a function whose gradient some losses take
  /// together with their own.
  virtual std::optional<Activation> last_activation() const { return {}; }
  virtual std::unique_ptr<Step> plan(const StepContext& context) const = 0;

 protected:
  std::vector<Shape> inputs_;
  Shape output_;
};

/// Makes an op for inputs of these shapes; throws std::invalid_argument for what makes no sense.
using MakeOp = OpPtr (*)(AttributeReader& attributes, const std::vector<Shape>& inputs);

/// The op of this kind; throws std::invalid_argument where there is none (registry.cpp lists them).
MakeOp find_op(const std::string& kind);

/// The single input; an error where there are several.
const Shape& only_input(const AttributeReader& attributes, const std::vector<Shape>& inputs);
/// The single input, which has to be an image (height, width, channels).
const Shape& image_input(const AttributeReader& attributes, const std::vector<Shape>& inputs);

}  // namespace cnncore
