// An op describes what a layer computes. It has no memory and knows no instruction set; `plan` makes the Step that
// runs.
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

/// What a plan is made for: inference, training steps, or products with curvature. Products with curvature have a
/// backward pass like training, but nothing is drawn at random, and moving statistics are used, as in inference.
enum class Purpose { inference, training, curvature };

/// An array of parameters that an op needs. `state` is true for arrays that are saved with a model but not trained,
/// such as the moving statistics of BatchNormalization.
struct ParameterSpec {
  std::string name;
  Shape shape;
  bool state = false;
};

/// The addresses of one array of parameters of a step. `grad` is null if the array is not trained. `tangent` is the
/// direction along which products with curvature are computed, or null in other plans.
struct ParameterRef {
  float* value = nullptr;
  float* grad = nullptr;
  int64_t size = 0;
  const float* tangent = nullptr;
};

/// The map y = x * scale + offset, which can be computed while samples are read.
struct Scaling {
  float scale = 1.0f, offset = 0.0f;
};

/// How a step will be used.
struct StepContext {
  Purpose purpose;
  bool backward;  ///< whether the step will have a backward pass
  int64_t slice;  ///< the largest number of samples in one call
  int64_t batch;  ///< the batch size of a training step
  Precision precision;
  std::vector<bool> input_grad;          ///< for each input, whether backward writes its gradient
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

  /// The shapes of one sample.
  const std::vector<Shape>& inputs() const { return inputs_; }
  const Shape& input() const { return inputs_.front(); }
  const Shape& output() const { return output_; }

  virtual std::vector<ParameterSpec> parameters() const { return {}; }
  /// This op fused with `next`, the only reader of its output, or null if they cannot be fused. The parameters of
  /// `next` follow those of this op.
  virtual OpPtr fused(const Op& /*next*/, Purpose /*purpose*/) const { return nullptr; }
  /// The same op for an output with fewer rows and columns, if the last ones are not needed. It also reads fewer rows
  /// and columns of its input, if it can. Null if the op must compute its whole output.
  virtual OpPtr cut(const Shape& /*output*/) const { return nullptr; }
  /// Whether the output has the same memory as the input, so that no step is needed.
  virtual bool is_view(Purpose /*purpose*/) const { return false; }
  /// The map that the op computes, if it is a Scaling.
  virtual std::optional<Scaling> scaling() const { return {}; }
  /// The activation at the end of the op, if there is one. Some losses compute its gradient together with their own.
  virtual std::optional<Activation> last_activation() const { return {}; }
  /// Prepares the op for one shape and instruction set.
  virtual std::unique_ptr<Step> plan(const StepContext& context) const = 0;

 protected:
  std::vector<Shape> inputs_;
  Shape output_;
};

/// A function that makes an op for inputs of these shapes. It throws std::invalid_argument if an attribute is out of
/// range or the op cannot take inputs of these shapes.
using MakeOp = OpPtr (*)(AttributeReader& attributes, const std::vector<Shape>& inputs);

/// A line of the list of ops in registry.cpp.
struct OpKind {
  /// Whether samples need an axis, or may also have the shape (), which is a single value for each sample.
  enum class Samples { with_axes, of_any_shape };
  const char* name;
  MakeOp make;
  Samples samples;
};

/// Returns the line for this kind. Throws std::invalid_argument if registry.cpp has none.
const OpKind& find_op(const std::string& kind);

/// Returns the shape of the only input. Throws std::invalid_argument if there are several.
const Shape& only_input(const AttributeReader& attributes, const std::vector<Shape>& inputs);
/// Returns the shape of the only input. Throws std::invalid_argument if it is not an image (height, width, channels).
const Shape& image_input(const AttributeReader& attributes, const std::vector<Shape>& inputs);

}  // namespace cnncore
