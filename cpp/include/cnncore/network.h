// A whole network: any graph of ops, planned once, and executed in one call for each batch.
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

/// Ops and the tensors between them, appended in topological order.
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
  /// kind: "conv2d", "dense", "add", ...: docs/cpp.md lists the kinds, their attributes and parameters.
  /// layer: the layer that the op is part of. Ops of one layer take their parameters from the same Parameters.
  /// attributes: those of the kind, and for every kind
  ///   activation  a name of cnncore/activation.h: applied to the output
  /// weights     the arrays of the layer's Parameters that the op uses, by default the first ones in order
  ///   trainable   false: the parameters keep their values in training
  /// Throws std::invalid_argument, naming the layer, for what makes no sense.
  int add(const std::string& kind, const std::vector<int>& inputs, const std::string& layer,
          Attributes attributes = {});
  /// Does the same for an op that the caller has made.
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
  /// Copies element_count(shapes()[array]) values in or out. This waits for a training step that is running.
  void read(size_t array, float* values) const;
  void write(size_t array, const float* values);

  /// Allows its owner to write to an array at any time. While a loan exists, networks look for changes in each call,
  /// which takes some microseconds.
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

/// Values for an array of parameters.
struct ParameterValues {
  Parameters* owner;
  size_t array;
  const float* values;
};

/// Parameters::write of several arrays: whoever computes with them sees all of the new values or none.
void write_parameters(const std::vector<ParameterValues>& all);

/// An array of a network's parameters.
struct ParameterSlot {
  std::string layer;
  int64_t index;     ///< which array of the layer's Parameters it is
  std::string name;  ///< "kernel"
  Shape shape;
  /// the position of its gradient in the flat vectors, a multiple of 16; -1 for state, which is not trained
  int64_t offset;
  bool trainable;
};

/// Samples in memory, as bytes or as floats, of shape (samples, *input_shape).
struct Images {
  const uint8_t* bytes = nullptr;
  const float* floats = nullptr;
  int64_t samples = 0;
};

/// A loss that is not built in, for a whole batch. It reads y_pred (size, *output_shape), returns the loss, and writes
/// its gradient to dy_pred.
using BatchLoss = std::function<double(int64_t size, const float* y_pred, float* dy_pred)>;

/// The loss and the targets of one output. An output that has neither a loss nor a batch_loss is not trained.
struct OutputLoss {
  std::optional<LossSpec> loss = {};
  BatchLoss batch_loss = {};
  float weight = 1.0f;                   ///< the factor of this output's loss in the total loss
  Targets y = {};                        ///< indexed like x
  const float* sample_weight = nullptr;  ///< one for each sample of x; the loss is sum(weight * loss) / rows
  /// whether sample_weight has one weight for each row of a sample, instead of one for each sample
  bool row_weights = false;
};

struct TrainBatch {
  std::vector<Images> x;             ///< one for each input
  std::vector<OutputLoss> y;         ///< per output
  const int64_t* indices = nullptr;  ///< which samples are in the batch; if null, the first `size` samples
  int64_t size = 0;
  std::vector<float*> outputs = {};  ///< empty, or one for each output: where to write the predictions, or null
};

/// The losses of a step, computed before its update.
struct StepResult {
  /// the weighted sum of the losses of all outputs, and the penalties of regularizers
  double total = 0;
  /// the loss of each output, without its weight; valid until the next step of the network
  std::span<const double> outputs;
  bool finite = true;  ///< false if the loss or a gradient holds NaN or infinity; nothing was updated then
};

/// A graph with its Parameters, and the plans, gradients and memory for running it. Any number of threads may call
/// forward at a time, also while another thread trains. A call that changes the network or its parameters waits for
/// running calls, and other calls wait for it.
class Network {
 public:
  /// `parameters` are the Parameters of layers by name. For all other layers the network makes them.
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
  /// Copies the flat vector of parameters out of the network, or into it.
  void get_parameters(float* flat) const;
  void set_parameters(const float* flat);
  /// The flat vector of gradients of the last step.
  float* gradients();

  /// The number of steps done, which decides what dropout drops. Set it to resume training exactly.
  int64_t step = 0;

  /// The precision of layers that have none of their own; float32 by default.
  Precision precision() const;
  void set_precision(Precision precision);

  /// Adds l1 * sum |w| + l2 * sum w^2 over this slot to the loss.
  void set_regularizer(size_t slot, float l1, float l2);

  /// Inference: writes the outputs y[i] of shape (samples, *output_shape(i)). Throws std::invalid_argument if an input
  /// or an output is missing.
  void forward(const std::vector<Images>& x, const std::vector<float*>& y);
  /// Does the same as in training: dropout drops values, and BatchNormalization uses the statistics of the batch.
  void forward_training(const std::vector<Images>& x, const std::vector<float*>& y);

  /// One training step: forward pass, losses, gradients, and the update if an optimizer is given. If the loss or a
  /// gradient is not finite, nothing is updated. With `keep_state`, moving statistics do not change.
  StepResult train_step(const TrainBatch& batch, Optimizer* optimizer, bool keep_state = false);

  /// product = the curvature of the total loss of a batch of any size, regularizers included, times `direction`; both
  /// are flat vectors like the gradients, and of the parameters that are trained. Nothing is dropped,
  /// BatchNormalization takes its moving statistics, and all arithmetic is float32. The network stays as it is. Throws
  /// std::invalid_argument, naming the layer or the loss, where there is no such product.
  void curvature_product(CurvatureKind kind, const TrainBatch& batch, const float* direction, float* product);

  /// Describes the plan as text: the ops, what is fused, regions and memory.
  std::string describe() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// `interrupted` is called about twenty times a second by a thread that waits for a long computation. If it returns
/// true, the computation ends with an Interrupted exception. The Python module checks for Ctrl-C in this way.
void set_interrupt_check(bool (*interrupted)());
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "the computation was interrupted"; }
};

}  // namespace cnncore
