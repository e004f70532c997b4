#include "cnncore/optimizer.h"

#include <cmath>

#include "runtime/check.h"
#include "runtime/dispatch.h"

namespace cnncore {
namespace {

float adam_alpha(float learning_rate, float beta_1, float beta_2, int64_t step) {
  const double t = static_cast<double>(step);
  return static_cast<float>(learning_rate * std::sqrt(1 - std::pow(static_cast<double>(beta_2), t)) /
                            (1 - std::pow(static_cast<double>(beta_1), t)));
}

void check_fraction(const char* name, float value) {
  check(value >= 0.0f && value < 1.0f, "[optimizer] expected ", name, " in [0, 1). Received: ", value);
}

}  // namespace

Optimizer::Optimizer(int64_t size) : size_(size) {
  check(size > 0, "[optimizer] expected a positive number of parameters. Received: ", size);
}

Sgd::Sgd(int64_t size, float momentum, bool nesterov) : Optimizer(size), momentum_(momentum), nesterov_(nesterov) {
  check_fraction("momentum", momentum);
  if (momentum > 0.0f) velocity_.resize(static_cast<size_t>(size));
}

void Sgd::update(int64_t offset, int64_t size, float* params, const float* grads) {
  kernels().sgd({params, grads, velocity_.empty() ? nullptr : velocity_.data() + offset, size, learning_rate, momentum_,
                 nesterov_});
}

std::map<std::string, std::vector<float>*> Sgd::state() {
  if (velocity_.empty()) return {};
  return {{"velocity", &velocity_}};
}

Adam::Adam(int64_t size, float beta_1, float beta_2, float epsilon, float weight_decay)
    : Optimizer(size),
      beta_1_(beta_1),
      beta_2_(beta_2),
      epsilon_(epsilon),
      weight_decay_(weight_decay),
      m_(static_cast<size_t>(size)),
      v_(static_cast<size_t>(size)) {
  learning_rate = 0.001f;
  check_fraction("beta_1", beta_1);
  check_fraction("beta_2", beta_2);
  check(epsilon > 0.0f, "[optimizer] expected epsilon > 0. Received: ", epsilon);
  check(weight_decay >= 0.0f, "[optimizer] expected weight_decay >= 0. Received: ", weight_decay);
}

void Adam::begin_step() {
  Optimizer::begin_step();
  alpha_ = adam_alpha(learning_rate, beta_1_, beta_2_, step);
}

void Adam::update(int64_t offset, int64_t size, float* params, const float* grads) {
  kernels().adam({params, grads, m_.data() + offset, v_.data() + offset, size, beta_1_, beta_2_, epsilon_, alpha_,
                  learning_rate * weight_decay_});
}

std::map<std::string, std::vector<float>*> Adam::state() { return {{"m", &m_}, {"v", &v_}}; }

void sgd_update(int64_t size, float* params, const float* grads, float* velocity, float learning_rate, float momentum,
                bool nesterov) {
  check_fraction("momentum", momentum);
  kernels().sgd({params, grads, velocity, size, learning_rate, momentum, nesterov});
}

void adam_update(int64_t size, float* params, const float* grads, float* m, float* v, int64_t step, float learning_rate,
                 float beta_1, float beta_2, float epsilon, float weight_decay) {
  check(step >= 1, "[adam] expected step >= 1. Received: ", step);
  check_fraction("beta_1", beta_1);
  check_fraction("beta_2", beta_2);
  kernels().adam({params, grads, m, v, size, beta_1, beta_2, epsilon, adam_alpha(learning_rate, beta_1, beta_2, step),
                  learning_rate * weight_decay});
}

}  // namespace cnncore
