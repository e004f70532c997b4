// A fully connected layer as products of bfloat16 tiles (kernels.h: TileProductArgs).
#pragma once

#include "cnncore/dense.h"
#include "kernels/kernels.h"
#include "ops/conv2d/geometry.h"
#include "ops/tile_units.h"

namespace cnncore {

class TiledDense {
 public:
  /// Features and units in whole tiles, and a unit that pays.
  static bool applies(const DenseParams& params, const Kernels& kernels) {
    return params.features % kTileRows == 0 && params.units % kTileRows == 0 &&
           tile_speed(kernels, params.precision) > 1.0;
  }

  /// `samples` is the most rows of one call of forward or backward_data.
  TiledDense(const DenseParams& params, int64_t samples, bool input_grad, const Kernels& kernels);

  int64_t scratch_size() const { return scratch_size_; }
  int64_t packed_size() const { return packed_size_; }

  /// Packing and the gradient of the kernel go by ranges of its rows.
  int64_t tasks() const { return (params_.features + task_rows_ - 1) / task_rows_; }
  int64_t task_begin(int64_t task) const { return task * task_rows_; }
  int64_t task_rows(int64_t task) const;
  void pack(int64_t task, const float* kernel, float* packed) const;

  /// Columns [begin, end) of y, multiples of 32.
  void forward(int64_t count, int64_t begin, int64_t end, const float* x, const float* packed, const float* bias,
               float* y, bool relu, float* scratch) const;
  void backward_data(int64_t count, const float* dy, const float* packed, float* dx, float* scratch) const;
  /// The rows of a task of dkernel, over the whole batch.
  void weights(int64_t task, int64_t batch, const float* x, const float* dy, float* dkernel, float* scratch) const;

 private:
  struct Steps {
    Offsets a, b;
  };
  struct Product {
    const float* x;
    int64_t count, depth;
    const Steps& steps;
    const float* tiles;
    int64_t begin, end, columns;  // columns [begin, end) of y, which has `columns`
    const float* bias;
    float* y;
    bool relu;
  };
  Steps plan_steps(int64_t terms_count, int64_t low_a) const;
  void multiply(const Product& product, float* scratch) const;

  DenseParams params_;
  int64_t samples_, task_rows_;
  bool input_grad_;
  const Kernels& k_;
  int64_t turned_at_ = 0, transposed_at_ = 0, packed_size_ = 0, scratch_size_ = 0;
  Steps forward_, data_, weights_;
  Offsets c_offset_, x_offset_, y_offset_;  // of samples: in a chunk of sums, in x, in y
};

}  // namespace cnncore
