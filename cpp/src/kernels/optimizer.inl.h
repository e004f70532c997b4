// The optimizers. Each is one pass over flat vectors that reads and writes each float once. The formulas are in
// optimizer_contracts.h.

// Whether all values that an optimizer wrote are finite. It sums 0 * x over them, which is zero unless an x is NaN or
// infinite.
struct Finite {
  Vec sum = zero();
  void add(Vec x, int lanes) { sum = fmadd(lanes == kWidth ? x : select(mask_first(lanes), x, zero()), zero(), sum); }
  void write(float* to, Vec x, int lanes) {
    write_lanes(to, x, lanes);
    add(x, lanes);
  }
  bool all() const { return reduce_add(sum) == 0.0f; }
};

bool sgd(const SgdArgs& a) {
  const Vec rate = set1(-a.learning_rate), momentum = set1(a.momentum);
  Finite finite;
  for_vectors(a.size, [&](int64_t i, int lanes) {
    const Vec step = mul(rate, read_lanes(a.grads + i, lanes));
    Vec move = step;
    if (a.velocity) {
      const Vec velocity = fmadd(momentum, read_lanes(a.velocity + i, lanes), step);
      write_lanes(a.velocity + i, velocity, lanes);
      move = a.nesterov ? fmadd(momentum, velocity, step) : velocity;
    }
    finite.write(a.params + i, add(read_lanes(a.params + i, lanes), move), lanes);
  });
  return finite.all();
}

// Computes mean = keep * mean + rest * x, stores it and returns it.
inline Vec update_mean(float* mean, int lanes, Vec keep, Vec rest, Vec x) {
  const Vec result = fmadd(keep, read_lanes(mean, lanes), mul(rest, x));
  write_lanes(mean, result, lanes);
  return result;
}

bool adam(const AdamArgs& a) {
  const Vec beta_1 = set1(a.beta_1), beta_2 = set1(a.beta_2), epsilon = set1(a.epsilon);
  const Vec rest_1 = set1(a.rest_1), rest_2 = set1(a.rest_2), alpha = set1(-a.alpha);
  Finite finite;
  for_vectors(a.size, [&](int64_t i, int lanes) {
    const Vec g = read_lanes(a.grads + i, lanes);
    const Vec m = update_mean(a.m + i, lanes, beta_1, rest_1, g);
    Vec v = update_mean(a.v + i, lanes, beta_2, rest_2, mul(g, g));
    finite.add(v, lanes);
    if (a.largest) {
      v = max(read_lanes(a.largest + i, lanes), v);
      write_lanes(a.largest + i, v, lanes);
    }
    const Vec p = read_lanes(a.params + i, lanes);
    finite.write(a.params + i, fmadd(alpha, div(m, add(sqrt(v), epsilon)), p), lanes);
  });
  return finite.all();
}

bool nadam(const NadamArgs& a) {
  const Vec beta_1 = set1(a.beta_1), beta_2 = set1(a.beta_2), epsilon = set1(a.epsilon);
  const Vec rest_1 = set1(a.rest_1), rest_2 = set1(a.rest_2);
  const Vec from_m = set1(a.from_m), from_g = set1(a.from_g), unbias = set1(a.unbias);
  Finite finite;
  for_vectors(a.size, [&](int64_t i, int lanes) {
    const Vec g = read_lanes(a.grads + i, lanes);
    const Vec m = update_mean(a.m + i, lanes, beta_1, rest_1, g);
    const Vec v = update_mean(a.v + i, lanes, beta_2, rest_2, mul(g, g));
    finite.add(v, lanes);
    const Vec ahead = fmadd(from_m, m, mul(from_g, g));
    const Vec step = div(ahead, add(sqrt(mul(unbias, v)), epsilon));
    finite.write(a.params + i, sub(read_lanes(a.params + i, lanes), step), lanes);
  });
  return finite.all();
}

bool adamax(const AdamaxArgs& a) {
  const Vec beta_1 = set1(a.beta_1), rest_1 = set1(a.rest_1), beta_2 = set1(a.beta_2), epsilon = set1(a.epsilon);
  const Vec alpha = set1(-a.alpha);
  Finite finite;
  for_vectors(a.size, [&](int64_t i, int lanes) {
    const Vec g = read_lanes(a.grads + i, lanes);
    const Vec m = update_mean(a.m + i, lanes, beta_1, rest_1, g);
    const Vec u = max(mul(beta_2, read_lanes(a.u + i, lanes)), max(g, sub(zero(), g)));
    finite.write(a.u + i, u, lanes);
    const Vec p = read_lanes(a.params + i, lanes);
    finite.write(a.params + i, fmadd(alpha, div(m, add(u, epsilon)), p), lanes);
  });
  return finite.all();
}

