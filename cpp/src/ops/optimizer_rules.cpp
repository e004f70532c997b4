// The update rules that change each parameter by itself.
#include <algorithm>
#include <cmath>

#include "cnncore/optimizer_rules.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"

namespace cnncore {
namespace {

float adam_alpha(float learning_rate, double beta_1, double beta_2, int64_t update) {
  const double t = static_cast<double>(update);
  return static_cast<float>(learning_rate * std::sqrt(1 - std::pow(beta_2, t)) / (1 - std::pow(beta_1, t)));
}

void check_fraction(const char* name, double value) {
  check(value >= 0 && value < 1, "[optimizer] expected ", name, " in [0, 1). Received: ", value);
}

void check_momentum(double value) {
  check(value >= 0 && value <= 1, "[optimizer] expected momentum in [0, 1]. Received: ", value);
}

void check_not_negative(const char* name, double value) {
  check(value >= 0 && std::isfinite(value), "[optimizer] expected ", name, " >= 0. Received: ", value);
}

float rest(double beta) { return static_cast<float>(1.0 - beta); }

const OptimizerKernels& rules() { return kernels().optimizer; }

}  // namespace

Sgd::Sgd(int64_t size, float momentum, bool nesterov) : Optimizer(size), momentum_(momentum), nesterov_(nesterov) {
  check_momentum(momentum);
  if (momentum > 0.0f) velocity_ = add_state("velocity");
}

bool Sgd::update(int64_t offset, int64_t size, float* params, const float* grads) {
  return rules().sgd({.params = params,
                      .grads = grads,
                      .velocity = velocity_ ? velocity_ + offset : nullptr,
                      .size = size,
                      .learning_rate = learning_rate,
                      .momentum = momentum_,
                      .nesterov = nesterov_});
}

Adam::Adam(int64_t size, double beta_1, double beta_2, float epsilon, bool amsgrad)
    : Optimizer(size), beta_1_(beta_1), beta_2_(beta_2), epsilon_(epsilon), m_(add_state("m")), v_(add_state("v")) {
  learning_rate = 0.001f;
  check_fraction("beta_1", beta_1);
  check_fraction("beta_2", beta_2);
  check_not_negative("epsilon", epsilon);
  if (amsgrad) largest_ = add_state("largest_v");
}

void Adam::begin_step(int64_t update) { alpha_ = adam_alpha(learning_rate, beta_1_, beta_2_, update); }

bool Adam::update(int64_t offset, int64_t size, float* params, const float* grads) {
  return rules().adam({.params = params,
                       .grads = grads,
                       .m = m_ + offset,
                       .v = v_ + offset,
                       .largest = largest_ ? largest_ + offset : nullptr,
                       .size = size,
                       .beta_1 = static_cast<float>(beta_1_),
                       .rest_1 = rest(beta_1_),
                       .beta_2 = static_cast<float>(beta_2_),
                       .rest_2 = rest(beta_2_),
                       .epsilon = epsilon_,
                       .alpha = alpha_});
}

Nadam::Nadam(int64_t size, double beta_1, double beta_2, float epsilon)
    : Optimizer(size), beta_1_(beta_1), beta_2_(beta_2), epsilon_(epsilon), m_(add_state("m")), v_(add_state("v")) {
  learning_rate = 0.001f;
  check_fraction("beta_1", beta_1);
  check_fraction("beta_2", beta_2);
  check_not_negative("epsilon", epsilon);
}

double Nadam::momentum(int64_t update) const {
  return beta_1_ * (1.0 - 0.5 * std::pow(0.96, static_cast<double>(update)));
}

void Nadam::begin_step(int64_t update) {
  if (product_updates_ >= update)
    product_ = 1.0, product_updates_ = 0;  // the caller has set `step` to a smaller number
  while (product_updates_ < update) product_ *= momentum(++product_updates_);
  const double rate = learning_rate, next = momentum(update + 1);
  from_m_ = static_cast<float>(rate * next / (1.0 - product_ * next));
  from_g_ = static_cast<float>(rate * (1.0 - momentum(update)) / (1.0 - product_));
  unbias_ = static_cast<float>(1.0 / (1.0 - std::pow(beta_2_, static_cast<double>(update))));
}

bool Nadam::update(int64_t offset, int64_t size, float* params, const float* grads) {
  return rules().nadam({.params = params,
                        .grads = grads,
                        .m = m_ + offset,
                        .v = v_ + offset,
                        .size = size,
                        .beta_1 = static_cast<float>(beta_1_),
                        .rest_1 = rest(beta_1_),
                        .beta_2 = static_cast<float>(beta_2_),
                        .rest_2 = rest(beta_2_),
                        .epsilon = epsilon_,
                        .from_m = from_m_,
                        .from_g = from_g_,
                        .unbias = unbias_});
}

Adamax::Adamax(int64_t size, double beta_1, double beta_2, float epsilon)
    : Optimizer(size), beta_1_(beta_1), beta_2_(beta_2), epsilon_(epsilon), m_(add_state("m")), u_(add_state("u")) {
  learning_rate = 0.001f;
  check_fraction("beta_1", beta_1);
  check_fraction("beta_2", beta_2);
  check_not_negative("epsilon", epsilon);
}

void Adamax::begin_step(int64_t update) {
  alpha_ = static_cast<float>(learning_rate / (1.0 - std::pow(beta_1_, static_cast<double>(update))));
}

bool Adamax::update(int64_t offset, int64_t size, float* params, const float* grads) {
  return rules().adamax({.params = params,
                         .grads = grads,
                         .m = m_ + offset,
                         .u = u_ + offset,
                         .size = size,
                         .beta_1 = static_cast<float>(beta_1_),
                         .rest_1 = rest(beta_1_),
                         .beta_2 = static_cast<float>(beta_2_),
                         .epsilon = epsilon_,
                         .alpha = alpha_});
}

Rmsprop::Rmsprop(int64_t size, double rho, float momentum, float epsilon, bool centered)
    : Optimizer(size), rho_(rho), decay_(momentum), epsilon_(epsilon), velocity_(add_state("velocity")) {
  learning_rate = 0.001f;
  check_fraction("rho", rho);
  check_momentum(momentum);
  check_not_negative("epsilon", epsilon);
  if (momentum > 0.0f) momentum_ = add_state("momentum");
  if (centered) average_gradient_ = add_state("average_gradient");
}

bool Rmsprop::update(int64_t offset, int64_t size, float* params, const float* grads) {
  return rules().rmsprop({.params = params,
                          .grads = grads,
                          .velocity = velocity_ + offset,
                          .momentum = momentum_ ? momentum_ + offset : nullptr,
                          .average = average_gradient_ ? average_gradient_ + offset : nullptr,
                          .size = size,
                          .learning_rate = learning_rate,
                          .rho = static_cast<float>(rho_),
                          .rest = rest(rho_),
                          .decay = decay_,
                          .epsilon = epsilon_});
}

Adagrad::Adagrad(int64_t size, float initial_accumulator_value, float epsilon)
    : Optimizer(size), epsilon_(epsilon), accumulator_(add_state("accumulator", initial_accumulator_value)) {
  learning_rate = 0.001f;
  check_not_negative("initial_accumulator_value", initial_accumulator_value);
  check_not_negative("epsilon", epsilon);
}

bool Adagrad::update(int64_t offset, int64_t size, float* params, const float* grads) {
  return rules().adagrad({params, grads, accumulator_ + offset, size, learning_rate, epsilon_});
}

Adadelta::Adadelta(int64_t size, double rho, float epsilon)
    : Optimizer(size),
      rho_(rho),
      epsilon_(epsilon),
      accumulated_grad_(add_state("accumulated_grad")),
      accumulated_delta_var_(add_state("accumulated_delta_var")) {
  learning_rate = 0.001f;
  check_fraction("rho", rho);
  check_not_negative("epsilon", epsilon);
}

bool Adadelta::update(int64_t offset, int64_t size, float* params, const float* grads) {
  return rules().adadelta({.params = params,
                           .grads = grads,
                           .squares = accumulated_grad_ + offset,
                           .moves = accumulated_delta_var_ + offset,
                           .size = size,
                           .learning_rate = learning_rate,
                           .rho = static_cast<float>(rho_),
                           .rest = rest(rho_),
                           .epsilon = epsilon_});
}

Lion::Lion(int64_t size, double beta_1, double beta_2)
    : Optimizer(size), beta_1_(beta_1), beta_2_(beta_2), m_(add_state("m")) {
  learning_rate = 0.001f;
  check(beta_1 > 0 && beta_1 <= 1, "[optimizer] expected beta_1 in (0, 1]. Received: ", beta_1);
  check_fraction("beta_2", beta_2);
}

bool Lion::update(int64_t offset, int64_t size, float* params, const float* grads) {
  return rules().lion({.params = params,
                       .grads = grads,
                       .m = m_ + offset,
                       .size = size,
                       .learning_rate = learning_rate,
                       .beta_1 = static_cast<float>(beta_1_),
                       .rest_1 = rest(beta_1_),
                       .beta_2 = static_cast<float>(beta_2_),
                       .rest_2 = rest(beta_2_)});
}

Ftrl::Ftrl(int64_t size, const FtrlParams& params)
    : Optimizer(size),
      params_(params),
      accumulator_(add_state("accumulator", params.initial_accumulator_value)),
      linear_(add_state("linear")) {
  learning_rate = 0.001f;
  check(params.learning_rate_power <= 0,
        "[optimizer] expected learning_rate_power <= 0. Received: ", params.learning_rate_power);
  check_not_negative("initial_accumulator_value", params.initial_accumulator_value);
  check_not_negative("l1_regularization_strength", params.l1);
  check_not_negative("l2_regularization_strength", params.l2);
  check_not_negative("l2_shrinkage_regularization_strength", params.l2_shrinkage);
}

// This is plain C++ and not a kernel: Ftrl is rarely used, and its powers would need a logarithm of vectors.
bool Ftrl::update(int64_t offset, int64_t size, float* params, const float* grads) {
  const double rate = learning_rate, exponent = -params_.learning_rate_power;
  const double l2 = params_.l2 + params_.beta / (2.0 * rate), l1 = params_.l1;
  const auto power = [&](double x) { return exponent == 0.5 ? std::sqrt(x) : std::pow(x, exponent); };
  bool finite = true;
  for (int64_t i = 0; i < size; ++i) {
    const double g = grads[i], p = params[i];
    float &sum = accumulator_[offset + i], &linear = linear_[offset + i];
    const double new_sum = sum + g * g;
    const double next = linear + g + 2.0 * params_.l2_shrinkage * p - (power(new_sum) - power(sum)) / rate * p;
    params[i] = static_cast<float>((std::clamp(next, -l1, l1) - next) / (power(new_sum) / rate + 2.0 * l2));
    sum = static_cast<float>(new_sum);
    linear = static_cast<float>(next);
    finite = finite && std::isfinite(params[i]) && std::isfinite(sum);
  }
  return finite;
}

void sgd_update(int64_t size, float* params, const float* grads, float* velocity, float learning_rate, float momentum,
                bool nesterov) {
  check_momentum(momentum);
  rules().sgd({.params = params,
               .grads = grads,
               .velocity = velocity,
               .size = size,
               .learning_rate = learning_rate,
               .momentum = momentum,
               .nesterov = nesterov});
}

void adam_update(const AdamUpdate& u, const AdamVectors& of) {
  check(u.step >= 1, "[adam] expected step >= 1. Received: ", u.step);
  check_fraction("beta_1", u.beta_1);
  check_fraction("beta_2", u.beta_2);
  const float kept = static_cast<float>(1.0 - u.learning_rate * u.weight_decay);
  if (kept != 1.0f) kernels().rescale_f32(of.params, of.params, of.size, kept, 0.0f);
  rules().adam({.params = of.params,
                .grads = of.grads,
                .m = of.m,
                .v = of.v,
                .largest = nullptr,
                .size = of.size,
                .beta_1 = static_cast<float>(u.beta_1),
                .rest_1 = rest(u.beta_1),
                .beta_2 = static_cast<float>(u.beta_2),
                .rest_2 = rest(u.beta_2),
                .epsilon = u.epsilon,
                .alpha = adam_alpha(u.learning_rate, u.beta_1, u.beta_2, u.step)});
}

}  // namespace cnncore
