// The list of all kinds of ops. A new op needs a line here, and no other change outside its own file. The second word
// says which samples it takes: those with at least one axis, or also single values (OpKind::Samples).
#include "graph/op.h"
#include "runtime/check.h"

#define CNNCORE_OPS(X)                     \
  X(activation, of_any_shape)              \
  X(activity_regularization, of_any_shape) \
  X(add, of_any_shape)                     \
  X(added_loss, of_any_shape)              \
  X(affine, with_axes)                     \
  X(average, of_any_shape)                 \
  X(avg_pool2d, with_axes)                 \
  X(batch_normalization, with_axes)        \
  X(concatenate, with_axes)                \
  X(conv2d, with_axes)                     \
  X(conv2d_transpose, with_axes)           \
  X(cropping2d, with_axes)                 \
  X(dense, with_axes)                      \
  X(dot, with_axes)                        \
  X(dropout, of_any_shape)                 \
  X(gaussian_noise, of_any_shape)          \
  X(group_normalization, with_axes)        \
  X(layer_normalization, with_axes)        \
  X(max_pool2d, with_axes)                 \
  X(maximum, of_any_shape)                 \
  X(minimum, of_any_shape)                 \
  X(multiply, of_any_shape)                \
  X(permute, with_axes)                    \
  X(prelu, with_axes)                      \
  X(rescaling, of_any_shape)               \
  X(reshape, of_any_shape)                 \
  X(second_moment, with_axes)              \
  X(subtract, of_any_shape)                \
  X(unit_normalization, with_axes)         \
  X(upsampling2d, with_axes)               \
  X(zero_padding2d, with_axes)

namespace cnncore {

#define CNNCORE_DECLARE(kind, samples) OpPtr make_##kind(AttributeReader& attributes, const std::vector<Shape>& inputs);
CNNCORE_OPS(CNNCORE_DECLARE)
#undef CNNCORE_DECLARE

namespace {

#define CNNCORE_ENTRY(kind, samples) {#kind, make_##kind, OpKind::Samples::samples},
constexpr OpKind kOps[] = {CNNCORE_OPS(CNNCORE_ENTRY)};
#undef CNNCORE_ENTRY

}  // namespace

const OpKind& find_op(const std::string& kind) {
  for (const OpKind& op : kOps)
    if (kind == op.name) return op;
  std::string known;
  for (const OpKind& op : kOps) known += (known.empty() ? "" : ", ") + std::string(op.name);
  fail("[graph] expected one of the ops ", known, ". Received: '", kind, "'");
}

const Shape& only_input(const AttributeReader& attributes, const std::vector<Shape>& inputs) {
  check(inputs.size() == 1, attributes.op(), "expected one input. Received: ", inputs.size());
  return inputs.front();
}

const Shape& image_input(const AttributeReader& attributes, const std::vector<Shape>& inputs) {
  const Shape& shape = only_input(attributes, inputs);
  check(shape.size() == 3, attributes.op(), "expected an input of shape (height, width, channels). Received: ", shape);
  return shape;
}

}  // namespace cnncore
