// Computes the outputs and the loss of a network in double, one op after the other, following their definitions.
#pragma once

#include <span>

#include "networks.h"

namespace testing {

class ReferenceNetwork {
 public:
  using Values = std::vector<double>;

  ReferenceNetwork(const Model& model, const ChainNetwork& network) : model_(model), slots_(network.slots()) {
    model.build(chain_);
  }

  Values forward(const Values& params, const std::vector<float>& x, int64_t batch) const {
    Values values(x.begin(), x.end());
    for (const Chain::Node& node : chain_.nodes)
      values = std::visit([&](const auto& op) { return run(op, node, params, values, batch); }, node.op);
    return values;
  }

  /// Returns the mean over the batch of Keras' loss of `outputs`.
  double loss(const Values& outputs, const Data& data) const {
    const size_t count = static_cast<size_t>(data.outputs);
    double sum = 0;
    for (size_t n = 0; n < static_cast<size_t>(data.samples); ++n) {
      const std::span<const double> y(outputs.data() + n * count, count);
      const float* target = data.targets.data() + n * count;
      for (size_t o = 0; o < count; ++o) {
        const bool sparse = model_.loss == cnncore::LossKind::sparse_categorical_crossentropy;
        const double t = sparse ? data.labels[n] == static_cast<int64_t>(o) : target[o];
        if (model_.loss == cnncore::LossKind::mean_squared_error)
          sum += (y[o] - t) * (y[o] - t) / static_cast<double>(count);
        else
          sum -= t * log_probability(y, o);
      }
    }
    return sum / static_cast<double>(data.samples);
  }

 private:
  double log_probability(std::span<const double> y, size_t o) const {
    double sum = 0;
    for (const double value : y) sum += model_.from_logits ? std::exp(value) : value;
    return model_.from_logits ? y[o] - std::log(sum) : std::log(y[o] / sum);
  }
  const double* weights(const Values& params, const std::string& name) const {
    for (const cnncore::ParameterSlot& slot : slots_)
      if (slot.name == name) return params.data() + slot.offset;
    return nullptr;
  }
  static Values activated(cnncore::Activation kind, Values v, int64_t cols) {
    using enum cnncore::Activation;
    for (double& x : v)
      x = kind == relu ? std::max(0.0, x) : kind == sigmoid ? 1 / (1 + std::exp(-x)) : kind == tanh ? std::tanh(x) : x;
    if (kind != softmax) return v;
    for (size_t row = 0; row < v.size(); row += static_cast<size_t>(cols)) {
      const std::span<double> y(v.data() + row, static_cast<size_t>(cols));
      double sum = 0;
      for (double& x : y) sum += x = std::exp(x);
      for (double& x : y) x /= sum;
    }
    return v;
  }

  Values run(const Chain::Conv2d& op, const Chain::Node& node, const Values& params, const Values& x,
             int64_t batch) const {
    const double* kernel = weights(params, node.name + "/kernel");
    const double* bias = weights(params, node.name + "/bias");
    Values y(static_cast<size_t>(batch * cnncore::element_count(node.output)));
    for (size_t i = 0; bias && i < y.size(); ++i) y[i] = bias[i % static_cast<size_t>(op.params.filters)];
    for_products(op.params, batch, [&](int64_t from, int64_t k, int64_t to) {
      y[static_cast<size_t>(to)] += x[static_cast<size_t>(from)] * kernel[k];
    });
    return activated(op.activation, std::move(y), op.params.filters);
  }
  Values run(const Chain::Dense& op, const Chain::Node& node, const Values& params, const Values& x,
             int64_t batch) const {
    Chain::Conv2d as_conv{conv(op.units, 1), op.use_bias, op.activation};
    as_conv.params.in_height = as_conv.params.in_width = 1, as_conv.params.in_channels = op.features;
    return run(as_conv, node, params, x, batch);
  }
  Values run(const Chain::MaxPool2d& op, const Chain::Node& node, const Values&, const Values& x, int64_t batch) const {
    Values y(static_cast<size_t>(batch * cnncore::element_count(node.output)));
    for_windows(op.params, batch, [&](int64_t at, const std::vector<int64_t>& inside) {
      double most = x[static_cast<size_t>(inside.front())];
      for (const int64_t i : inside) most = std::max(most, x[static_cast<size_t>(i)]);
      y[static_cast<size_t>(at)] = most;
    });
    return y;
  }
  Values run(const Chain::AvgPool2d& op, const Chain::Node& node, const Values&, const Values& x, int64_t batch) const {
    Values y(static_cast<size_t>(batch * cnncore::element_count(node.output)));
    for_windows(op.params, batch, [&](int64_t at, const std::vector<int64_t>& inside) {
      for (const int64_t i : inside)
        y[static_cast<size_t>(at)] += x[static_cast<size_t>(i)] / static_cast<double>(inside.size());
    });
    return y;
  }
  Values run(const Chain::Activate& op, const Chain::Node& node, const Values&, const Values& x, int64_t) const {
    return activated(op.kind, x, node.output.back());
  }
  Values run(const Chain::Rescaling& op, const Chain::Node&, const Values&, Values x, int64_t) const {
    for (double& value : x) value = value * op.scale + op.offset;
    return x;
  }
  Values run(const Chain::Nothing&, const Chain::Node&, const Values&, const Values& x, int64_t) const { return x; }

  const Model& model_;
  std::vector<cnncore::ParameterSlot> slots_;
  Chain chain_;
};

}  // namespace testing
