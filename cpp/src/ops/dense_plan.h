// A fully connected layer prepared for one shape.
#pragma once

#include <optional>
#include <vector>

#include "cnncore/activation.h"
#include "cnncore/dense.h"
#include "kernels/kernels.h"
#include "ops/dense/tiles.h"
#include "runtime/buffer.h"

namespace cnncore {

/// std::invalid_argument for sizes that make no sense.
void validate(const DenseParams& params);

/// What a dense layer is fused with.
struct DenseFusion {
  Activation activation = Activation::linear;
  bool input_grad = true;  ///< backward computes dx
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

class DensePlan {
 public:
  /// `samples` is the most rows of one call of forward or backward_data.
  DensePlan(const DenseParams& params, const DenseFusion& fusion, int64_t samples, const Kernels& kernels);

  /// Floating-point operations of a sample.
  int64_t flops() const { return 2 * params_.features * params_.units; }
  /// Floats that each thread must lend to a call.
  int64_t scratch_size() const;

  void forward(int64_t count, DenseRun run) const;

  const char* algorithm() const { return tiled_ ? "bfloat16 tiles" : "direct"; }

  /// One sample alone: reading the kernel is all it costs, so rows that meet a zero of x are left out (of a finite
  /// kernel: zero times infinity is NaN). One part of `parts` of the pieces of the sum goes to `common`, a scratch that
  /// all parts see; join_parts makes y of them.
  void forward_part(int64_t part, int64_t parts, DenseRun run, float* common) const;
  void join_parts(DenseRun run, const float* common) const;

  /// dy becomes the gradient before the activation, as the products see it. y is the forward's output; null where dy
  /// is the gradient before the activation already.
  void activation_gradient(int64_t count, const float* y, float* dy) const;

  /// The kernel as the products want it, after every change of it, in tasks: rounded for forward, transposed for
  /// backward_data.
  int64_t packed_size() const;
  int64_t tasks() const;
  void pack(int64_t task, const float* kernel, float* packed) const;
  void backward_data(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const;

  /// Rows [begin, begin + size) of the flat dkernel, over the whole batch: no partial sums.
  struct Range {
    int64_t begin, size;
  };
  Range weights(int64_t task, int64_t batch, const float* x, const float* dy, float* dkernel, float* scratch) const;
  void bias(int64_t batch, const float* dy, float* dbias) const;

 private:
  bool reduced() const { return params_.precision != Precision::float32; }
  int64_t kernel_size() const { return params_.features * params_.units; }
  void operands(int64_t count, DenseRun& run) const;
  void begin_sum(const float* bias, float* y) const;
  int64_t piece_begin(int64_t i) const { return i * params_.features / pieces_; }
  int64_t list_size() const { return aligned_count<float>(params_.features + kAlignment / 4); }
  int64_t piece_size() const { return aligned_count<float>(params_.units); }

  DenseParams params_;  // in the precision that is used
  DenseFusion fusion_;
  int64_t samples_;
  int64_t pieces_;  // of the sum over the features: one sample's threads share them, so that all samples sum like that
  const Kernels& k_;
  std::vector<int32_t> x_offset_, y_offset_;  // of samples
  std::vector<int32_t> term_;                 // 0, 1, 2, ...
  std::optional<TiledDense> tiled_;           // bfloat16 tiles, where the machine has a unit for them and they pay
};

}  // namespace cnncore
