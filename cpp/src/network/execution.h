// A plan with its memory: the two parallel regions of a training step, and the one of inference.
#pragma once

#include <vector>

#include "network/plan.h"
#include "ops/loss_rows.h"
#include "ops/shards.h"
#include "runtime/buffer.h"

namespace cnncore {

/// What is known of the parameters' values: which writing they are of, and whether somebody may write unseen.
struct ParameterState {
  int64_t version;
  bool lent;
};

class Execution {
 public:
  Execution(const Graph& graph, int output, const std::vector<Weights>& weights, const PlanMode& mode,
            const Kernels& kernels);

  const Plan& plan() const { return plan_; }

  void forward(const Images& x, float* y, ParameterState parameters);

  /// Forward, loss and backward of a whole batch, shard by shard; the gradients of the weights are left in parts for
  /// `finish`.
  double backpropagate(const TrainBatch& batch, const LossSpec& loss, Output meaning, int64_t step, float* outputs);

  /// Sums the gradients of the weights; false where one is not finite.
  bool gather_gradients();

 private:
  struct ThreadMemory {
    Buffer<float> floats, scratch;
    Buffer<uint8_t> winners;
  };
  struct Task {
    const PlannedNode* node;
    int64_t index;
  };

  // A step of the way of one sample through the network.
  struct Stage {
    size_t node;
    int64_t stage;
    bool shared;
  };

  void forward_one(const Images& x, float* y, ParameterState parameters);
  bool run_stage(size_t index, const Images& x, Part part);
  bool packed_for(ParameterState parameters) const {
    return packed_version_ == parameters.version && (copied_ || !parameters.lent);
  }
  void pack_weights();
  bool kernel_changed(size_t node, Part part) const;
  void repack(size_t node, bool keep_copy);
  void refresh_packed(ParameterState parameters);
  void reserve_threads(int threads);
  float* value(int tensor, const ThreadMemory& memory, int64_t first) const;
  float* grad(int tensor, const ThreadMemory& memory, int64_t first) const;
  void load(const Images& x, const int64_t* indices, int64_t first, int64_t count, float* to) const;
  Slice slice(const PlannedNode& node, const ThreadMemory& memory, int64_t shard, int64_t first, int64_t count) const;
  void forward_slice(const ThreadMemory& memory, int64_t step, int64_t first, int64_t count) const;
  void backward_slice(const ThreadMemory& memory, int64_t step, int64_t shard, int64_t first, int64_t count,
                      bool dy_of_logits) const;
  // A loss, and what its sum over the batch is divided by.
  struct BatchLoss {
    const LossSpec& spec;
    Output meaning;
    int64_t rows, cols;  // of a sample
    double divisor;
  };
  double loss_divisor_of(const TrainBatch& batch, const LossSpec& loss, int64_t rows) const;
  double slice_loss(const ThreadMemory& memory, const TrainBatch& batch, const BatchLoss& loss, int64_t first,
                    int64_t count) const;
  float* shard_partials(int64_t shard) const { return partials_.data() + shard * plan_.partial_floats; }

  Plan plan_;
  Shards shards_;
  std::vector<ThreadMemory> threads_;
  Buffer<float> batch_, packed_, partials_;
  std::vector<Stage> stages_;  // inference
  std::vector<size_t> packed_nodes_;
  int64_t packed_version_ = -1;  // inference: of the parameters that packed_ was made from
  bool copied_ = false;          // their values are in seen_, per node: they were lent
  std::vector<Buffer<float>> seen_;
  bool finite_ = false;  // no kernel holds infinity or NaN, and nobody may write any unseen
  std::vector<double> shard_loss_;
  std::vector<Task> pack_tasks_, gradient_tasks_;
};

}  // namespace cnncore
