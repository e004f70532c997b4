// The interface of one algorithm for one pass of a convolution: forward, the gradient of the input (data) or the
// gradient of the kernel (weights).
#pragma once

#include <algorithm>
#include <cstdint>

#include "cnncore/tensor.h"
#include "kernels/contracts.h"

namespace cnncore {

/// Partial sums of a gradient: `count` of them, `stride` floats apart.
struct Partials {
  float* first;
  int64_t count, stride;
};

/// Part `index` of `count` of some work, for threads that share it.
struct Share {
  int64_t index = 0, count = 1;
  int64_t begin(int64_t total) const { return index * total / count; }
  int64_t end(int64_t total) const { return (index + 1) * total / count; }
};

/// What a pass wants of the operands that passes share (operands.h).
struct OperandNeeds {
  int64_t images = 1;       // that a call had best take together
  bool framed_x = false;    // x inside a border of zeros, of at least x_border
  Padding x_border = {};    //
  bool x_overhang = false;  // vectors may reach beyond a frame's last row
  bool framed_dy = false;   // dy before the activation and the pool, inside a border of at least dy_border
  Padding dy_border = {};   //
  bool rounded_dy = false;  // dy as a reduced precision's products see it
  bool winner_lists = false;
};

/// The winners of the fused max-pool, filter by filter: value and place of those that are not dead.
struct WinnerLists {
  const float* value = nullptr;     // [filters][capacity]
  const int32_t* offset = nullptr;  // [filters][capacity]: where the winner's window begins in the frame of x
  const int32_t* count = nullptr;   // [filters]
  int64_t capacity = 0;
};

/// The gradient of the output in the forms that passes ask for.
struct OutputGradient {
  const float* dy = nullptr;        // as it was given: behind the pool
  const uint8_t* winner = nullptr;  // of the fused pool
  const float* framed = nullptr;    // before the activation and the pool, in its frame
  WinnerLists lists = {};
};

/// kernel is as the products see it, rounded in a reduced precision; packed and scratch are the pass's own.
struct ForwardRun {
  const float* x = nullptr;  // in its frame where the pass asked for that
  const float* kernel = nullptr;
  const float* packed = nullptr;
  const float* bias = nullptr;  // may be null
  float* y = nullptr;
  uint8_t* winner = nullptr;  // may be null: inference
  float* scratch = nullptr;
};

struct DataRun {
  OutputGradient gradient = {};
  const float* packed = nullptr;
  // Of a transposed convolution, whose output dx is: what its sums begin at (zeros where null), and its activation. It
  // has no groups and no pool, so that the depthwise pass and that of the winners are never asked for them.
  const float* bias = nullptr;
  bool relu = false;
  float* dx = nullptr;
  float* scratch = nullptr;
};

struct WeightsRun {
  const float* x = nullptr;  // in its frame where the pass asked for that
  OutputGradient gradient = {};
  float* partial = nullptr;
  bool overwrite = false;  // partial is set, not added to: the first call of many
  float* scratch = nullptr;
};

/// What all passes have in common: memory, and the kernel as they want it. It is packed in tasks, each of which has
/// channels [begin, end) of every group; begin is a multiple of 32.
class Pass {
 public:
  virtual ~Pass() = default;
  /// Floats that each thread lends to a call; of the packed kernel.
  virtual int64_t scratch_size() const { return 0; }
  virtual int64_t packed_size() const { return 0; }
  virtual void pack(IndexRange /*channels*/, const float* /*kernel*/, float* /*packed*/) const {}
};

class ForwardPass : public Pass {
 public:
  /// A share of the output of `count` consecutive images; of more than one image there is only the whole share. The
  /// activation is taken where it is relu, and is left to the caller where it is another.
  virtual void run(int64_t count, Share share, const ForwardRun& run) const = 0;
};

class DataPass : public Pass {
 public:
  /// Sets dx of `count` consecutive images.
  virtual void run(int64_t count, const DataRun& run) const = 0;
};

/// What a task writes of the flat gradient: floats [begin, begin + size), and as many again each `step` floats later.
struct GradientRange {
  int64_t begin, size;
  int64_t pieces = 1, step = 0;
};

class WeightsPass : public Pass {
 public:
  /// Floats of one partial sum, in a form of the pass's own; reduce makes the gradient of the kernel of it.
  virtual int64_t partial_size() const = 0;
  /// The share of `count` consecutive images.
  virtual void run(int64_t count, const WeightsRun& run) const = 0;
  /// The sum over partials, in tasks; it may overwrite them.
  virtual int64_t reduce_tasks() const = 0;
  virtual GradientRange reduce(int64_t task, const Partials& partials, float* dkernel) const = 0;
};

}  // namespace cnncore
