// A plan: a network that is prepared for training or inference. It is plain data. The code in run/ executes it, and
// describe() and tests read it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "plan/lower.h"
#include "plan/memory.h"
#include "run/step.h"
#include "runtime/buffer.h"

namespace cnncore {

/// The place of the values or gradients of one tensor: `size` floats for each sample. The memory of a thread has room
/// for the samples of a slice, or of a group if only one segment uses the tensor. Tensors that pass from one phase to
/// another, or are read for the whole batch, are in the memory of the batch.
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
  std::vector<bool> input_grad;  // for each input: whether backward writes its gradient
  std::vector<bool> adds;        // for each input: whether its gradient is added to one that another node has written
  bool backward = false;         // whether the node has a backward pass
  bool saved_in_batch = false;
  bool repeated = false;  // the output is computed again for the backward pass of its segment
  // Where the node's parts of the memories begin. They are counted in floats, except for `saved`, which is in bytes.
  int64_t saved = 0, packed = 0, partial = 0, batch = 0;
};

/// What a phase does with a node. A step that needs the whole batch observes it in one phase, and is applied in the
/// next.
struct Item {
  enum class Role { whole, observe, apply };
  size_t node;
  Role role;
};

/// Items that run together on a few samples, so that the tensors between them stay in the nearest cache.
struct Segment {
  std::vector<Item> items;
  int64_t group, backward_group;  // the number of samples in a group; 0 means the whole slice
};

/// The work between two barriers.
struct Phase {
  std::vector<Segment> segments;
  std::vector<size_t> joins;  // nodes whose join runs after the phase
};

/// How the samples of one input are read: bytes or floats, scaled, and only the needed rows and columns.
struct PlannedInput {
  int tensor;                // has no place if nothing reads it
  int64_t rows, row, pitch;  // `rows` runs of `row` values, `pitch` apart
  int64_t sample_size;       // the size of a sample of the caller
  float scale, offset;
};

struct PlannedOutput {
  int tensor;
  int64_t size;
  int64_t columns;                       // the length of the last axis, over which losses are computed
  std::optional<Activation> activation;  // the activation of the last op, if only the loss reads the output
};

/// The arrays of one slot of parameters that a plan uses.
struct BoundSlot {
  float* value;
  float* grad;  // null if it is not trained
  int64_t size;
  const float* tangent;  // null if it is not trained, or outside products with curvature
};

/// A gradient that a further op with the same parameters has written to `from`. It is added to `to`.
struct SharedGradient {
  float* from;
  float* to;
  int64_t size;
};

struct PlanMode {
  Purpose purpose;
  int64_t slice;  // the largest number of samples in a slice
  int64_t batch;  // the batch size of a training step; in inference how many samples go through all phases together
  Precision precision = Precision::float32;
  bool separate_loss = false;  // whether losses are computed for the whole batch, between forward and backward
};

struct Plan {
  /// slots_of_node[i] are the slots of graph.nodes()[i].
  Plan(const Graph& graph, const std::vector<int>& output_tensors, const std::vector<std::vector<int>>& slots_of_node,
       const std::vector<BoundSlot>& bound, const PlanMode& mode, const Kernels& kernels);

  std::string describe() const;
  /// Whether the last forward phase is also the first backward phase.
  bool fuses_loss() const { return backward() && !mode.separate_loss; }
  /// Whether there is a backward pass.
  bool backward() const { return mode.purpose != Purpose::inference; }
  /// The number of bytes of all memories, for training with this number of shards and threads.
  int64_t bytes(int64_t shards, int64_t threads) const;

  PlanMode mode;
  const Kernels& kernels;
  std::vector<PlannedInput> inputs;
  std::vector<PlannedOutput> outputs;
  std::vector<PlannedTensor> tensors;
  std::vector<PlannedNode> nodes;
  std::vector<Phase> phases;
  std::vector<SharedGradient> shared_gradients;
  std::vector<size_t> idle_slots;  // slots that are trained, but whose gradients no op of the plan writes
  Buffer<float> shared_memory;     // the memory of shared_gradients
  size_t most_inputs = 0;          // the largest number of inputs of a node
  int64_t flops = 0;               // floating-point operations of the forward pass for one sample
  // sizes of the memories in floats; those of saved values are in bytes
  int64_t thread_floats = 0, thread_saved = 0, scratch_floats = 0, added_floats = 0, batch_floats = 0, batch_saved = 0,
          packed_floats = 0, partial_floats = 0;
};

}  // namespace cnncore
