// The interface of one algorithm for a fully connected layer.
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
  bool input_grad = true;  ///< backward computes dx
};

struct DenseProblem {
  DenseParams params;  // in the precision that is used
  DenseFusion fusion;
  int64_t samples = 0;  // the most of one call

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

/// Rows of the flat kernel: floats [begin, begin + size).
struct DenseRange {
  int64_t begin, size;
};

/// Sizes are those of DensePlan. relu is taken by the algorithm, another activation is left to the caller.
class DenseAlgorithm {
 public:
  virtual ~DenseAlgorithm() = default;
  virtual int64_t scratch_size() const = 0;
  virtual int64_t packed_size() const = 0;
  /// Packing and the gradient of the kernel go by ranges of its rows.
  virtual int64_t tasks() const = 0;
  virtual void pack(int64_t task, const float* kernel, float* packed) const = 0;

  virtual void forward(int64_t count, const DenseRun& run) const = 0;
  /// One sample alone: a part of the work, then what is left when all parts are done.
  virtual void forward_part(int64_t part, int64_t parts, const DenseRun& run, float* common) const = 0;
  virtual void join_parts(const DenseRun& run, const float* common) const = 0;

  /// dy is not rounded: in a reduced precision, the algorithm rounds it before it multiplies.
  virtual void backward_data(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const = 0;
  /// Sets the rows of a task of dkernel, over the whole batch.
  virtual DenseRange weights(int64_t task, int64_t batch, const float* x, const float* dy, float* dkernel,
                             float* scratch) const = 0;
};

struct DenseCandidate {
  const char* name;
  /// How many times as fast as the direct sum it was measured to be; 0 where it does not apply.
  double (*speed)(const DenseProblem& problem, const Kernels& kernels);
  std::unique_ptr<DenseAlgorithm> (*make)(const DenseProblem& problem, const Kernels& kernels);
};
extern const DenseCandidate kTilesDense, kDirectDense;

/// All of them, the direct sum last: it always applies.
std::span<const DenseCandidate* const> dense_candidates();

}  // namespace cnncore
