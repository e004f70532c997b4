// Products with curvature: a plan with its memory, which takes data of any size block by block.
#pragma once

#include <memory>
#include <vector>

#include "runtime/interrupt.h"
#include "run/output_losses.h"
#include "run/tangent_slices.h"

namespace cnncore {

/// Samples that are taken at a time; more follow block by block.
constexpr int64_t kCurvatureBlock = 1024;
/// Of the tensors of a slice, and of those of a block, as far as fewer samples help; each has tangents beside it.
constexpr int64_t kCurvatureFloats = int64_t{8} << 20;

class Curvature {
 public:
  /// The plan's parameters have tangents, and their gradients receive the product of a block.
  explicit Curvature(std::unique_ptr<Plan> plan);

  const Plan& plan() const { return *plan_; }

  /// Calls add() behind every block, with the block's share of the product in the parameters' gradients. The labels and
  /// indices have been checked.
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
  Shards shards_;      // of the block that runs
  int64_t first_ = 0;  // its first sample
  Buffer<float> packed_, packed_tangents_;
  BatchMemory values_, tangents_;
  std::vector<std::unique_ptr<TangentMemory>> threads_;
  std::vector<Task> pack_tasks_, gradient_tasks_;
  // per node, and where the whole block's gradient of its output is
  std::vector<BatchView> value_views_, tangent_views_;
  std::vector<float*> gradients_;
  std::vector<int64_t> order_;  // of the block's samples in the data
};

}  // namespace cnncore
