#include "run/tangent_slices.h"

#include <algorithm>

#include "run/step_with_tangents.h"

namespace cnncore {
namespace {

// The number of floats of the largest tensor of a slice.
int64_t largest(const Plan& plan) {
  int64_t size = 0;
  for (const PlannedTensor& tensor : plan.tensors) size = std::max(size, tensor.size);
  return size * plan.mode.slice;
}

}  // namespace

TangentMemory::TangentMemory(const Plan& plan)
    : values(plan), tangents(plan), zeros(plan.most_inputs > 1 ? largest(plan) : 0), spare(largest(plan)) {}

TangentSlices::Pair TangentSlices::runs(const PlannedNode& node, const SliceOf& slice, int64_t n, int64_t count,
                                        const std::vector<uint8_t>& logits) const {
  Pair pair{values_.run(node, slice, n, count), tangents_.run(node, slice, n, count)};
  for (size_t i = 0; i < node.inputs.size(); ++i)
    if (!node.input_grad[i]) memory_.tangents.x[i] = node.inputs.size() > 1 ? memory_.zeros.data() : nullptr;
  for (size_t o = 0; o < plan_.outputs.size(); ++o)
    if (logits[o] && plan_.outputs[o].tensor == node.output) pair.run.dy_of_logits = true;
  pair.run.share = share_;
  pair.run.spare = memory_.spare.data();
  return pair;
}

void TangentSlices::forward(const Phase& phase, const SliceOf& slice, const std::vector<uint8_t>& logits) const {
  for (const Segment& segment : phase.segments) {
    const int64_t group = segment.group > 0 ? segment.group : slice.count;
    for (int64_t n = 0; n < slice.count; n += group) {
      for (const Item& item : segment.items) {
        const PlannedNode& node = plan_.nodes[item.node];
        const Pair pair = runs(node, slice, n, std::min(group, slice.count - n), logits);
        node.step->forward(pair.run);
        if (node.backward) node.step->with_tangents()->tangent(pair.run, pair.tangent);
      }
    }
  }
}

void TangentSlices::backward(const Phase& phase, const SliceOf& slice, const std::vector<uint8_t>& logits) const {
  for (size_t j = phase.segments.size(); j-- > 0;) {
    const Segment& segment = phase.segments[j];
    const int64_t group = segment.backward_group > 0 ? segment.backward_group : slice.count;
    for (int64_t n = 0; n < slice.count; n += group) {
      for (size_t i = segment.items.size(); i-- > 0;) {
        const PlannedNode& node = plan_.nodes[segment.items[i].node];
        if (node.backward) run_backward(node, runs(node, slice, n, std::min(group, slice.count - n), logits));
      }
    }
  }
}

void TangentSlices::run_backward(const PlannedNode& node, const Pair& pair) const {
  tangents_.divert(node, pair.tangent);
  if (kind_ == CurvatureKind::hessian) {
    values_.divert(node, pair.run);
    node.step->with_tangents()->backward_tangent(pair.run, pair.tangent);
    values_.rejoin(node, pair.run);
  } else {
    node.step->with_tangents()->backward_gauss_newton(pair.run, pair.tangent);
  }
  tangents_.rejoin(node, pair.tangent);
}

}  // namespace cnncore
