// Optimizers, which change parameters by their gradients. Parameters and gradients of all variables are flat vectors.
#pragma once

#include <array>
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

/// Gradient descent: w -= rate * g. With momentum: v = momentum * v - rate * g, then w += v, or with `nesterov`
/// w += momentum * v - rate * g.
class Sgd : public Optimizer {
 public:
  explicit Sgd(int64_t size, float momentum = 0.0f, bool nesterov = false);

 protected:
  bool update(int64_t offset, int64_t size, float* params, const float* grads) override;

 private:
  float momentum_;
  bool nesterov_;
  float* velocity_ = nullptr;
};

/// Adam (Kingma and Ba, 2015): m and v are running means of g and g^2, and w -= rate * sqrt(1 - beta_2^t) / (1 -
/// beta_1^t) * m / (sqrt(v) + epsilon) in step t. As in Keras, epsilon is added to sqrt(v) without a correction of
/// its bias. With `amsgrad`, the largest v so far is used instead of v (Reddi, Kale and Kumar, 2018). With
/// options().weight_decay this is AdamW.
class Adam : public Optimizer {
 public:
  explicit Adam(int64_t size, double beta_1 = 0.9, double beta_2 = 0.999, float epsilon = 1e-7f, bool amsgrad = false);

 protected:
  void begin_step(int64_t update) override;
  bool update(int64_t offset, int64_t size, float* params, const float* grads) override;

 private:
  double beta_1_, beta_2_;
  float epsilon_, alpha_ = 0.0f;
  float *m_, *v_, *largest_ = nullptr;
};

/// Nadam, Adam with Nesterov's momentum (Dozat, 2016). The momentum changes from step to step as in Keras.
class Nadam : public Optimizer {
 public:
  explicit Nadam(int64_t size, double beta_1 = 0.9, double beta_2 = 0.999, float epsilon = 1e-7f);

 protected:
  void begin_step(int64_t update) override;
  bool update(int64_t offset, int64_t size, float* params, const float* grads) override;

 private:
  double momentum(int64_t update) const;
  double beta_1_, beta_2_;
  float epsilon_, from_m_ = 0.0f, from_g_ = 0.0f, unbias_ = 1.0f;
  double product_ = 1.0;  // the product of the momenta of the first `product_updates_` updates
  int64_t product_updates_ = 0;
  float *m_, *v_;
};

/// Adamax, Adam with the infinity norm (Kingma and Ba, 2015, section 7).
class Adamax : public Optimizer {
 public:
  explicit Adamax(int64_t size, double beta_1 = 0.9, double beta_2 = 0.999, float epsilon = 1e-7f);

 protected:
  void begin_step(int64_t update) override;
  bool update(int64_t offset, int64_t size, float* params, const float* grads) override;

 private:
  double beta_1_, beta_2_;
  float epsilon_, alpha_ = 0.0f;
  float *m_, *u_;
};

/// RMSprop (Tieleman and Hinton, 2012): w -= rate * g / sqrt(v + epsilon), where v is the running mean of g^2,
/// optionally with momentum. With `centered`, the square of the running mean of g is subtracted from v (Graves, 2013).
class Rmsprop : public Optimizer {
 public:
  explicit Rmsprop(int64_t size, double rho = 0.9, float momentum = 0.0f, float epsilon = 1e-7f, bool centered = false);

 protected:
  bool update(int64_t offset, int64_t size, float* params, const float* grads) override;

 private:
  double rho_;
  float decay_, epsilon_;
  float *velocity_, *momentum_ = nullptr, *average_gradient_ = nullptr;
};

/// Adagrad (Duchi, Hazan and Singer, 2011): w -= rate * g / sqrt(s + epsilon), where s is the sum of g^2 over all
/// steps.
class Adagrad : public Optimizer {
 public:
  explicit Adagrad(int64_t size, float initial_accumulator_value = 0.1f, float epsilon = 1e-7f);

 protected:
  bool update(int64_t offset, int64_t size, float* params, const float* grads) override;

 private:
  float epsilon_;
  float* accumulator_;
};

/// Adadelta (Zeiler, 2012): w changes by g times the ratio of two running root mean squares, that of the changes so far
/// and that of the gradients.
class Adadelta : public Optimizer {
 public:
  explicit Adadelta(int64_t size, double rho = 0.95, float epsilon = 1e-7f);

