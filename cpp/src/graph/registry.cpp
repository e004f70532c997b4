// The list of all kinds of ops. A new op needs a line here, and no other change outside its own file.
#include <algorithm>
#include <string_view>

#include "graph/op.h"
#include "runtime/check.h"

#define CNNCORE_OPS(X)       \
  X(activation)              \
  X(activity_regularization) \
  X(add)                     \
  X(added_loss)              \
  X(affine)                  \
  X(average)                 \
  X(avg_pool2d)              \
  X(batch_normalization)     \
  X(concatenate)             \
  X(conv2d)                  \
  X(conv2d_transpose)        \
  X(cropping2d)              \
  X(dense)                   \
  X(dot)                     \
  X(dropout)                 \
  X(gaussian_noise)          \
  X(group_normalization)     \
  X(layer_normalization)     \
  X(max_pool2d)              \
  X(maximum)                 \
  X(minimum)                 \
  X(multiply)                \
  X(permute)                 \
  X(prelu)                   \
  X(rescaling)               \
  X(reshape)                 \
  X(second_moment)           \
  X(subtract)                \
  X(unit_normalization)      \
  X(upsampling2d)            \
  X(zero_padding2d)

namespace cnncore {

#define CNNCORE_DECLARE(kind) OpPtr make_##kind(AttributeReader& attributes, const std::vector<Shape>& inputs);
CNNCORE_OPS(CNNCORE_DECLARE)
#undef CNNCORE_DECLARE

namespace {

struct Entry {
  const char* kind;
  MakeOp make;
};

#define CNNCORE_ENTRY(kind) {#kind, make_##kind},
constexpr Entry kOps[] = {CNNCORE_OPS(CNNCORE_ENTRY)};
#undef CNNCORE_ENTRY

}  // namespace

MakeOp find_op(const std::string& kind) {
  for (const Entry& entry : kOps)
    if (kind == entry.kind) return entry.make;
  std::string known;
  for (const Entry& entry : kOps) known += (known.empty() ? "" : ", ") + std::string(entry.kind);
  fail("[graph] expected one of the ops ", known, ". Received: '", kind, "'");
}

bool takes_single_values(const std::string& kind) {
  constexpr std::string_view kinds[] = {"activation",
                                        "activity_regularization",
                                        "add",
                                        "added_loss",
                                        "average",
                                        "dropout",
                                        "gaussian_noise",
                                        "maximum",
                                        "minimum",
                                        "multiply",
                                        "rescaling",
                                        "reshape",
                                        "subtract"};
  return std::find(std::begin(kinds), std::end(kinds), kind) != std::end(kinds);
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
