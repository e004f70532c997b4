// Optimizers: functions of flat parameter and gradient vectors, one fused pass each.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cnncore {

/// A rule that moves parameters along their gradient. `begin_step` once a step, then `update` on ranges that cover the
/// vector.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  float learning_rate = 0.01f;
  int64_t step = 0;  ///< updates done so far

  virtual void begin_step() { ++step; }
  /// params[i] and the state at `offset + i` are moved by grads[i], i < size. Ranges may run on different threads.
  virtual void update(int64_t offset, int64_t size, float* params, const float* grads) = 0;
  /// The flat state vectors by name, each of `size()` floats.
  virtual std::map<std::string, std::vector<float>*> state() = 0;
  int64_t size() const { return size_; }

 protected:
  explicit Optimizer(int64_t size);
  int64_t size_;
};

/// Gradient descent: v = momentum * v - rate * g; w += v, or w += momentum * v - rate * g (Nesterov). Without momentum
/// w -= rate * g.
class Sgd : public Optimizer {
 public:
  explicit Sgd(int64_t size, float momentum = 0.0f, bool nesterov = false);
  void update(int64_t offset, int64_t size, float* params, const float* grads) override;
  std::map<std::string, std::vector<float>*> state() override;

 private:
  float momentum_;
  bool nesterov_;
  std::vector<float> velocity_;
};

/// Adam (Kingma and Ba, 2015) with Keras' epsilon, outside the bias-corrected root; with weight_decay > 0 AdamW
/// (Loshchilov and Hutter, 2019): w -= rate * weight_decay * w beside the step.
class Adam : public Optimizer {
 public:
  explicit Adam(int64_t size, float beta_1 = 0.9f, float beta_2 = 0.999f, float epsilon = 1e-7f,
                float weight_decay = 0.0f);
  void begin_step() override;
  void update(int64_t offset, int64_t size, float* params, const float* grads) override;
  std::map<std::string, std::vector<float>*> state() override;

 private:
  float beta_1_, beta_2_, epsilon_, weight_decay_;
  float alpha_ = 0.0f;
  std::vector<float> m_, v_;
};

/// The same formulas on vectors of the caller's, in place; `step` counts from 1.
void sgd_update(int64_t size, float* params, const float* grads, float* velocity, float learning_rate, float momentum,
                bool nesterov);
void adam_update(int64_t size, float* params, const float* grads, float* m, float* v, int64_t step, float learning_rate,
                 float beta_1, float beta_2, float epsilon, float weight_decay);

}  // namespace cnncore
