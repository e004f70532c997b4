#include "cases.h"
#include "cnncore/activation.h"
#include "cnncore/loss.h"
#include "cnncore/optimizer_rules.h"

namespace cnncore::bench {
namespace {

struct Rows {
  int64_t count, columns;
  int64_t size() const { return count * columns; }
};

// --- activations -----------------------------------------------------------------------------------------------------

double softmax_at(const float* x, int64_t columns, int64_t column) {
  double total = 0.0;
  for (int64_t j = 0; j < columns; ++j) total += std::exp(static_cast<double>(x[j]) - x[column]);
  return 1.0 / total;
}

Sum single(double value) {
  Sum sum;
  sum.add(value);
  return sum;
}

Sum activation_at(Activation kind, const Rows& rows, const float* x, int64_t i) {
  const double v = x[i];
  switch (kind) {
    case Activation::relu: return single(v > 0.0 ? v : 0.0);
    case Activation::sigmoid: return single(1.0 / (1.0 + std::exp(-v)));
    case Activation::tanh: return single(std::tanh(v));
    case Activation::softmax:
      return single(softmax_at(x + i / rows.columns * rows.columns, rows.columns, i % rows.columns));
    default: return single(v);
  }
}

// The derivatives, from the output y. Terms that nearly cancel are added one by one, so that the tolerance counts them.
Sum activation_backward_at(Activation kind, const Rows& rows, const float* y, const float* dy, int64_t i) {
  const double v = y[i];
  Sum sum;
  switch (kind) {
    case Activation::relu: sum.add(v > 0.0 ? dy[i] : 0.0); break;
    case Activation::sigmoid: sum.add(v * dy[i]), sum.add(-v * v, dy[i]); break;
    case Activation::tanh: sum.add(dy[i]), sum.add(-v * v, dy[i]); break;
    case Activation::softmax: {
      const int64_t row = i / rows.columns * rows.columns;
      sum.add(v * dy[i]);
      for (int64_t j = row; j < row + rows.columns; ++j) sum.add(-v * y[j], dy[j]);
      break;
    }
    default: sum.add(dy[i]);
  }
  return sum;
}

Case forward(Activation kind, const Rows& rows) {
  auto a = random_arrays({rows.size(), rows.size()});
  return {[=] { activation(kind, rows.count, rows.columns, (*a)[0], (*a)[1]); },
          [=] {
            return check_elements("y", (*a)[1], rows.size(),
                                  [&](int64_t i) { return activation_at(kind, rows, (*a)[0], i); });
          },
          0.0, bytes_of({rows.size(), rows.size()})};
}

Case backward(Activation kind, const Rows& rows) {
  auto a = random_arrays({rows.size(), rows.size(), rows.size()});
  return {[=] { activation_backward(kind, rows.count, rows.columns, nullptr, (*a)[0], (*a)[1], (*a)[2]); },
          [=] {
            return check_elements("dx", (*a)[2], rows.size(),
                                  [&](int64_t i) { return activation_backward_at(kind, rows, (*a)[0], (*a)[1], i); });
          },
          0.0, bytes_of({rows.size(), rows.size(), rows.size()})};
}

// --- losses (the check is of the gradient) ---------------------------------------------------------------------------

Case cross_entropy(const Rows& rows) {
  auto a = random_arrays({rows.size(), rows.size()});
  auto labels = std::make_shared<std::vector<int64_t>>(rows.count);
  for (int64_t n = 0; n < rows.count; ++n) (*labels)[n] = n % rows.columns;
  return {[=] { softmax_cross_entropy(rows.count, rows.columns, (*a)[0], {labels->data(), nullptr}, (*a)[1]); },
          [=] {
            return check_elements("dlogits", (*a)[1], rows.size(), [&](int64_t i) {
              const int64_t row = i / rows.columns, column = i % rows.columns;
              Sum sum;
              sum.add(softmax_at((*a)[0] + row * rows.columns, rows.columns, column) / rows.count);
              if (column == (*labels)[row]) sum.add(-1.0 / rows.count);
              return sum;
            });
          },
          0.0, bytes_of({rows.size(), rows.size()})};
}

Case squared_error(const Rows& rows) {
  auto a = random_arrays({rows.size(), rows.size(), rows.size()});
  return {[=] { mean_squared_error(rows.count, rows.columns, (*a)[0], (*a)[1], (*a)[2]); },
          [=] {
            return check_elements("dy_pred", (*a)[2], rows.size(), [&](int64_t i) {
              Sum sum;
              sum.add((*a)[0][i], 2.0 / rows.size());
              sum.add((*a)[1][i], -2.0 / rows.size());
              return sum;
            });
          },
          0.0, bytes_of({rows.size(), rows.size(), rows.size()})};
}

// --- optimizers ------------------------------------------------------------------------------------------------------

constexpr int64_t kParameters = 225034;  // of the usual MNIST network
constexpr float kRate = 1e-3f, kMomentum = 0.9f, kBeta1 = 0.9f, kBeta2 = 0.999f, kEpsilon = 1e-7f;

// The timed calls update the same weights again and again, so the check makes one more update, from known values.
Case sgd(bool with_velocity) {
  auto a = random_arrays({kParameters, kParameters, kParameters});
  const auto velocity = [=] { return with_velocity ? (*a)[2] : nullptr; };
  const float momentum = with_velocity ? kMomentum : 0.0f;
  const auto call = [=] { sgd_update(kParameters, (*a)[0], (*a)[1], velocity(), kRate, momentum, false); };
  return {call,
          [=] {
            const auto before = random_arrays({kParameters, kParameters, kParameters});
            for (const size_t i : {0, 2}) std::copy_n((*before)[i], kParameters, (*a)[i]);
            call();
            return check_elements("params", (*a)[0], kParameters, [&](int64_t i) {
              Sum sum;
              sum.add((*before)[0][i]);
              sum.add((*before)[1][i], -kRate);
              sum.add((*before)[2][i], momentum);
              return sum;
            });
          },
          0.0, bytes_of({kParameters * (with_velocity ? 5 : 3)})};
}

Case adam() {
  auto a = random_arrays({kParameters, kParameters, kParameters, kParameters});
  const auto reset = [=] {
    const auto start = random_arrays({kParameters});
    std::copy_n((*start)[0], kParameters, (*a)[0]);
    for (const size_t i : {2, 3}) std::fill_n((*a)[i], kParameters, 0.0f);
  };
  reset();
  const auto call = [=] {
    adam_update({.learning_rate = kRate, .beta_1 = kBeta1, .beta_2 = kBeta2, .epsilon = kEpsilon},
                {.size = kParameters, .params = (*a)[0], .grads = (*a)[1], .m = (*a)[2], .v = (*a)[3]});
  };
  return {call,
          [=] {
            reset();
            call();
            const auto before = random_arrays({kParameters});
            return check_elements(
                "params", (*a)[0], kParameters, [&](int64_t i) {  // the first step is g / (|g| + epsilon')
                  const double g = (*a)[1][i];
                  Sum sum;
                  sum.add((*before)[0][i]);
                  sum.add(-kRate * g / (std::abs(g) + kEpsilon / std::sqrt(1.0 - static_cast<double>(kBeta2))));
                  return sum;
                });
          },
          0.0, bytes_of({kParameters * 7})};
}

std::string text(const Rows& rows) { return std::to_string(rows.count) + "x" + std::to_string(rows.columns); }

}  // namespace

std::vector<NamedCase> vector_cases() {
  std::vector<NamedCase> cases;
  const Rows images{kBatch, 26 * 26 * 32}, logits{1024, 10};
  for (const Activation kind : {Activation::relu, Activation::sigmoid, Activation::tanh, Activation::softmax}) {
    const Rows rows = kind == Activation::softmax ? logits : images;
    const std::string name = to_string(kind);
    cases.push_back({name + "/forward/" + text(rows), [=] { return forward(kind, rows); }});
    cases.push_back({name + "/backward/" + text(rows), [=] { return backward(kind, rows); }});
  }
  cases.push_back({"softmax_cross_entropy/" + text(logits), [=] { return cross_entropy(logits); }});
  cases.push_back({"mean_squared_error/" + text(logits), [=] { return squared_error(logits); }});
  cases.push_back({"sgd_update/" + std::to_string(kParameters), [] { return sgd(false); }});
  cases.push_back({"sgd_update/momentum " + std::to_string(kParameters), [] { return sgd(true); }});
  cases.push_back({"adam_update/" + std::to_string(kParameters), [] { return adam(); }});
  return cases;
}

}  // namespace cnncore::bench
