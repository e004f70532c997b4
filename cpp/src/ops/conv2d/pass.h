// The interface of one algorithm for one pass of a convolution: forward, the gradient of the input (data) or the
// gradient of the kernel (weights).
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "cnncore/tensor.h"
#include "kernels/contracts.h"

namespace cnncore {

/// An array of `count` partial sums of a gradient, which begin `stride` floats apart.
struct Partials {
  float* first;
  int64_t count, stride;
};

/// Work is cut into `count` parts for threads that share it, and this is part number `index`.
struct Share {
  int64_t index = 0, count = 1;
  int64_t begin(int64_t total) const { return index * total / count; }
  int64_t end(int64_t total) const { return (index + 1) * total / count; }
};

/// What a pass needs of the operands that passes share (operands.h).
struct OperandNeeds {
  int64_t images = 1;         // how many images a call should take together
  bool framed_x = false;      // x inside a border of zeros, of at least x_border
  Padding x_border = {};      // used if framed_x
  bool x_overhang = false;    // the pass reads vectors that reach beyond the last row of a frame
  bool framed_dy = false;     // the gradient before the activation and the pool, in a border of at least dy_border
  Padding dy_border = {};     // used if framed_dy
  bool rounded_dy = false;    // framed dy is rounded, as the products of a reduced precision need it
  bool winner_lists = false;  // the winners of the fused max-pool as lists
};

/// For each filter, a list of the winners of the fused max-pool: the gradient and the place of each. Windows that relu
/// has made zero are not in the list.
struct WinnerLists {
  const float* value = nullptr;     // [filters][capacity]
  const int32_t* offset = nullptr;  // [filters][capacity]: where in the frame of x the input of the winner begins
  const int32_t* count = nullptr;   // [filters]: how many entries a list has
  int64_t capacity = 0;
};

/// The gradient of the output, in the forms that passes ask for.
struct OutputGradient {
  const float* dy = nullptr;        // as the caller gave it: the gradient of what the pool or the activation returned
  const uint8_t* winner = nullptr;  // the winners of the fused pool
  const float* framed = nullptr;    // the gradient of what the activation and the pool got, in its frame
  WinnerLists lists = {};
};

/// The operands of a forward pass. In a reduced precision, kernel has been rounded. packed and scratch are the parts of
/// these arrays that belong to this pass.
struct ForwardRun {
  const float* x = nullptr;  // in its frame if the pass asked for that
  const float* kernel = nullptr;
  const float* packed = nullptr;
  const float* bias = nullptr;  // may be null
  float* y = nullptr;
  uint8_t* winner = nullptr;  // may be null, in inference
  float* scratch = nullptr;
  bool finite_kernel = false;  // products with zero may be left out
};

struct DataRun {
  OutputGradient gradient = {};
  const float* packed = nullptr;
  // A transposed convolution computes its output as dx, and adds a bias (zeros if null) and applies relu to it. It has
  // neither groups nor a pool, so the algorithms for depthwise convolutions and for winners can ignore these two.
  const float* bias = nullptr;
  bool relu = false;
  float* dx = nullptr;
  float* scratch = nullptr;
};

struct WeightsRun {
  const float* x = nullptr;  // in its frame if the pass asked for that
  OutputGradient gradient = {};
  float* partial = nullptr;
  bool overwrite = false;  // the first of several calls sets partial, the others add to it
  float* scratch = nullptr;
};

/// What all passes have in common. A pass may need scratch memory, and may need the kernel in a layout of its own,
/// which is called packed. Packing is done in tasks, each of which packs some channels of every group. The first of
/// them is a multiple of 32.
class Pass {
 public:
  virtual ~Pass() = default;
  /// The number of floats of scratch memory that each call needs, and that of the packed kernel.
  virtual int64_t scratch_size() const { return 0; }
  virtual int64_t packed_size() const { return 0; }
  virtual void pack(IndexRange /*channels*/, const float* /*kernel*/, float* /*packed*/) const {}
};

class ForwardPass : public Pass {
 public:
  /// Computes a share of the output of `count` consecutive images. If count > 1, the share must be everything. The pass
  /// applies the activation if it is relu; any other activation is left to the caller.
  virtual void run(int64_t count, Share share, const ForwardRun& run) const = 0;
  /// The rows of the output of one image that a share has pixels of. Only the rows of x that these read are put in the
  /// frame. By default they are all rows that there may be.
  virtual IndexRange output_rows(Share /*share*/) const { return {0, std::numeric_limits<int32_t>::max()}; }
};

/// The rows that have units [begin, end), which are listed row by row: `per_row` of them in every `height` rows.
inline IndexRange rows_of_units(int64_t begin, int64_t end, int64_t per_row, int64_t height) {
  if (begin >= end) return {0, 0};
  return {begin / per_row * height, ((end - 1) / per_row + 1) * height};
}

class DataPass : public Pass {
 public:
  /// Computes dx of `count` consecutive images.
  virtual void run(int64_t count, const DataRun& run) const = 0;
};

/// The part of the flat gradient of a kernel that a task writes: `pieces` pieces of `size` floats. The first one begins
/// at `begin`, and each further one `step` floats after the one before.
struct GradientRange {
  int64_t begin, size;
  int64_t pieces = 1, step = 0;
};

class WeightsPass : public Pass {
 public:
  /// The number of floats of one partial sum. The pass may store it in a layout of its own; reduce() turns it into the
  /// gradient of the kernel.
  virtual int64_t partial_size() const = 0;
  /// Computes what `count` consecutive images contribute to the gradient.
  virtual void run(int64_t count, const WeightsRun& run) const = 0;
  /// Sums the partials in independent tasks. The partials may be overwritten.
  virtual int64_t reduce_tasks() const = 0;
  virtual GradientRange reduce(int64_t task, const Partials& partials, float* dkernel) const = 0;
};

}  // namespace cnncore
