// A whole network, planned once and executed in one call a batch.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cnncore/activation.h"
#include "cnncore/conv2d.h"
#include "cnncore/dense.h"
#include "cnncore/loss.h"
#include "cnncore/optimizer.h"
#include "cnncore/pool2d.h"

namespace cnncore {

/// The ops of a graph. Their sizes that follow from the input are filled in by the builder.
struct RescalingOp {
  float scale, offset;
};
struct Conv2dOp {
  Conv2dParams params;
  bool use_bias = true;
  Activation activation = Activation::linear;
  std::optional<Precision> precision = {};  ///< none: the network's
};
struct MaxPool2dOp {
  Pool2dParams params;
};
struct AvgPool2dOp {
  Pool2dParams params;
};
struct FlattenOp {};
struct DenseOp {
  DenseParams params;
  bool use_bias = true;
  Activation activation = Activation::linear;
  std::optional<Precision> precision = {};  ///< none: the network's
};
struct ActivationOp {
  Activation activation;
};
struct DropoutOp {
  float rate;
  uint64_t seed;
};
using Op = std::variant<RescalingOp, Conv2dOp, MaxPool2dOp, AvgPool2dOp, FlattenOp, DenseOp, ActivationOp, DropoutOp>;

/// A list of ops in topological order. Every method appends one and returns the id of its output tensor; what makes no
/// sense throws std::invalid_argument and names the layer.
class Graph {
 public:
  struct Node {
    std::string name;
    Op op;
    int input, output;
  };

  int input(const Shape& shape);
  int rescaling(int x, float scale, float offset, const std::string& name);
  /// params: filters, kernel, strides, padding, dilation and groups; the rest is filled in.
  int conv2d(int x, Conv2dParams params, bool use_bias, Activation activation, const std::string& name,
             std::optional<Precision> precision = {});
  int max_pool2d(int x, Pool2dParams params, const std::string& name);
  int avg_pool2d(int x, Pool2dParams params, const std::string& name);
  int flatten(int x, const std::string& name);
  int dense(int x, int64_t units, bool use_bias, Activation activation, const std::string& name,
            std::optional<Precision> precision = {});
  int activation(int x, Activation kind, const std::string& name);
  int dropout(int x, float rate, uint64_t seed, const std::string& name);

  const Shape& shape(int tensor) const;
  const std::vector<Node>& nodes() const { return nodes_; }

 private:
  const Shape& image_shape(int x, const std::string& name) const;
  int append(int x, Op op, Shape output, const std::string& name);
  std::vector<Shape> shapes_;
  std::vector<Node> nodes_;
};

/// Where a layer's kernel or bias lies in the flat vectors. Offsets are multiples of 16 floats; the gaps stay zero.
struct ParameterSlot {
  std::string name;  ///< "conv2d/kernel"
  Shape shape;
  int64_t offset;
};

/// Samples as they lie in memory: bytes or floats, (samples, *input_shape).
struct Images {
  const uint8_t* bytes = nullptr;
  const float* floats = nullptr;
  int64_t samples = 0;
};

struct TrainBatch {
  Images x;
  Targets y;                         ///< indexed like x: (samples, *output_shape), labels without its last axis
  const int64_t* indices = nullptr;  ///< which samples make the batch; null: the first `size`
  int64_t size = 0;
  const float* sample_weight = nullptr;  ///< indexed like x, one for each sample
};

/// Parameters, gradients, plans and memory. One Network is used by one thread at a time.
class Network {
 public:
  Network(Graph graph, int output);
  ~Network();
  Network(Network&&) noexcept;
  Network& operator=(Network&&) noexcept;

  const Shape& input_shape() const;
  const Shape& output_shape() const;
  const std::vector<ParameterSlot>& slots() const;
  /// The flat vector of parameters, 64-byte aligned; `parameter_count` includes the gaps.
  const float* parameters() const;
  /// The same, lent to be written to at any time from now on. `forward` therefore looks for changes at each call and
  /// leaves nothing out, which takes some microseconds, until `return_parameters` has been called as often.
  float* parameters();
  void return_parameters();
  bool lent() const;
  /// Laid out like the parameters.
  float* gradients();
  int64_t parameter_count() const;

  /// Steps done: the counter behind dropout's masks. Set it to resume a training exactly.
  int64_t step = 0;

  /// The arithmetic of layers that name none themselves; float32 at first.
  Precision precision() const;
  void set_precision(Precision precision);

  /// Inference: y (samples, *output_shape).
  void forward(const Images& x, float* y);

  /// One step: forward, loss, gradients, and the update where an optimizer is given. Returns the loss before the
  /// update; `outputs` (size, *output_shape), where not null, receives the predictions. Where the loss is not finite,
  /// or a gradient is not (NaN is returned then), nothing is updated.
  double train_step(const TrainBatch& batch, const LossSpec& loss, Optimizer* optimizer, float* outputs);

  /// The reduced loss of predictions.
  double loss(int64_t size, const float* predictions, const Targets& targets, const LossSpec& loss) const;

  /// The plan as text: ops, fusions, regions, memory.
  std::string describe() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cnncore
