// A network planned for training or for inference: plain data that execution, describe() and tests read.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "plan/lower.h"
#include "plan/memory.h"
#include "run/step.h"
#include "runtime/buffer.h"

namespace cnncore {

/// Values or gradients of one tensor: `size` floats a sample. In a thread's memory there is room for a slice, or for a
/// group where one segment alone knows the tensor; what passes from one phase to another, or is read for the whole
/// batch, lies in the batch's memory.
struct Place {
  enum class Where { none, thread, group, batch };
  Where where = Where::none;
  int64_t offset = 0;
};
struct PlannedTensor {
  int64_t size = 0;
  Place value, grad;
};

struct PlannedNode {
  std::unique_ptr<Step> step;
  std::string name;
  std::vector<int> inputs;  // tensors
  int output = 0;
  std::vector<bool> input_grad;  // backward writes the gradient of this input
  std::vector<bool> adds;        // and another reader has written to it before
  bool backward = false;         // there is something to do backwards
  bool saved_in_batch = false;
  bool repeated = false;  // the output is computed again for the backward pass of its segment
  // where its parts of the memories begin; saved in bytes
  int64_t saved = 0, packed = 0, partial = 0, batch = 0;
};

/// What a phase does with a node. A step that needs the whole batch is observed in one phase and applied in the next.
struct Item {
  enum class Role { whole, observe, apply };
  size_t node;
  Role role;
};

/// Items that are executed together on a few samples, so that what passes between them stays in the nearest cache.
struct Segment {
  std::vector<Item> items;
  int64_t group, backward_group;  // samples; 0: the whole slice
};

/// What runs between two barriers.
struct Phase {
  std::vector<Segment> segments;
  std::vector<size_t> joins;  // nodes that join behind it
};

/// How the samples of one input enter: bytes or floats, scaled, the needed rows and columns only.
struct PlannedInput {
  int tensor;                // -1: nothing reads it
  int64_t rows, row, pitch;  // `rows` runs of `row` values, `pitch` apart
  int64_t sample_size;       // as the caller has it
  float scale, offset;
};

struct PlannedOutput {
  int tensor;
  int64_t size;
  int64_t columns;                       // of the last axis, over which losses are taken
  std::optional<Activation> activation;  // the last op's, where nobody but the loss reads the output
};

/// The parameters that a plan binds to, per slot.
struct BoundSlot {
  float* value;
  float* grad;  // null: not trained
  int64_t size;
  const float* tangent;  // null: not trained, or not for products with curvature
};

/// A gradient that a further op with the same parameters has left in `from`.
struct SharedGradient {
  float* from;
  float* to;
  int64_t size;
};

struct PlanMode {
  Purpose purpose;
  int64_t slice;  // the most samples of a slice
  int64_t batch;  // of a training step; in inference the samples that are taken through all phases together
  Precision precision = Precision::float32;
  bool separate_loss = false;  // losses are computed on the whole batch, between forward and backward
};

struct Plan {
  /// slots_of_node[i] belong to graph.nodes()[i].
  Plan(const Graph& graph, const std::vector<int>& output_tensors, const std::vector<std::vector<int>>& slots_of_node,
       const std::vector<BoundSlot>& bound, const PlanMode& mode, const Kernels& kernels);

  std::string describe() const;
  /// The last forward phase and the first backward phase are one.
  bool fuses_loss() const { return backward() && !mode.separate_loss; }
  /// There is a backward pass.
  bool backward() const { return mode.purpose != Purpose::inference; }
  /// Bytes of all memories of a training with so many shards, or of one thread's inference.
  int64_t bytes(int64_t shards, int64_t threads) const;

  PlanMode mode;
  const Kernels& kernels;
  std::vector<PlannedInput> inputs;
  std::vector<PlannedOutput> outputs;
  std::vector<PlannedTensor> tensors;
  std::vector<PlannedNode> nodes;
  std::vector<Phase> phases;
  std::vector<SharedGradient> shared_gradients;
  std::vector<size_t> idle_slots;  // trained, but no op of the plan writes their gradients
  Buffer<float> shared_memory;     // of shared_gradients
  size_t most_inputs = 0;          // of a node
  int64_t flops = 0;               // of the forward pass, a sample
  // sizes of the memories, in floats but for saved bytes
  int64_t thread_floats = 0, thread_saved = 0, scratch_floats = 0, added_floats = 0, batch_floats = 0, batch_saved = 0,
          packed_floats = 0, partial_floats = 0;
};

}  // namespace cnncore
