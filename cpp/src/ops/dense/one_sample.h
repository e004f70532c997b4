// A dense layer on one sample alone, shared by threads: reading the kernel is all it costs, so rows that meet a zero of
// x are left out (of a finite kernel: zero times infinity is NaN).
#pragma once

#include "ops/dense/algorithm.h"
#include "runtime/scratch.h"

namespace cnncore {

/// How the sum over the features is cut into pieces. One sample's threads share them, and all samples sum like that, so
/// that a sample has the same bits alone and among others.
struct FeaturePieces {
  static constexpr int64_t kMost = 8;
  explicit FeaturePieces(int64_t feature_count);
  int64_t begin(int64_t i) const { return i * features / count; }

  int64_t features, count;
};

class OneSample {
 public:
  OneSample(const DenseProblem& problem, const Kernels& kernels);

  int64_t scratch_size() const { return layout_.size(); }
  /// One part of `parts` of the pieces of the sum goes to `common`, a scratch that all parts see.
  void part(int64_t part, int64_t parts, const DenseRun& run, float* common) const;
  /// The sum of all pieces and the bias.
  void join(const DenseRun& run, const float* common) const;

 private:
  DenseProblem p_;
  const Kernels& k_;
  FeaturePieces pieces_;
  ScratchLayout layout_;
  ScratchArray<float> value_, sums_;  // features that count; a sum of each piece
  ScratchArray<int32_t> row_;         // which features they are
};

}  // namespace cnncore
