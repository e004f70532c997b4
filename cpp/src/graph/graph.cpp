// Adds ops to a graph. The function that makes an op checks the shapes of its inputs and finds the shape of its output.
#include <algorithm>

#include "cnncore/network.h"
#include "graph/op.h"
#include "ops/validate.h"
#include "runtime/check.h"

namespace cnncore {

namespace {

constexpr int64_t kMostArrays = 1 << 16;  // how many arrays the Parameters of a layer may have

void check_sample(const char* op, const Shape& shape, const char* what) {
  for (const int64_t size : shape) check(size >= 1, op, "expected positive sizes. Received: ", shape);
  check_image_fits(op, element_count(shape), 1, 1, what);
}

}  // namespace

int Graph::input(const Shape& shape) {
  check_sample("[input] ", shape, "a sample");
  inputs_.push_back(tensor_count());
  shapes_.push_back(shape);
  return inputs_.back();
}

const Shape& Graph::shape(int tensor) const {
  check(tensor >= 0 && tensor < tensor_count(), "[graph] expected a tensor id in [0, ", tensor_count(),
        "). Received: ", tensor);
  return shapes_[static_cast<size_t>(tensor)];
}

int Graph::add(const std::string& kind, const std::vector<int>& inputs, const std::string& layer,
               Attributes attributes) {
  try {
    std::vector<Shape> shapes;
    for (const int t : inputs) shapes.push_back(shape(t));
    const OpKind& op_kind = find_op(kind);
    AttributeReader reader("[" + kind + "] ", attributes);
    for (const Shape& shape : shapes)
      check(!shape.empty() || op_kind.samples == OpKind::Samples::of_any_shape, reader.op(),
            "expected samples with at least one axis. Received: a tensor with a single value for each sample");
    std::vector<int64_t> weights = reader.integers("weights", std::vector<int64_t>{});
    const bool trainable = reader.boolean("trainable", true);
    const std::string activation = reader.text("activation", "linear");
    OpPtr op = op_kind.make(reader, shapes);
    reader.finish();
    const int y = add(std::move(op), inputs, layer, std::move(weights), trainable);
    return activation == "linear" ? y : add("activation", {y}, layer, {{"kind", activation}});
  } catch (const std::invalid_argument& error) {
    fail("layer \"", layer, "\": ", error.what());
  }
}

int Graph::add(std::shared_ptr<const Op> op, const std::vector<int>& inputs, const std::string& layer,
               std::vector<int64_t> weights, bool trainable) {
  check(op != nullptr && op->inputs().size() == inputs.size(), "[graph] expected an op for ", inputs.size(), " inputs");
  const int64_t wanted = static_cast<int64_t>(op->parameters().size());
  if (weights.empty())
    for (int64_t i = 0; i < wanted; ++i) weights.push_back(i);
  check(static_cast<int64_t>(weights.size()) == wanted, "[graph] expected ", wanted,
        " weights, as many as the op has parameters. Received: ", weights.size());
  for (const int64_t array : weights)
    check(array >= 0 && array < kMostArrays, "[graph] expected weights to be numbers of arrays in [0, ", kMostArrays,
          "). Received: ", array);
  check_sample("[graph] ", op->output(), "an output");
  shapes_.push_back(op->output());
  nodes_.push_back({layer, std::move(op), inputs, tensor_count() - 1, std::move(weights), trainable});
  return nodes_.back().output;
}

}  // namespace cnncore
