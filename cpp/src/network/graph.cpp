// Building a graph: every op checks its input and infers its output's shape.
#include <algorithm>

#include "cnncore/activation.h"
#include "cnncore/network.h"
#include "ops/dense_plan.h"
#include "ops/validate.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

// Runs f and puts the layer's name before the message of what it throws.
template <class Function>
auto named(const std::string& name, Function f) {
  try {
    return f();
  } catch (const std::invalid_argument& error) {
    fail("layer \"", name, "\": ", error.what());
  }
}

// The chain's plans keep the output of an activation for backward, not its input.
void check_fits_chain(Activation activation, const std::string& name) {
  check(!needs_input(activation), "layer \"", name,
        "\": expected an activation whose gradient follows from its output. ", "Received: '", to_string(activation),
        "'");
}

}  // namespace

int Graph::input(const Shape& shape) {
  check(shape.size() == 1 || shape.size() == 3,
        "[input] expected a shape (height, width, channels) or (features,). Received: ", to_string(shape));
  for (const int64_t size : shape) check(size >= 1, "[input] expected positive sizes. Received: ", to_string(shape));
  check_image_fits("[input] ", shape[0], shape.size() == 3 ? shape[1] : 1, shape.size() == 3 ? shape[2] : 1);
  check(shapes_.empty(), "[input] expected one input, appended first");
  shapes_.push_back(shape);
  return 0;
}

const Shape& Graph::shape(int tensor) const {
  check(tensor >= 0 && tensor < static_cast<int>(shapes_.size()), "[graph] expected a tensor id in [0, ",
        shapes_.size(), "). Received: ", tensor);
  return shapes_[static_cast<size_t>(tensor)];
}

const Shape& Graph::image_shape(int x, const std::string& name) const {
  const Shape& shape = this->shape(x);
  check(shape.size() == 3, "layer \"", name,
        "\": expected an input of shape (height, width, channels). Received: ", to_string(shape));
  return shape;
}

int Graph::append(int x, Op op, Shape output, const std::string& name) {
  shape(x);
  for (const Node& node : nodes_) {
    check(node.name != name, "layer \"", name, "\": expected a name that is not in use");
    check(node.input != x, "layer \"", name,
          "\": expected an input that no other layer reads. Received: the input of \"", node.name, "\"");
  }
  shapes_.push_back(std::move(output));
  nodes_.push_back({name, std::move(op), x, static_cast<int>(shapes_.size()) - 1});
  return nodes_.back().output;
}

int Graph::rescaling(int x, float scale, float offset, const std::string& name) {
  return append(x, RescalingOp{scale, offset}, shape(x), name);
}

int Graph::conv2d(int x, Conv2dParams params, bool use_bias, Activation activation, const std::string& name,
                  std::optional<Precision> precision) {
  const Shape& in = image_shape(x, name);
  check_fits_chain(activation, name);
  params.in_height = in[0], params.in_width = in[1], params.in_channels = in[2];
  return append(x, Conv2dOp{params, use_bias, activation, precision},
                named(name, [&] { return conv2d_output_shape(params); }), name);
}

int Graph::max_pool2d(int x, Pool2dParams params, const std::string& name) {
  const Shape& in = image_shape(x, name);
  params.in_height = in[0], params.in_width = in[1], params.channels = in[2];
  return append(x, MaxPool2dOp{params}, named(name, [&] { return pool2d_output_shape(params); }), name);
}

int Graph::avg_pool2d(int x, Pool2dParams params, const std::string& name) {
  const Shape& in = image_shape(x, name);
  params.in_height = in[0], params.in_width = in[1], params.channels = in[2];
  return append(x, AvgPool2dOp{params}, named(name, [&] { return pool2d_output_shape(params); }), name);
}

int Graph::flatten(int x, const std::string& name) { return append(x, FlattenOp{}, {element_count(shape(x))}, name); }

int Graph::dense(int x, int64_t units, bool use_bias, Activation activation, const std::string& name,
                 std::optional<Precision> precision) {
  const Shape& in = shape(x);
  check_fits_chain(activation, name);
  check(in.size() == 1, "layer \"", name, "\": expected an input of shape (features,). Received: ", to_string(in),
        "; put a Flatten layer before it");
  const DenseParams params{in[0], units};
  named(name, [&] { validate(params); });
  return append(x, DenseOp{params, use_bias, activation, precision}, {units}, name);
}

int Graph::activation(int x, Activation kind, const std::string& name) {
  check_fits_chain(kind, name);
  return append(x, ActivationOp{kind}, shape(x), name);
}

int Graph::dropout(int x, float rate, uint64_t seed, const std::string& name) {
  check(rate >= 0.0f && rate < 1.0f, "layer \"", name, "\": expected a rate in [0, 1). Received: ", rate);
  return append(x, DropoutOp{rate, seed}, shape(x), name);
}

}  // namespace cnncore
