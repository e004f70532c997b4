// The loops of pointwise activations. activation_formulas.inl.h has their formulas.

inline bool is_plain_relu(const ActivationSpec& spec) {
  const bool relu = spec.kind == Activation::relu || spec.kind == Activation::leaky_relu;
  return relu && spec.alpha == 0.0f && spec.threshold == 0.0f && spec.max_value == __builtin_inff();
}

// Calls f with the struct of the activation that `spec` describes.
template <class Function>
inline void with_activation(const ActivationSpec& spec, Function f) {
  switch (spec.kind) {
    case Activation::relu:
    case Activation::leaky_relu:
    case Activation::relu6:
      if (spec.alpha != 0.0f) return f(LeakyRelu{set1(spec.alpha), set1(spec.max_value), set1(spec.threshold)});
      if (is_plain_relu(spec)) return f(Relu{});
      return f(ClippedRelu{set1(spec.max_value), set1(spec.threshold)});
    case Activation::sigmoid: return f(SigmoidFunction{});
    case Activation::tanh: return f(Tanh{});
    case Activation::elu: return f(Elu{set1(1.0f), set1(spec.alpha)});
    case Activation::selu: return f(Elu{set1(1.0507009873554805f), set1(1.0507009873554805f * 1.6732632423543772f)});
    case Activation::celu: return f(Celu{set1(spec.alpha)});
    case Activation::gelu: return f(Gelu{});
    case Activation::gelu_tanh: return f(GeluTanh{});
    case Activation::silu: return f(Silu{});
    case Activation::mish: return f(Mish{});
    case Activation::hard_sigmoid: return f(HardSigmoid{});
    case Activation::hard_silu: return f(HardSilu{});
    case Activation::softplus: return f(Softplus{});
    case Activation::softsign: return f(Softsign{});
    case Activation::exponential: return f(Exponential{});
    case Activation::log_sigmoid: return f(LogSigmoid{});
    case Activation::hard_shrink: return f(HardShrink{set1(spec.threshold)});
    case Activation::soft_shrink: return f(SoftShrink{set1(spec.threshold)});
    case Activation::tanh_shrink: return f(TanhShrink{});
    case Activation::hard_tanh: return f(HardTanh{});
    case Activation::threshold: return f(Threshold{set1(spec.threshold), set1(spec.alpha)});
    case Activation::squareplus: return f(Squareplus{set1(spec.alpha)});
    case Activation::sparse_plus: return f(SparsePlus{});
    case Activation::sparse_sigmoid: return f(SparseSigmoid{});
    case Activation::linear:
    case Activation::softmax:
    case Activation::log_softmax: return f(Linear{});
  }
}

// These loops run over whole vectors. Each exists for every activation, and takes the compiler long. So there are no
// further ones for the values that are left over: for_whole_vectors copies them into a vector.
void activation_of_vectors(const ActivationSpec& spec, const float* x, float* y, int64_t size) {
  with_activation(spec, [&](auto f) {
    for (int64_t i = 0; i < size; i += kWidth) store(y + i, f.value(load(x + i)));
  });
}

void gradient_of_vectors(const ActivationSpec& spec, const float* saved, const float* dy, float* dx, int64_t size) {
  with_activation(spec, [&](auto f) {
    for (int64_t i = 0; i < size; i += kWidth) store(dx + i, f.gradient(load(saved + i), load(dy + i)));
  });
}

void second_of_vectors(const ActivationSpec& spec, const float* saved, float* d2, int64_t size) {
  with_activation(spec, [&](auto f) {
    for (int64_t i = 0; i < size; i += kWidth) store(d2 + i, f.second(load(saved + i)));
  });
}

// Calls f(x, dy, y, size) for the whole vectors of the arrays, and for a copy of the values that are left over.
template <class Function>
inline void for_whole_vectors(const float* x, const float* dy, float* y, int64_t size, Function f) {
  const int64_t whole = size / kWidth * kWidth;
  if (whole) f(x, dy, y, whole);
  if (whole == size) return;
  const int lanes = static_cast<int>(size - whole);
  alignas(64) float values[kWidth], gradients[kWidth];
  store(values, load_n(x + whole, lanes));
  store(gradients, load_n(dy + whole, lanes));
  f(values, gradients, values, kWidth);
  store_n(y + whole, load(values), lanes);
}

void activation(const ActivationSpec& spec, const float* x, float* y, int64_t size) {
  if (spec.kind == Activation::linear && x == y) return;
  if (is_plain_relu(spec)) return map_vectors(x, y, size, [](Vec v) { return Relu{}.value(v); });
  for_whole_vectors(x, x, y, size, [&](const float* from, const float*, float* to, int64_t n) {
    activation_of_vectors(spec, from, to, n);
  });
}

void activation_backward(const ActivationSpec& spec, const float* saved, const float* dy, float* dx, int64_t size) {
  if (spec.kind == Activation::linear)
    return map_vectors(dy, dx, size, [](Vec g) { return g; });  // here `saved` may be null
  if (is_plain_relu(spec)) return map_pairs(saved, dy, dx, size, [](Vec v, Vec g) { return Relu{}.gradient(v, g); });
  for_whole_vectors(saved, dy, dx, size, [&](const float* from, const float* g, float* to, int64_t n) {
    gradient_of_vectors(spec, from, g, to, n);
  });
}

void activation_second(const ActivationSpec& spec, const float* saved, float* d2, int64_t size) {
  if (spec.kind == Activation::linear)
    return for_vectors(size, [&](int64_t i, int n) { write_lanes(d2 + i, zero(), n); });
  for_whole_vectors(saved, saved, d2, size, [&](const float* from, const float*, float* to, int64_t n) {
    second_of_vectors(spec, from, to, n);
  });
}
