// A network: a graph of ops, which is planned once and then runs each batch in one call.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cnncore/attributes.h"
#include "cnncore/curvature.h"
#include "cnncore/loss.h"
#include "cnncore/optimizer.h"
#include "cnncore/precision.h"
#include "cnncore/tensor.h"

namespace cnncore {

class Op;

/// The ops of a network and the tensors between them. An op is added after the ops whose outputs it reads.
class Graph {
 public:
  struct Node {
    std::string layer;
    std::shared_ptr<const Op> op;
    std::vector<int> inputs;
    int output;
    std::vector<int64_t> weights;  ///< the arrays of the layer's Parameters that the op uses
    bool trainable;
  };

  /// Adds an input for samples of this shape, without the batch axis, and returns the id of its tensor.
  int input(const Shape& shape);

  /// Appends an op that reads `inputs` and returns the id of its output tensor.
  ///
  /// kind: "conv2d", "dense", "add", ...; docs/cpp.md lists the kinds, their attributes and parameters.
  /// layer: the name of the layer that the op is part of. All ops of a layer use the same Parameters.
  /// attributes: those of the kind, and for every kind
  ///   activation  the name of an activation (cnncore/activation.h) that is applied to the output; "linear" by default
  ///   weights     which arrays of the layer's Parameters the op uses; by default the first ones, in order
  ///   trainable   whether training changes the parameters; true by default
  /// Throws std::invalid_argument with the name of the layer if an attribute is not known or out of range, or if the
  /// op cannot take inputs of these shapes.
  int add(const std::string& kind, const std::vector<int>& inputs, const std::string& layer,
          Attributes attributes = {});
  /// Appends an op that the caller has made.
  int add(std::shared_ptr<const Op> op, const std::vector<int>& inputs, const std::string& layer,
          std::vector<int64_t> weights = {}, bool trainable = true);

  const Shape& shape(int tensor) const;
  int tensor_count() const { return static_cast<int>(shapes_.size()); }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<int>& inputs() const { return inputs_; }

 private:
  std::vector<Shape> shapes_;
  std::vector<int> inputs_;
  std::vector<Node> nodes_;
};

/// The weights of one layer: arrays in one block of memory, each aligned to 64 bytes. Several networks may use the same
/// Parameters.
class Parameters {
 public:
  explicit Parameters(std::vector<Shape> shapes);
  ~Parameters();
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  const std::vector<Shape>& shapes() const;
  const float* data(size_t array) const;
  /// Copies the values of an array to `values`, or from there. Waits until no training step uses the parameters, and
  /// write() also until no other call does.
  void read(size_t array, float* values) const;
  void write(size_t array, const float* values);

  /// Allows its owner to write to an array at any time. While a loan exists, networks must expect that the values have
  /// changed before each call, and prepare them anew, which takes some microseconds.
  class Loan {
   public:
    Loan(std::shared_ptr<Parameters> owner, size_t array);
    ~Loan();
    Loan(Loan&& other) noexcept : owner_(std::move(other.owner_)), data_(other.data_) {}
    Loan& operator=(Loan&&) = delete;
    float* data() const { return data_; }

   private:
    std::shared_ptr<Parameters> owner_;
    float* data_;
  };

