// From a graph to nodes and memory.
#include "network/plan.h"

#include <algorithm>
#include <sstream>

#include "network/nodes.h"
#include "network/steps.h"
#include "runtime/buffer.h"

namespace cnncore {
namespace {

struct NodeContext {
  const Weights& weights;
  bool training, input_grad;
  int64_t slice;
  const Kernels& kernels;
};

// Rows over whose last axis an activation may have to be normalised.
int64_t pixels_of(const Shape& shape) { return element_count(shape) / shape.back(); }

// Null where the step moves no data.
std::unique_ptr<Node> make_node(const Step& step, const NodeContext& c) {
  const int64_t size = element_count(step.input);
  if (const auto* op = std::get_if<Conv2dOp>(&step.op))
    return make_conv2d_node(op->params, {op->activation, step.max_pool, c.training, c.input_grad}, c.weights,
                            c.kernels);
  if (const auto* op = std::get_if<DenseOp>(&step.op))
    return make_dense_node(op->params, {op->activation, c.training && c.input_grad}, c.slice, c.weights, c.kernels);
  if (const auto* op = std::get_if<MaxPool2dOp>(&step.op)) return make_pool2d_node(op->params, true, c.kernels);
  if (const auto* op = std::get_if<AvgPool2dOp>(&step.op)) return make_pool2d_node(op->params, false, c.kernels);
  if (const auto* op = std::get_if<ActivationOp>(&step.op))
    return make_activation_node(op->activation, pixels_of(step.input), step.input.back(), c.kernels);
  if (const auto* op = std::get_if<RescalingOp>(&step.op))
    return make_rescaling_node(op->scale, op->offset, size, c.kernels);
  if (const auto* op = std::get_if<DropoutOp>(&step.op)) return make_dropout_node(op->rate, op->seed, size);
  return nullptr;
}

bool ends_in_softmax(const Step& step) {
  if (step.output.size() != 1) return false;
  if (const auto* op = std::get_if<DenseOp>(&step.op)) return op->activation == Activation::softmax;
  if (const auto* op = std::get_if<ActivationOp>(&step.op)) return op->activation == Activation::softmax;
  return false;
}

InputPlan plan_input(const Graph& graph, const Steps& steps) {
  InputPlan input;
  const Shape& whole = graph.shape(0);
  if (whole.size() == 3) {
    input.height = whole[0], input.width = whole[1], input.channels = whole[2];
    input.used_height = steps.input[0], input.used_width = steps.input[1];
  } else {
    input.channels = whole[0];
  }
  input.scale = steps.load.scale, input.offset = steps.load.offset;
  return input;
}

void plan_memory(Plan& plan) {
  const auto take = [](int64_t& total, int64_t count) {
    const int64_t at = total;
    total += aligned_count<float>(count);
    return at;
  };
  for (PlannedTensor& tensor : plan.tensors) {
    const auto place = [&](bool batch) {
      return batch ? take(plan.batch_floats, tensor.size * plan.mode.batch)
                   : take(plan.thread_floats, tensor.size * plan.mode.slice);
    };
    tensor.value = place(tensor.batch_value);
    if (tensor.has_grad) tensor.grad = place(tensor.batch_grad);
  }
  for (PlannedNode& planned : plan.nodes) {
    const Node& node = *planned.node;
    plan.scratch_floats = std::max(plan.scratch_floats, node.scratch_size());
    planned.packed = take(plan.packed_floats, node.packed_size());
    if (!plan.mode.training) continue;
    planned.winner = plan.thread_winners;
    plan.thread_winners += aligned_count<uint8_t>(node.winner_size() * plan.mode.slice);
    planned.partial = take(plan.partial_floats, node.partial_size());
  }
}

void plan_segments(Plan& plan) {
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    const int64_t group = plan.nodes[i].node->group();
    const bool joins = group > 0 && !plan.segments.empty() && plan.segments.back().group > 0;
    if (!joins) {
      plan.segments.push_back({i, i + 1, group, plan.nodes[i].node->backward_group()});
      continue;
    }
    plan.segments.back().end = i + 1;
    plan.segments.back().group = std::max(plan.segments.back().group, group);
    plan.segments.back().backward_group =
        std::max(plan.segments.back().backward_group, plan.nodes[i].node->backward_group());
  }
}

}  // namespace

Plan::Plan(const Graph& graph, int output, const std::vector<Weights>& weights, const PlanMode& plan_mode,
           const Kernels& table)
    : mode(plan_mode), kernels(table) {
  const Steps steps = plan_steps(graph, output, mode.training, mode.precision);
  input = plan_input(graph, steps);
  tensors.push_back({element_count(steps.input)});
  bool grad = false;  // a layer with weights lies before
  for (const Step& step : steps.list) {
    const Weights& own = weights[step.graph_node];
    std::unique_ptr<Node> node = make_node(step, {own, mode.training, grad, mode.slice, kernels});
    if (!node) continue;
    flops += node->flops();
    const int from = static_cast<int>(tensors.size()) - 1;
    tensors.push_back({element_count(step.output)});
    const bool batch = mode.training && node->batch_gradient();
    tensors.back().has_grad = mode.training;
    tensors[tensors.size() - 2].batch_value |= batch;
    tensors.back().batch_grad |= batch;
    nodes.push_back({std::move(node), step.name, from, from + 1, grad && mode.training});
    grad |= own.kernel != nullptr;
  }
  output_tensor = static_cast<int>(tensors.size()) - 1;
  output_columns = graph.shape(output).back();
  softmax_output = !steps.list.empty() && ends_in_softmax(steps.list.back());
  plan_segments(*this);
  plan_memory(*this);
}

std::string Plan::describe() const {
  std::ostringstream text;
  text << (mode.training ? "training, batch " + std::to_string(mode.batch) : "inference") << ", slices of "
       << mode.slice << ", " << kernels.name << "\n";
  text << "  load " << input.used_height << "x" << input.used_width << "x" << input.channels << " of " << input.height
       << "x" << input.width << "x" << input.channels << "\n";
  for (const PlannedNode& node : nodes)
    text << "  " << node.name << ": " << node.node->describe() << ", " << tensors[static_cast<size_t>(node.input)].size
         << " -> " << tensors[static_cast<size_t>(node.output)].size << "\n";
  text << "  memory: " << (thread_floats + scratch_floats) * 4 / 1024 << " KiB a thread, "
       << (batch_floats + packed_floats) * 4 / 1024 << " KiB a batch, " << partial_floats * 4 / 1024
       << " KiB a shard\n";
  return text.str();
}

}  // namespace cnncore
