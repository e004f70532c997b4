#include "network/steps.h"

#include <algorithm>

#include "runtime/check.h"

namespace cnncore {
namespace {

template <class T>
const T* get(const Step& step) {
  return std::get_if<T>(&step.op);
}

bool is_window_pool(const Pool2dParams& p) {
  return p.pool_height == 2 && p.pool_width == 2 && p.stride_height == 2 && p.stride_width == 2 && p.padding.top == 0 &&
         p.padding.bottom == 0 && p.padding.left == 0 && p.padding.right == 0;
}

// Fuses `next` into `last` where that is possible.
bool fuse(Step& last, const Step& next) {
  if (auto* conv = std::get_if<Conv2dOp>(&last.op)) {
    if (const auto* act = get<ActivationOp>(next); act && conv->activation == Activation::linear && !last.max_pool) {
      conv->activation = act->activation;
      return true;
    }
    const auto* pool = get<MaxPool2dOp>(next);
    const bool passes = conv->activation == Activation::linear || conv->activation == Activation::relu;
    if (pool && passes && !last.max_pool && conv->params.groups == 1 && is_window_pool(pool->params)) {
      last.max_pool = true;
      last.output = next.output;
      return true;
    }
  }
  if (auto* dense = std::get_if<DenseOp>(&last.op)) {
    if (const auto* act = get<ActivationOp>(next); act && dense->activation == Activation::linear) {
      dense->activation = act->activation;
      return true;
    }
  }
  return false;
}

// One axis of a window op that has to deliver `needed` outputs only: the input it reads and the padding behind it.
struct Axis {
  int64_t& size;
  int64_t& after;
  int64_t kernel, stride, before, dilation;
};

void shrink(Axis axis, int64_t needed) {
  const int64_t reach = (needed - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1 - axis.before;
  const int64_t size = std::clamp<int64_t>(reach, 1, axis.size);
  const int64_t after = std::max<int64_t>(0, reach - size);
  // A window that lies in the padding alone cannot be cut exactly: leave such an axis as it is.
  if ((size + axis.before + after - ((axis.kernel - 1) * axis.dilation + 1)) / axis.stride + 1 != needed) return;
  axis.size = size;
  axis.after = after;
}

// The input that `step` reads to deliver step.output; its parameters are cut to match.
void shrink(Step& step) {
  const Shape& out = step.output;
  if (auto* conv = std::get_if<Conv2dOp>(&step.op)) {
    Conv2dParams& p = conv->params;
    const int64_t factor = step.max_pool ? 2 : 1;
    shrink({p.in_height, p.padding.bottom, p.kernel_height, p.stride_height, p.padding.top, p.dilation_height},
           factor * out[0]);
    shrink({p.in_width, p.padding.right, p.kernel_width, p.stride_width, p.padding.left, p.dilation_width},
           factor * out[1]);
    step.input = {p.in_height, p.in_width, p.in_channels};
  } else if (std::holds_alternative<MaxPool2dOp>(step.op) || std::holds_alternative<AvgPool2dOp>(step.op)) {
    const bool max = std::holds_alternative<MaxPool2dOp>(step.op);
    Pool2dParams& p = max ? std::get<MaxPool2dOp>(step.op).params : std::get<AvgPool2dOp>(step.op).params;
    shrink({p.in_height, p.padding.bottom, p.pool_height, p.stride_height, p.padding.top, 1}, out[0]);
    shrink({p.in_width, p.padding.right, p.pool_width, p.stride_width, p.padding.left, 1}, out[1]);
    step.input = {p.in_height, p.in_width, p.channels};
  } else if (!std::holds_alternative<FlattenOp>(step.op) && !std::holds_alternative<DenseOp>(step.op)) {
    step.input = out;  // element by element
  }
}

// What the step computes from step.input as it stands.
Shape delivered(const Step& step) {
  if (const auto* conv = get<Conv2dOp>(step)) {
    Shape shape = conv2d_output_shape(conv->params);
    if (step.max_pool) shape[0] /= 2, shape[1] /= 2;
    return shape;
  }
  if (const auto* pool = get<MaxPool2dOp>(step)) return pool2d_output_shape(pool->params);
  if (const auto* pool = get<AvgPool2dOp>(step)) return pool2d_output_shape(pool->params);
  return step.output;
}

std::vector<Step> chain(const Graph& graph, int output) {
  std::vector<Step> steps;
  int tensor = output;
  for (size_t i = graph.nodes().size(); i-- > 0;) {
    const Graph::Node& node = graph.nodes()[i];
    if (node.output != tensor) continue;
    steps.push_back({node.name, node.op, i, false, graph.shape(node.input), graph.shape(node.output)});
    tensor = node.input;
  }
  check(tensor == 0 && !steps.empty(),
        "[network] expected an output that is computed from the input by at least one layer. Received: tensor ",
        output);
  std::reverse(steps.begin(), steps.end());
  return steps;
}

// A layer's own precision, or the network's.
void set_precision(Step& step, Precision precision) {
  if (auto* conv = std::get_if<Conv2dOp>(&step.op)) conv->params.precision = conv->precision.value_or(precision);
  if (auto* dense = std::get_if<DenseOp>(&step.op)) dense->params.precision = dense->precision.value_or(precision);
}

}  // namespace

Steps plan_steps(const Graph& graph, int output, bool training, Precision precision) {
  Steps steps;
  for (Step& step : chain(graph, output)) {
    set_precision(step, precision);
    if (!training && std::holds_alternative<DropoutOp>(step.op)) continue;
    if (const auto* rescale = get<RescalingOp>(step); rescale && steps.list.empty()) {
      steps.load = {steps.load.scale * rescale->scale, steps.load.offset * rescale->scale + rescale->offset};
      continue;
    }
    if (!steps.list.empty() && fuse(steps.list.back(), step)) continue;
    steps.list.push_back(std::move(step));
  }
  steps.input = graph.shape(0);
  const std::vector<Step> uncut = steps.list;
  for (size_t i = steps.list.size(); i-- > 0;) {
    shrink(steps.list[i]);
    if (i > 0) steps.list[i - 1].output = steps.list[i].input;
  }
  const bool exact =
      std::all_of(steps.list.begin(), steps.list.end(), [](const Step& s) { return delivered(s) == s.output; });
  if (!exact) steps.list = uncut;
  if (!steps.list.empty()) steps.input = steps.list.front().input;
  return steps;
}

}  // namespace cnncore
