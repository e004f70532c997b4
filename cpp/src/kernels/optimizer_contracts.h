// What the kernels of the optimizers compute. Each makes one pass over its arrays, and reads and writes every float
// once. In the formulas, which hold for each element, g is the gradient and p the parameter; the other names are those
// of the fields of the Args. A decay `beta` has a `rest`, which is 1 - beta, computed in double and then rounded.
#pragma once
#include <cstdint>

namespace cnncore {

/// velocity = momentum velocity - learning_rate g;   p += velocity. With `nesterov` the second formula is
/// p += momentum velocity - learning_rate g instead. If velocity is null, p -= learning_rate g.
struct SgdArgs {
  float* params;
  const float* grads;
  float* velocity;  // may be null
  int64_t size;
  float learning_rate, momentum;
  bool nesterov;
};

/// m = beta_1 m + rest_1 g;   v = beta_2 v + rest_2 g^2;   p -= alpha m / (sqrt(v) + epsilon). If `largest` is not null
/// (amsgrad), largest = max(largest, v) takes the place of v under the root.
struct AdamArgs {
  float* params;
  const float* grads;
  float* m;
  float* v;
  float* largest;  // may be null
  int64_t size;
  float beta_1, rest_1, beta_2, rest_2, epsilon;
  float alpha;  // learning_rate * sqrt(1 - beta_2^t) / (1 - beta_1^t)
};

/// m and v are those of Adam;   p -= (from_m m + from_g g) / (sqrt(unbias v) + epsilon)
struct NadamArgs {
  float* params;
  const float* grads;
  float* m;
  float* v;
  int64_t size;
  float beta_1, rest_1, beta_2, rest_2, epsilon;
  float from_m, from_g, unbias;
};

/// m is that of Adam;   u = max(beta_2 u, |g|);   p -= alpha m / (u + epsilon)
struct AdamaxArgs {
  float* params;
  const float* grads;
  float* m;
  float* u;
  int64_t size;
  float beta_1, rest_1, beta_2, epsilon;
  float alpha;  // learning_rate / (1 - beta_1^t)
};

/// velocity = rho velocity + rest g^2;   average = rho average + rest g, which counts as zero if its array is null;
/// step = learning_rate g / sqrt(velocity - average^2 + epsilon);   p -= step. If the array momentum is not null,
/// momentum = decay momentum + step, and then p -= momentum instead.
struct RmspropArgs {
  float* params;
  const float* grads;
  float* velocity;
  float* momentum;  // may be null
  float* average;   // may be null
  int64_t size;
  float learning_rate, rho, rest, decay, epsilon;
};

/// accumulator += g^2;   p -= learning_rate g / sqrt(accumulator + epsilon)
struct AdagradArgs {
  float* params;
  const float* grads;
  float* accumulator;
  int64_t size;
  float learning_rate, epsilon;
};

/// squares = rho squares + rest g^2;   move = g sqrt((moves + epsilon) / (squares + epsilon));
/// moves = rho moves + rest move^2;   p -= learning_rate move
struct AdadeltaArgs {
  float* params;
  const float* grads;
  float* squares;
  float* moves;
  int64_t size;
  float learning_rate, rho, rest, epsilon;
};

/// p -= learning_rate sign(beta_1 m + rest_1 g);   m = beta_2 m + rest_2 g
struct LionArgs {
  float* params;
  const float* grads;
  float* m;
  int64_t size;
  float learning_rate, beta_1, rest_1, beta_2, rest_2;
};

struct OptimizerKernels {
  /// Each returns whether all parameters and second moments that it wrote are finite.
  bool (*sgd)(const SgdArgs&);
  bool (*adam)(const AdamArgs&);
  bool (*nadam)(const NadamArgs&);
  bool (*adamax)(const AdamaxArgs&);
  bool (*rmsprop)(const RmspropArgs&);
  bool (*adagrad)(const AdagradArgs&);
  bool (*adadelta)(const AdadeltaArgs&);
  bool (*lion)(const LionArgs&);

  /// y = min(max(scale x, -limit), limit). x and y may be the same array.
  void (*clip)(const float* x, float* y, int64_t size, float scale, float limit);
  /// y = keep y + rest x
  void (*blend)(const float* x, float* y, int64_t size, float keep, float rest);
  /// The sum of x^2, which is infinite if it is too large for a float.
  float (*sum_squares)(const float* x, int64_t size);
};

}  // namespace cnncore
