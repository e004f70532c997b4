// The interface of an algorithm for a fully connected layer.
#pragma once

#include <memory>
#include <span>

#include "cnncore/activation.h"
#include "cnncore/dense.h"
#include "kernels/kernels.h"

namespace cnncore {

/// What a dense layer is fused with.
struct DenseFusion {
  Activation activation = Activation::linear;
  bool input_grad = true;  ///< backward will compute dx
  /// the kernel is packed once for many calls, and products with zeros of x may be left out if it is finite
  bool skip_zeros = false;
};

struct DenseProblem {
  DenseParams params;  // its precision is the one that is used for this shape
  DenseFusion fusion;
  int64_t samples = 0;  // how many samples one call can take at most

  bool reduced() const { return params.precision != Precision::float32; }
  bool relu() const { return fusion.activation == Activation::relu; }
  int64_t kernel_size() const { return params.features * params.units; }
};

/// The operands of a forward pass. bias may be null.
struct DenseRun {
  const float* x;
  const float* kernel;
  const float* packed;
  const float* bias;
  float* y;
  float* scratch;
  bool finite_kernel = false;
};

/// A part of the flat kernel that consists of whole rows: floats [begin, begin + size).
struct DenseRange {
  int64_t begin, size;
};

/// The functions have the meaning that they have in DensePlan. The algorithm applies relu; any other activation is left
/// to the caller.
class DenseAlgorithm {
 public:
  virtual ~DenseAlgorithm() = default;
  virtual int64_t scratch_size() const = 0;
  virtual int64_t packed_size() const = 0;
  /// The number of independent tasks of packing, and also of the gradient of the kernel. A task has some rows of the
  /// kernel.
  virtual int64_t tasks() const = 0;
  virtual void pack(int64_t task, const float* kernel, float* packed) const = 0;

  virtual void forward(int64_t count, const DenseRun& run) const = 0;
  /// For a single sample that threads share: one part of the work, and what remains to be done after all parts.
  virtual void forward_part(int64_t part, int64_t parts, const DenseRun& run, float* common) const = 0;
  virtual void join_parts(const DenseRun& run, const float* common) const = 0;

  /// dy is not rounded: in a reduced precision, the algorithm rounds it before it multiplies.
  virtual void backward_data(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const = 0;
  /// Computes those rows of dkernel that belong to a task, over the whole batch.
  virtual DenseRange weights(int64_t task, int64_t batch, const float* x, const float* dy, float* dkernel,
                             float* scratch) const = 0;
};

struct DenseCandidate {
  const char* name;
  /// How many times as fast as the direct sum this algorithm was measured to be, or 0 if it does not apply.
  double (*speed)(const DenseProblem& problem, const Kernels& kernels);
  std::unique_ptr<DenseAlgorithm> (*make)(const DenseProblem& problem, const Kernels& kernels);
};
extern const DenseCandidate kTilesDense, kDirectDense;

/// All candidates. The direct sum, which always applies, is the last one.
std::span<const DenseCandidate* const> dense_candidates();

}  // namespace cnncore