 protected:
  bool update(int64_t offset, int64_t size, float* params, const float* grads) override;

 private:
  double rho_;
  float epsilon_;
  float *accumulated_grad_, *accumulated_delta_var_;
};

/// Lion (Chen et al., 2023): w -= rate * sign(beta_1 m + (1 - beta_1) g), then m = beta_2 m + (1 - beta_2) g.
class Lion : public Optimizer {
 public:
  explicit Lion(int64_t size, double beta_1 = 0.9, double beta_2 = 0.99);

 protected:
  bool update(int64_t offset, int64_t size, float* params, const float* grads) override;

 private:
  double beta_1_, beta_2_;
  float* m_;
};

struct FtrlParams {
  float learning_rate_power = -0.5f, initial_accumulator_value = 0.1f;
  float l1 = 0.0f, l2 = 0.0f, l2_shrinkage = 0.0f, beta = 0.0f;
};

/// Ftrl, "follow the regularized leader" (McMahan et al., 2013), with the formula that Keras uses.
class Ftrl : public Optimizer {
 public:
  explicit Ftrl(int64_t size, const FtrlParams& params = {});

 protected:
  bool update(int64_t offset, int64_t size, float* params, const float* grads) override;

 private:
  FtrlParams params_;
  float *accumulator_, *linear_;
};

struct MuonParams {
  double adam_beta_1 = 0.9, adam_beta_2 = 0.999;
  float epsilon = 1e-7f;
  double adam_weight_decay = 0.0;
  float a = 3.4445f, b = -4.7750f, c = 2.0315f;  ///< coefficients of the Newton-Schulz iteration
  float adam_lr_ratio = 1.0f, momentum = 0.95f;
  int ns_steps = 5;
  bool nesterov = true;
  float rms_rate = 0.2f;  ///< the step is multiplied by sqrt(max(rows, columns)) * rms_rate, unless this is 0
};

/// Muon (Jordan et al., 2024; scaled as in Liu et al., 2025): a matrix changes along its momentum, whose singular
/// values are brought near 1 by Newton-Schulz iterations. Other variables change as by Adam.
class Muon : public Optimizer {
 public:
  Muon(int64_t size, const MuonParams& params);
  /// Sets which variables are matrices: (rows, columns) for each variable, or {0, 0} for those that Adam changes.
  void set_matrices(std::vector<std::array<int64_t, 2>> matrices);

 protected:
  void begin_step(int64_t update) override;
  void prepare(std::span<const Piece> pieces) override;
  bool update(int64_t offset, int64_t size, float* params, const float* grads) override;
  double weight_decay(const VariableRange& variable) const override;

 private:
  bool is_matrix(size_t variable) const { return variable < matrices_.size() && matrices_[variable][0] > 0; }
  size_t variable_at(int64_t offset) const;
  void orthogonalize(int64_t rows, int64_t cols, float* x);

  MuonParams params_;
  float alpha_ = 0.0f;
  std::vector<std::array<int64_t, 2>> matrices_;
  float *momentum_, *velocity_;
  std::vector<float> direction_;                             // the directions of the matrices' steps, a flat vector
  std::vector<float> x_, x_transposed_, gram_, polynomial_;  // memory for the largest matrix
  std::vector<int32_t> row_offset_, gram_offset_, term_;
  std::vector<char> moved_;  // for each variable, whether it is a matrix that changes in this step
};

struct AdamUpdate {
  int64_t step = 1;  ///< counts from 1
  float learning_rate = 0.001f;
  double beta_1 = 0.9, beta_2 = 0.999;
  float epsilon = 1e-7f;
  double weight_decay = 0.0;
};
struct AdamVectors {
  int64_t size;
  float* params;
  const float* grads;
  float* m;
  float* v;
};

/// Make one step of Sgd or of Adam on vectors of the caller, which are changed in place.
void sgd_update(int64_t size, float* params, const float* grads, float* velocity, float learning_rate, float momentum,
                bool nesterov);
void adam_update(const AdamUpdate& update, const AdamVectors& vectors);

}  // namespace cnncore
