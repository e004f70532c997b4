// The rules by which optimizers change parameters.
#pragma once

#include <array>
#include <vector>

#include "cnncore/optimizer.h"

namespace cnncore {

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
