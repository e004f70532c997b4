// Products with curvature: a plan with its memory, which processes data of any size in blocks.
#pragma once

#include <memory>
#include <vector>

#include "runtime/interrupt.h"
#include "run/output_losses.h"
#include "run/tangent_slices.h"

namespace cnncore {

/// The number of samples in a block.
constexpr int64_t kCurvatureBlock = 1024;
/// Limits for the memory of a slice and of a block. Larger samples are taken fewer at a time, but at least one. The
/// tangents take as much memory again.
constexpr int64_t kCurvatureFloats = int64_t{8} << 20;

class Curvature {
 public:
  /// The parameters of the plan must have tangents. The product of a block is written to their gradients.
  explicit Curvature(std::unique_ptr<Plan> plan);

  const Plan& plan() const { return *plan_; }

  /// Calls add() after every block, whose product is then in the gradients of the parameters. Labels and indices must
  /// have been checked.
  template <class Function>
  void product(CurvatureKind kind, const TrainBatch& batch, Function add) {
    losses_.prepare(batch);
    pack();
    for (int64_t first = 0; first < batch.size; first += plan_->mode.batch) {
      run_block(kind, batch, first);
      gather(kind);
      add();
    }
  }

 private:
  struct Task {
    size_t node;
    int64_t index;
  };

  void pack();
  void run_block(CurvatureKind kind, const TrainBatch& batch, int64_t first);
  void run_slice(CurvatureKind kind, const TrainBatch& batch, const SliceOf& slice, int thread);
  void slice_losses(CurvatureKind kind, const TrainBatch& batch, const TangentSlices& own, const SliceOf& slice) const;
  void clear_partials(int64_t shard);
  void gather(CurvatureKind kind);
  BatchView view(const PlannedNode& node, BatchMemory& memory) const;
  void refresh_views(CurvatureKind kind);
  void reserve_threads(int threads);

  std::unique_ptr<Plan> plan_;
  OutputLosses losses_;
  Shards shards_;      // of the current block
  int64_t first_ = 0;  // the first sample of the current block
  Buffer<float> packed_, packed_tangents_;
  BatchMemory values_, tangents_;
  std::vector<std::unique_ptr<TangentMemory>> threads_;
  std::vector<Task> pack_tasks_, gradient_tasks_;
  // for each node
  std::vector<BatchView> value_views_, tangent_views_;
  std::vector<float*> gradients_;
  std::vector<int64_t> order_;  // the indices of the block's samples in the data
};

}  // namespace cnncore
