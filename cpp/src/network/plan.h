// A network planned for training or for inference: which ops run fused, on which region, in which memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cnncore/network.h"
#include "network/node.h"

namespace cnncore {

/// Memory of one tensor: values and gradients lie `size` floats a sample apart. A tensor that the gradient of weights
/// reads over the whole batch lies in the batch's memory, any other in the memory of the thread that computes its
/// slice.
struct PlannedTensor {
  int64_t size = 0;
  bool has_grad = false;
  bool batch_value = false, batch_grad = false;
  int64_t value = 0, grad = 0;  // where it begins, in floats
};

struct PlannedNode {
  std::unique_ptr<Node> node;
  std::string name;
  int input = 0, output = 0;  // tensors
  bool input_grad = false;
  int64_t winner = 0;   // in bytes, in the thread's memory
  int64_t packed = 0;   // in floats
  int64_t partial = 0;  // in floats, within one shard's partials
};

/// Nodes that are executed together on a few samples, so that what passes between them stays in the nearest cache.
struct Segment {
  size_t begin, end;              // nodes
  int64_t group, backward_group;  // samples; 0: the whole slice
};

/// How samples enter: bytes or floats, scaled, the needed rows and columns only.
struct InputPlan {
  int64_t height = 1, width = 1, channels = 1;  // as the caller has them
  int64_t used_height = 1, used_width = 1;
  float scale = 1.0f, offset = 0.0f;
  int64_t sample_size() const { return height * width * channels; }
};

struct PlanMode {
  bool training;
  int64_t slice;  // the most samples of a slice
  int64_t batch;  // of a training step
  Precision precision = Precision::float32;
};

struct Plan {
  /// weights[i] belong to graph.nodes()[i].
  Plan(const Graph& graph, int output, const std::vector<Weights>& weights, const PlanMode& mode,
       const Kernels& kernels);

  std::string describe() const;

  PlanMode mode;
  const Kernels& kernels;
  InputPlan input;
  std::vector<PlannedTensor> tensors;
  std::vector<PlannedNode> nodes;
  std::vector<Segment> segments;
  int output_tensor = 0;
  int64_t output_columns = 1;   // the last axis of the output
  bool softmax_output = false;  // the last node ends in a softmax over the whole output
  // memory, in floats but for the winners
  int64_t flops = 0;  // of the forward pass, a sample
  int64_t thread_floats = 0, thread_winners = 0, scratch_floats = 0, batch_floats = 0, packed_floats = 0,
          partial_floats = 0;
};

}  // namespace cnncore