  struct State;
  State& state() const { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

/// The new values of one array of parameters, for write_parameters.
struct ParameterValues {
  Parameters* owner;
  size_t array;
  const float* values;
};

/// Writes several arrays at once: a call of a network uses all of the new values or none of them.
void write_parameters(const std::vector<ParameterValues>& all);

/// One array of the parameters of a network.
struct ParameterSlot {
  std::string layer;
  int64_t index;     ///< which array of the layer's Parameters it is
  std::string name;  ///< such as "kernel"
  Shape shape;
  /// the position of its values in the flat vectors, a multiple of 16; -1 for state such as moving statistics
  int64_t offset;
  bool trainable;
};

/// Samples in memory: an array (samples, *input_shape) of bytes or of floats. The other pointer is null.
struct Images {
  const uint8_t* bytes = nullptr;
  const float* floats = nullptr;
  int64_t samples = 0;
};

/// A loss that the caller computes, for a whole batch. The function reads y_pred (size, *output_shape), returns the
/// loss, and writes its gradient to dy_pred.
using BatchLoss = std::function<double(int64_t size, const float* y_pred, float* dy_pred)>;

/// The loss and the targets of one output. An output that has neither a loss nor a batch_loss is not trained.
struct OutputLoss {
  std::optional<LossSpec> loss = {};
  BatchLoss batch_loss = {};
  float weight = 1.0f;                   ///< the factor of this output's loss in the total loss
  Targets y = {};                        ///< the targets of all samples of x
  const float* sample_weight = nullptr;  ///< the weights of all samples of x, or null; see Reduction
  /// whether sample_weight has one weight for each row of a sample, instead of one for each sample
  bool row_weights = false;
};

/// The samples of a training step.
struct TrainBatch {
  std::vector<Images> x;             ///< one for each input
  std::vector<OutputLoss> y;         ///< one for each output
  const int64_t* indices = nullptr;  ///< which samples are in the batch; if null, the first `size` samples
  int64_t size = 0;
  std::vector<float*> outputs = {};  ///< where the predictions of each output are written, or null; it may be empty
};

/// The losses of a training step, computed with the weights before its update.
struct StepResult {
  /// the weighted sum of the losses of all outputs, plus the penalties of regularizers
  double total = 0;
  /// the loss of each output, without its weight; valid until the next step of the network
  std::span<const double> outputs;
  bool finite = true;  ///< false if the loss or a gradient is NaN or infinite; then nothing was updated
};

/// A graph with its Parameters, and the plans, gradients and memory to run it. Any number of threads may call forward
/// at the same time. A call that changes the network or its parameters, such as a training step, waits for all running
/// calls, and other calls wait until it is done.
class Network {
 public:
  /// `parameters` are the Parameters of layers, by their names. The network makes those of all other layers.
  Network(Graph graph, std::vector<int> outputs, std::map<std::string, std::shared_ptr<Parameters>> parameters = {});
  ~Network();
  Network(Network&&) noexcept;
  Network& operator=(Network&&) noexcept;

  size_t input_count() const;
  size_t output_count() const;
  const Shape& input_shape(size_t input = 0) const;
  const Shape& output_shape(size_t output = 0) const;
  const std::vector<ParameterSlot>& slots() const;
  std::shared_ptr<Parameters> parameters(const std::string& layer) const;

  /// The length of the flat vectors of trained parameters and gradients, including the gaps between the slots.
  int64_t parameter_count() const;
  /// Copies the trained parameters into the flat vector, or the flat vector into the parameters.
  void get_parameters(float* flat) const;
  void set_parameters(const float* flat);
  /// The flat vector of the gradients of the last training step.
  float* gradients();

  /// The number of training steps so far. Random numbers, such as those of dropout, depend on it; set it to continue a
  /// training exactly.
  int64_t step = 0;

  /// The precision of layers for which no precision was given. It is float32 by default.
  Precision precision() const;
  void set_precision(Precision precision);

  /// Adds the penalty l1 * sum |w| + l2 * sum w^2 of the weights w of a slot to the loss of training steps.
  void set_regularizer(size_t slot, float l1, float l2);

  /// Inference: computes the outputs y[i] of shape (samples, *output_shape(i)). Throws std::invalid_argument if an
  /// input or the memory of an output is missing.
  void forward(std::span<const Images> x, std::span<float* const> y);
  /// The same for a network with one input and one output.
  void forward(const Images& x, float* y) { forward({&x, 1}, {&y, 1}); }
  /// Computes the outputs as in training: dropout drops values, which depend on the number `call` as they depend on
  /// `step` in training, and BatchNormalization uses the statistics of the batch and updates the moving statistics.
  void forward_training(std::span<const Images> x, std::span<float* const> y, int64_t call);

  /// Makes one training step: forward pass, losses, gradients, and the update of the parameters if `optimizer` is not
  /// null. If the loss or a gradient is not finite, nothing is updated. With `keep_state`, moving statistics do not
  /// change.
  StepResult train_step(const TrainBatch& batch, Optimizer* optimizer, bool keep_state = false);

  /// Multiplies the curvature of the total loss of a batch by `direction`, and writes the result to `product`. Both are
  /// flat vectors like that of the gradients. The loss includes the penalties of regularizers. Layers behave as in
  /// inference, and products are computed in float32. The network does not change. Throws std::invalid_argument with
  /// the name of the layer or the loss if the product is not known for it.
  void curvature_product(CurvatureKind kind, const TrainBatch& batch, const float* direction, float* product);

  /// Describes the plans as text: the ops that run, which of them are fused, their sizes and their memory.
  std::string describe() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Sets a function that is called about twenty times a second during long computations. If it returns true, the
/// computation ends with the exception Interrupted. The Python module checks for Ctrl-C in this way.
void set_interrupt_check(bool (*interrupted)());
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "the computation was interrupted"; }
};

}  // namespace cnncore
