// A dense layer on a single sample, which threads share. Its time is the time to read the kernel, so rows that would be
// multiplied by a zero of x are left out. That is only correct if the kernel is finite, because zero times infinity is
// NaN.
#pragma once

#include "ops/dense/algorithm.h"
#include "runtime/scratch.h"

namespace cnncore {

/// How the sum over the features is cut into pieces. Threads that work on a single sample share the pieces. Samples of
/// larger batches are summed in the same pieces, so that a sample gives the same bits alone and in a batch.
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
  /// Computes part number `part` of `parts` of the pieces, and writes them to `common`, a scratch memory that all
  /// threads use together.
  void part(int64_t part, int64_t parts, const DenseRun& run, float* common) const;
  /// Adds all pieces and the bias.
  void join(const DenseRun& run, const float* common) const;

 private:
  DenseProblem p_;
  const Kernels& k_;
  FeaturePieces pieces_;
  ScratchLayout layout_;
  ScratchArray<float> value_, sums_;  // the features that are not left out, and the sum of each piece
  ScratchArray<int32_t> row_;         // the numbers of these features
};

}  // namespace cnncore
