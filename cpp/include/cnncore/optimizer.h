// Optimizers: functions of flat parameter and gradient vectors, one fused pass each.
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

/// One variable's place in the flat vectors.
struct VariableRange {
  std::string name;
  int64_t offset = 0, size = 0;
  Shape shape;
  bool decays = true;  ///< weight_decay applies to it
};

/// `size` parameters and their gradients, which are number `offset` and the following ones of the flat vectors.
struct UpdateRange {
  int64_t offset, size;
  float* params;
  const float* grads;
};

/// What every optimizer can do beside its own formula. Zero switches a number off.
struct OptimizerOptions {
  /// Before the step w -= learning_rate * weight_decay * w (Loshchilov and Hutter, "Decoupled weight decay
  /// regularization", 2019).
  double weight_decay = 0;
  /// At most one of these. A gradient whose norm is larger is scaled down to it: for each variable, or for all
  /// together; clipvalue limits each value.
  float clipnorm = 0, global_clipnorm = 0, clipvalue = 0;
  /// The parameters move once in so many calls of `apply`, by the mean of their gradients.
  int64_t gradient_accumulation_steps = 0;
  /// Keep average = ema_momentum * average + (1 - ema_momentum) * w, and every so many steps make it the parameters.
  bool use_ema = false;
  double ema_momentum = 0.99;
  int64_t ema_overwrite_frequency = 0;
};

/// A rule that moves parameters along their gradient. The caller has `apply` do a whole step; a rule says in
/// `begin_step` and `update` what a step is. State vectors are made by `add_state`.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  float learning_rate = 0.01f;
  int64_t step = 0;  ///< calls of `apply` so far

  /// std::invalid_argument for options that make no sense. State of the new options starts at zero.
  void set_options(const OptimizerOptions& options);
  const OptimizerOptions& options() const { return options_; }
  /// Which variables there are, for norms and decay by variable: ascending, without overlap. Before it is told, the
  /// whole vector is one variable. What lies between variables is never touched.
  void set_variables(std::vector<VariableRange> variables);
  const std::vector<VariableRange>& variables() const { return variables_; }

  /// One step on parameters that are given in ranges, in any order; what no range covers stays. It runs on several
  /// threads, gives the same bits on any number of them, and allocates nothing from the second call on. Returns
  /// `finite()`. An exception of the rule's `update` is thrown again when all threads are done; parameters that were
  /// moved by then stay moved.
  bool apply(std::span<const UpdateRange> ranges);
  /// The last step left no NaN and no infinity in parameters and second moments. (An infinite second moment would
  /// freeze its parameter for good.)
  bool finite() const { return finite_; }

  /// The flat state vectors by name, each of `size()` floats.
  std::map<std::string, std::vector<float>*> state();
  int64_t size() const { return size_; }
  /// How often the parameters were moved: `step`, unless gradients are accumulated.
  int64_t updates() const { return step / every(); }

 protected:
  /// A range inside one variable, small enough for the nearest caches.
  struct Piece : UpdateRange {
    size_t variable = 0;
    double squares = 0;  // sum of the squared gradients
    bool finite = true;
  };

  explicit Optimizer(int64_t size);
  /// A new state vector. It stays where it is as long as the optimizer lives.
  float* add_state(const std::string& name, float value = 0.0f);

  /// Called once before the parameters move, with the number of this update, counted from 1.
  virtual void begin_step(int64_t update);
  /// params[i] and the state at `offset + i` are moved by grads[i], i < size. Ranges run on different threads. Returns
  /// whether what it wrote is finite.
  virtual bool update(int64_t offset, int64_t size, float* params, const float* grads) = 0;
  /// For rules that look at whole variables: called after begin_step with what `update` will be called with.
  virtual void prepare(std::span<const Piece> pieces);
  virtual double weight_decay(const VariableRange& variable) const;
  /// The clipped gradient of a piece, in `scratch` (kPieceSize floats) where it differs from piece.grads.
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
  std::vector<float> scale_;     // of each variable's gradient
  std::vector<double> squares_;  // of each variable
  bool clips_ = false;           // gradients are scaled or limited in this step
  bool finite_ = true;
};

/// Gradient descent: v = momentum * v - rate * g; w += v, or w += momentum * v - rate * g (Nesterov). Without momentum
/// w -= rate * g.
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

/// Adam (Kingma and Ba, 2015) with Keras' epsilon, outside the bias-corrected root: m and v are the running means of g
/// and g^2, w -= rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon). With `amsgrad` the largest v
/// so far takes v's place (Reddi, Kale and Kumar, 2018). With options().weight_decay it is AdamW.
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

/// Adam with Nesterov's momentum (Dozat, 2016), with Keras' schedule of the momentum.
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
  double product_ = 1.0;  // of the momenta of the first `product_updates_` updates
  int64_t product_updates_ = 0;
  float *m_, *v_;
};

/// Adam with the infinity norm (Kingma and Ba, 2015, section 7).
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

/// Tieleman and Hinton (2012): w -= rate * g / sqrt(running mean of g^2 + epsilon), with momentum if wanted; centered:
/// less the squared running mean of g (Graves, 2013).
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

/// Duchi, Hazan and Singer (2011): w -= rate * g / sqrt(sum of g^2 + epsilon).
class Adagrad : public Optimizer {
 public:
  explicit Adagrad(int64_t size, float initial_accumulator_value = 0.1f, float epsilon = 1e-7f);

 protected:
  bool update(int64_t offset, int64_t size, float* params, const float* grads) override;

 private:
  float epsilon_;
  float* accumulator_;
};

/// Zeiler (2012): the step is g scaled by the ratio of the running root mean squares of steps and gradients.
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

/// Chen et al. (2023): w -= rate * sign(beta_1 m + (1 - beta_1) g), then m = beta_2 m + (1 - beta_2) g.
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

/// "Follow the regularized leader" (McMahan et al., 2013), in Keras' form.
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
  float rms_rate = 0.2f;  ///< 0: the step is not scaled by sqrt(max(rows, columns)) * rms_rate
};

/// Muon (Jordan et al., 2024; scaled as Liu et al., 2025): a matrix moves along its momentum with all singular values
/// brought near 1 by Newton-Schulz iterations; all other variables by Adam. Which is which the caller says.
class Muon : public Optimizer {
 public:
  /// `matrices` are (rows, columns) by the index of the variable; {0, 0} for those that Adam moves.
  Muon(int64_t size, const MuonParams& params);
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
  std::vector<float> direction_;                             // of the matrices' steps, flat
  std::vector<float> x_, x_transposed_, gram_, polynomial_;  // of the largest matrix
  std::vector<int32_t> row_offset_, gram_offset_, term_;
  std::vector<char> moved_;  // by variable
};

/// The formulas of Sgd and Adam on vectors of the caller's, in place; `step` counts from 1.
void sgd_update(int64_t size, float* params, const float* grads, float* velocity, float learning_rate, float momentum,
                bool nesterov);
void adam_update(int64_t size, float* params, const float* grads, float* m, float* v, int64_t step, float learning_rate,
                 double beta_1, double beta_2, float epsilon, double weight_decay);

}  // namespace cnncore
