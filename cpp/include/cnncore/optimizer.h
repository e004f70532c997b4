// The base class of optimizers, which change parameters by their gradients. Parameters and gradients of all variables
// are flat vectors. optimizer_rules.h has the rules of this library.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cnncore/tensor.h"

namespace cnncore {

/// The place of one variable in the flat vectors.
struct VariableRange {
  std::string name;
  int64_t offset = 0, size = 0;
  Shape shape;
  bool decays = true;  ///< whether weight_decay applies to it
};

/// `size` consecutive parameters and their gradients, beginning at position `offset` of the flat vectors.
struct UpdateRange {
  int64_t offset, size;
  float* params;
  const float* grads;
};

/// Options that every optimizer has in addition to its formula. An option that is zero is not used.
struct OptimizerOptions {
  /// Before each step, w -= learning_rate * weight_decay * w (Loshchilov and Hutter, "Decoupled weight decay
  /// regularization", 2019).
  double weight_decay = 0;
  /// At most one of these may be set. clipnorm limits the norm of the gradient of each variable, global_clipnorm the
  /// norm of all gradients together, and clipvalue the magnitude of each value of a gradient.
  float clipnorm = 0, global_clipnorm = 0, clipvalue = 0;
  /// If this is more than 1, the parameters change once for this number of calls of `apply`, by the mean of the
  /// gradients of these calls.
  int64_t gradient_accumulation_steps = 0;
  /// Whether to keep a moving average of the parameters, average = ema_momentum * average + (1 - ema_momentum) * w. It
  /// replaces the parameters every ema_overwrite_frequency steps.
  bool use_ema = false;
  double ema_momentum = 0.99;
  int64_t ema_overwrite_frequency = 0;
};

/// The base class of optimizers. `apply` makes a whole step. A subclass implements its formula in `begin_step` and
/// `update`, and makes vectors for its state by `add_state`.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  float learning_rate = 0.01f;
  int64_t step = 0;  ///< the number of calls of `apply` so far

  /// Throws std::invalid_argument if an option is out of range. The state of options that were not used before begins
  /// with zeros.
  void set_options(const OptimizerOptions& options);
  const OptimizerOptions& options() const { return options_; }
  /// Sets where the variables are in the flat vectors, in ascending order and without overlap. Norms and weight decay
  /// depend on it. Before this is called, the whole vector counts as one variable. Numbers between variables are never
  /// changed.
  void set_variables(std::vector<VariableRange> variables);
  const std::vector<VariableRange>& variables() const { return variables_; }

  /// Makes one step on parameters that are given as ranges, in any order. Parameters outside all ranges do not change.
  /// It runs on several threads, gives the same bits at any number of threads, and allocates no memory from the second
  /// call on. Returns `finite()`. If `update` throws an exception, it is thrown again when all threads are done;
  /// parameters that have changed by then are not restored.
  bool apply(std::span<const UpdateRange> ranges);
  /// Whether all parameters and second moments were finite after the last step. (With an infinite second moment a
  /// parameter would never change again.)
  bool finite() const { return finite_; }

  /// The state vectors by name, each with `size()` floats.
  std::map<std::string, std::vector<float>*> state();
  int64_t size() const { return size_; }
  /// How often the parameters have changed. This is `step`, unless gradients are accumulated.
  int64_t updates() const { return step / every(); }

 protected:
  /// A part of one variable that is small enough for the nearest caches.
  struct Piece : UpdateRange {
    size_t variable = 0;
    double squares = 0;  // the sum of the squared gradients
    bool finite = true;
  };

  explicit Optimizer(int64_t size);
  /// Makes a state vector that is filled with `value`. Its address does not change as long as the optimizer exists.
  float* add_state(const std::string& name, float value = 0.0f);

  /// Called once before the parameters change. `update` counts these calls from 1.
  virtual void begin_step(int64_t update);
  /// Changes params[i] and the state at `offset + i` by grads[i], for i < size. Several threads call it at the same
  /// time, for different ranges. Returns whether all values that it wrote are finite.
  virtual bool update(int64_t offset, int64_t size, float* params, const float* grads) = 0;
  /// Called after begin_step with the ranges for which `update` will be called. It is for formulas that need all values
  /// of a variable.
  virtual void prepare(std::span<const Piece> pieces);
  virtual double weight_decay(const VariableRange& variable) const;
  /// Returns the gradient of a piece after clipping and accumulation. If it differs from piece.grads, it is written to
  /// `scratch`, which has kPieceSize floats.
  const float* gradient(const Piece& piece, float* scratch) const;

  static constexpr int64_t kPieceSize = 4096;
  int64_t size_;
  std::vector<VariableRange> variables_;

 private:
  struct State {
    std::string name;
    std::vector<float> values;
  };

  int64_t every() const { return options_.gradient_accumulation_steps > 1 ? options_.gradient_accumulation_steps : 1; }
  void cut(std::span<const UpdateRange> ranges);
  void accumulate_gradients();
  void find_scales();
  void move(Piece& piece);
  void average(const Piece& piece, int64_t call);
  template <class Task>
  void for_pieces(Task task);

  OptimizerOptions options_;
  std::vector<std::unique_ptr<State>> state_;
  float *accumulator_ = nullptr, *average_ = nullptr;
  std::vector<Piece> pieces_;
  std::vector<float> scale_;     // for each variable, the factor of its gradient
  std::vector<double> squares_;  // for each variable, the sum of its squared gradients
  bool clips_ = false;           // whether gradients are scaled or limited in this step
  bool finite_ = true;
};

}  // namespace cnncore
