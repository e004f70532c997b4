// Optimizers: one pass over flat vectors that reads and writes each float once.

// Kingma and Ba, "Adam" (2015), with the bias corrections folded into alpha; Loshchilov and Hutter's decoupled decay
// (2019).
void adam(const AdamArgs& a) {
  const Vec beta_1 = set1(a.beta_1), beta_2 = set1(a.beta_2), epsilon = set1(a.epsilon);
  const Vec rest_1 = set1(1.0f - a.beta_1), rest_2 = set1(1.0f - a.beta_2);
  const Vec alpha = set1(-a.alpha), keep = set1(1.0f - a.decay);
  for_vectors(a.size, [&](int64_t i, int lanes) {
    const Vec g = read_lanes(a.grads + i, lanes);
    const Vec m = fmadd(beta_1, read_lanes(a.m + i, lanes), mul(rest_1, g));
    const Vec v = fmadd(beta_2, read_lanes(a.v + i, lanes), mul(rest_2, mul(g, g)));
    const Vec p = mul(keep, read_lanes(a.params + i, lanes));
    write_lanes(a.m + i, m, lanes);
    write_lanes(a.v + i, v, lanes);
    write_lanes(a.params + i, fmadd(alpha, div(m, add(sqrt(v), epsilon)), p), lanes);
  });
}

// Keras' form: velocity = momentum * velocity - rate * g; the step is the velocity, or one more of it ahead (Nesterov).
void sgd(const SgdArgs& a) {
  const Vec rate = set1(-a.learning_rate), momentum = set1(a.momentum);
  for_vectors(a.size, [&](int64_t i, int lanes) {
    const Vec step = mul(rate, read_lanes(a.grads + i, lanes));
    Vec move = step;
    if (a.velocity) {
      const Vec velocity = fmadd(momentum, read_lanes(a.velocity + i, lanes), step);
      write_lanes(a.velocity + i, velocity, lanes);
      move = a.nesterov ? fmadd(momentum, velocity, step) : velocity;
    }
    write_lanes(a.params + i, add(read_lanes(a.params + i, lanes), move), lanes);
  });
}
