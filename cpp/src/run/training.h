// A training step of one batch size: a plan, and how it runs.
#pragma once

#include <memory>
#include <vector>

#include "runtime/interrupt.h"
#include "run/output_losses.h"
#include "run/slices.h"
#include "run/training_memory.h"

namespace cnncore {

/// The losses of a batch, before they are divided and weighted.
struct BatchLosses {
  std::vector<double> outputs;  ///< one for each output
  double steps = 0;             ///< the losses of steps, such as activity regularization
};

class Training {
 public:
  /// `memory` must exist longer than this object. Between two steps, others may use it.
  Training(std::unique_ptr<Plan> plan, TrainingMemory& memory);
  ~Training() { memory_.leave(this); }
  Training(const Training&) = delete;
  Training& operator=(const Training&) = delete;

  const Plan& plan() const { return *plan_; }
  /// How many threads a crew for a step should have.
  int crew_threads() const;

  /// Forward pass, losses and backward pass of a whole batch. The gradients of the parameters are left in parts for
  /// gather_gradients. Labels and indices must have been checked.
  const BatchLosses& backpropagate(const TrainBatch& batch, int64_t step);
  /// The forward pass alone, as in training.
  void forward(const TrainBatch& batch, int64_t step);
  /// Sums the gradients of the parameters. Returns false if one of them is not finite.
  bool gather_gradients();
  /// Updates moving statistics and other state.
  void commit_state();

 private:
  struct Task {
    const PlannedNode* node;
    int64_t index;
  };

  void take_memory();
  void pack_parameters();
  Slices slices(int thread);
  SliceOf slice_of(int64_t shard, int64_t first, int64_t step) const;
  void run_phases(const TrainBatch& batch, int64_t step, bool backward);
  template <class Function>
  void for_slices(int64_t step, InterruptWatch& watch, Function f);
  void clear_partials(int64_t shard);
  void forward_slice(size_t phase, const TrainBatch& batch, Slices& own, const SliceOf& slice);
  void slice_losses(const TrainBatch& batch, const Slices& own, const SliceOf& slice);
  void batch_losses(const TrainBatch& batch);
  void sum_losses();
  const BatchView& view(size_t node);
  bool add_shared_gradients();

  std::unique_ptr<Plan> plan_;
  Shards shards_;
  TrainingMemory& memory_;
  std::vector<Task> pack_tasks_, gradient_tasks_;
  std::vector<BatchView> views_;  // one for each node
  OutputLosses output_losses_;
  std::vector<double> shard_losses_;  // [shard][output, then steps]
  BatchLosses losses_;
  bool finite_kernels_ = false;  // of the current step
};

}  // namespace cnncore
