// The op reshape, which gives values another shape. It needs no step, since the output has the memory of the input.
#include "run/step.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

class ReshapeOp : public Op {
 public:
  using Op::Op;
  bool is_view(Purpose) const override { return true; }
  std::unique_ptr<Step> plan(const StepContext&) const override { return nullptr; }
};

}  // namespace

OpPtr make_reshape(AttributeReader& a, const std::vector<Shape>& inputs) {
  const Shape& in = only_input(a, inputs);
  const Shape out = a.integers("shape");
  for (const int64_t size : out) check(size >= 1, a.op(), "expected positive sizes. Received: ", out);
  check(element_count(out) == element_count(in), a.op(), "expected a shape of ", element_count(in),
        " values, as the input ", in, " has. Received: ", out);
  return std::make_shared<ReshapeOp>(std::vector<Shape>{in}, out);
}

}  // namespace cnncore
