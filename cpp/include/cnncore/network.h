// A whole network: any graph of ops, planned once and executed in one call a batch.
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
    std::vector<int64_t> weights;  ///< which arrays of the layer's Parameters the op takes
    bool trainable;
  };

  /// A new input for samples of this shape, without the batch axis; returns the id of its tensor.
  int input(const Shape& shape);

  /// Appends an op that reads `inputs` and returns the id of its output tensor.
  ///
  /// kind: "conv2d", "dense", "add", ...: docs/cpp.md lists the kinds, their attributes and parameters.
  /// layer: the layer that the op is part of. Ops of one layer take their parameters from the same Parameters.
  /// attributes: those of the kind, and for every kind
  ///   activation  a name of cnncore/activation.h: applied to the output
  ///   weights     which arrays of the layer's Parameters the op takes, by default the first ones in order
  ///   trainable   false: the parameters keep their values in training
  /// Throws std::invalid_argument, naming the layer, for what makes no sense.
  int add(const std::string& kind, const std::vector<int>& inputs, const std::string& layer,
          Attributes attributes = {});
  /// The same for an op that is made already: one of the caller's own.
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

/// The weights of one layer: arrays in one block of memory, each aligned to 64 bytes. Networks refer to them, and
/// several may refer to the same.
class Parameters {
 public:
  explicit Parameters(std::vector<Shape> shapes);
  ~Parameters();
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  const std::vector<Shape>& shapes() const;
  const float* data(size_t array) const;
  /// Copies element_count(shapes()[array]) values in or out. No step of a training runs meanwhile.
  void read(size_t array, float* values) const;
  void write(size_t array, const float* values);

  /// Leave to write to an array at any time. While a loan lives, networks look for changes at each call, which takes
  /// some microseconds.
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

/// An array of a network's parameters.
struct ParameterSlot {
  std::string layer;
  int64_t index;     ///< in the layer's Parameters
  std::string name;  ///< "kernel"
  Shape shape;
  int64_t offset;  ///< where its gradient lies in the flat vectors, a multiple of 16 floats; -1: state, not trained
  bool trainable;
};

/// Samples as they lie in memory: bytes or floats, (samples, *input_shape).
struct Images {
  const uint8_t* bytes = nullptr;
  const float* floats = nullptr;
  int64_t samples = 0;
};

/// Computes a loss that is not built in, on a whole batch: reads y_pred (size, *output_shape) and writes the gradient
/// of the returned loss to dy_pred.
using BatchLoss = std::function<double(int64_t size, const float* y_pred, float* dy_pred)>;

/// What one output is trained for. Without a loss and a batch_loss the output is not trained for anything.
struct OutputLoss {
  std::optional<LossSpec> loss = {};
  BatchLoss batch_loss = {};
  float weight = 1.0f;                   ///< of this output's loss in the total
  Targets y = {};                        ///< indexed like x
  const float* sample_weight = nullptr;  ///< indexed like x; the loss is sum(weight * loss) / rows
  bool row_weights = false;              ///< sample_weight has one for each row of a sample instead of one a sample
};

struct TrainBatch {
  std::vector<Images> x;             ///< per input
  std::vector<OutputLoss> y;         ///< per output
  const int64_t* indices = nullptr;  ///< which samples make the batch; null: the first `size`
  int64_t size = 0;
  std::vector<float*> outputs = {};  ///< per output, or empty: receives the predictions, where not null
};

/// Losses of a step, before its update.
struct StepResult {
  double total = 0;                 ///< with the outputs' weights, and what regularizers add
  std::span<const double> outputs;  ///< per output, without its weight; valid until the network's next step
  bool finite = true;               ///< false: the loss or a gradient holds NaN or infinity, and nothing was updated
};

/// Plans, gradients and memory over Parameters. Any number of threads may call forward at a time, also beside a thread
/// that trains: calls that change the network or its parameters wait for others, and others for them.
class Network {
 public:
  /// `parameters`: by layer; a layer without gets its own, of the shapes that its ops want.
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

  /// Length of the flat vectors of trained parameters and gradients, the gaps between the slots included.
  int64_t parameter_count() const;
  /// Copies of the flat vector of parameters, in and out.
  void get_parameters(float* flat) const;
  void set_parameters(const float* flat);
  /// Of the last step.
  float* gradients();

  /// Steps done: the counter behind dropout's masks. Set it to resume a training exactly.
  int64_t step = 0;

  /// The arithmetic of layers that name none themselves; float32 at first.
  Precision precision() const;
  void set_precision(Precision precision);

  /// The loss grows by l1 * sum |w| + l2 * sum w^2 over this slot.
  void set_regularizer(size_t slot, float l1, float l2);

  /// Inference: y[i] (samples, *output_shape(i)). Throws std::invalid_argument where an input or an output is missing.
  void forward(const std::vector<Images>& x, const std::vector<float*>& y);
  /// The same as a training sees it: dropout drops, BatchNormalization takes the batch's statistics.
  void forward_training(const std::vector<Images>& x, const std::vector<float*>& y);

  /// One step: forward, losses, gradients, and the update where an optimizer is given. Where the loss or a gradient is
  /// not finite, nothing is updated.
  /// `keep_state`: moving statistics stay as they are.
  StepResult train_step(const TrainBatch& batch, Optimizer* optimizer, bool keep_state = false);

  /// product = the curvature of the total loss of a batch of any size, regularizers included, times `direction`; both
  /// are flat vectors like the gradients, and of the parameters that are trained. Nothing is dropped,
  /// BatchNormalization takes its moving statistics, and all arithmetic is float32. The network stays as it is. Throws
  /// std::invalid_argument, naming the layer or the loss, where there is no such product.
  void curvature_product(CurvatureKind kind, const TrainBatch& batch, const float* direction, float* product);

  /// The plan as text: ops, fusions, regions, memory.
  std::string describe() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Called about twenty times a second by a thread that waits for a long computation; where it returns true, the
/// computation ends with an Interrupted exception. The Python module looks for Ctrl-C here.
void set_interrupt_check(bool (*interrupted)());
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "the computation was interrupted"; }
};

}  // namespace cnncore