bool rmsprop(const RmspropArgs& a) {
  const Vec rate = set1(a.learning_rate), rho = set1(a.rho), rest = set1(a.rest), decay = set1(a.decay);
  const Vec epsilon = set1(a.epsilon);
  Finite finite;
  for_vectors(a.size, [&](int64_t i, int lanes) {
    const Vec g = read_lanes(a.grads + i, lanes);
    Vec variance = update_mean(a.velocity + i, lanes, rho, rest, mul(g, g));
    finite.add(variance, lanes);
    if (a.average) {
      const Vec mean = update_mean(a.average + i, lanes, rho, rest, g);
      variance = sub(variance, mul(mean, mean));
    }
    Vec step = div(mul(rate, g), sqrt(add(variance, epsilon)));
    if (a.momentum) {
      step = fmadd(decay, read_lanes(a.momentum + i, lanes), step);
      write_lanes(a.momentum + i, step, lanes);
    }
    finite.write(a.params + i, sub(read_lanes(a.params + i, lanes), step), lanes);
  });
  return finite.all();
}

bool adagrad(const AdagradArgs& a) {
  const Vec rate = set1(a.learning_rate), epsilon = set1(a.epsilon);
  Finite finite;
  for_vectors(a.size, [&](int64_t i, int lanes) {
    const Vec g = read_lanes(a.grads + i, lanes);
    const Vec sum = fmadd(g, g, read_lanes(a.accumulator + i, lanes));
    finite.write(a.accumulator + i, sum, lanes);
    const Vec step = div(mul(rate, g), sqrt(add(sum, epsilon)));
    finite.write(a.params + i, sub(read_lanes(a.params + i, lanes), step), lanes);
  });
  return finite.all();
}

bool adadelta(const AdadeltaArgs& a) {
  const Vec rate = set1(-a.learning_rate), rho = set1(a.rho), rest = set1(a.rest), epsilon = set1(a.epsilon);
  Finite finite;
  for_vectors(a.size, [&](int64_t i, int lanes) {
    const Vec g = read_lanes(a.grads + i, lanes);
    const Vec squares = update_mean(a.squares + i, lanes, rho, rest, mul(g, g));
    finite.add(squares, lanes);
    const Vec moved = sqrt(add(read_lanes(a.moves + i, lanes), epsilon));
    const Vec move = div(mul(moved, g), sqrt(add(squares, epsilon)));
    update_mean(a.moves + i, lanes, rho, rest, mul(move, move));
    finite.write(a.params + i, fmadd(rate, move, read_lanes(a.params + i, lanes)), lanes);
  });
  return finite.all();
}

bool lion(const LionArgs& a) {
  const Vec down = set1(-a.learning_rate), up = set1(a.learning_rate);
  const Vec beta_1 = set1(a.beta_1), rest_1 = set1(a.rest_1), beta_2 = set1(a.beta_2), rest_2 = set1(a.rest_2);
  Finite finite;
  for_vectors(a.size, [&](int64_t i, int lanes) {
    const Vec g = read_lanes(a.grads + i, lanes);
    const Vec direction = fmadd(beta_1, read_lanes(a.m + i, lanes), mul(rest_1, g));
    const Vec step = select(greater(direction, zero()), down, select(greater(zero(), direction), up, zero()));
    finite.add(update_mean(a.m + i, lanes, beta_2, rest_2, g), lanes);
    finite.write(a.params + i, add(read_lanes(a.params + i, lanes), step), lanes);
  });
  return finite.all();
}

void clip(const float* x, float* y, int64_t size, float scale, float limit) {
  const Vec factor = set1(scale), low = set1(-limit), high = set1(limit);
  map_vectors(x, y, size, [&](Vec v) { return min(high, max(low, mul(factor, v))); });
}

void blend(const float* x, float* y, int64_t size, float keep, float rest) {
  const Vec kept = set1(keep), taken = set1(rest);
  for_vectors(size, [&](int64_t i, int lanes) { update_mean(y + i, lanes, kept, taken, read_lanes(x + i, lanes)); });
}

float sum_squares(const float* x, int64_t size) {
  Vec sum[4] = {zero(), zero(), zero(), zero()};
  int64_t i = 0;
  for (; i + 4 * kWidth <= size; i += 4 * kWidth) {
    CNNCORE_UNROLL
    for (int v = 0; v < 4; ++v) {
      const Vec value = load(x + i + v * kWidth);
      sum[v] = fmadd(value, value, sum[v]);
    }
  }
  for_vectors(size - i, [&](int64_t j, int lanes) {
    const Vec value = lanes == kWidth ? load(x + i + j) : load_n(x + i + j, lanes);
    sum[0] = fmadd(value, value, sum[0]);
  });
  return reduce_add(add(add(sum[0], sum[1]), add(sum[2], sum[3])));
}

constexpr OptimizerKernels kOptimizerTable = {
    .sgd = sgd,
    .adam = adam,
    .nadam = nadam,
    .adamax = adamax,
    .rmsprop = rmsprop,
    .adagrad = adagrad,
    .adadelta = adadelta,
    .lion = lion,
    .clip = clip,
    .blend = blend,
    .sum_squares = sum_squares,
};
