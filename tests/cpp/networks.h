// Small networks that together take every path of the planner, with data and random weights for them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "arrays.h"
#include "cnncore/cnncore.h"
#include "reference.h"

namespace testing {

inline cnncore::Conv2dParams conv(int64_t filters, int64_t kernel, int64_t stride = 1, cnncore::Padding padding = {},
                                  int64_t groups = 1, int64_t dilation = 1) {
  cnncore::Conv2dParams p;
  p.filters = filters, p.kernel_height = p.kernel_width = kernel, p.stride_height = p.stride_width = stride;
  p.padding = padding, p.groups = groups, p.dilation_height = p.dilation_width = dilation;
  return p;
}

inline cnncore::Pool2dParams window(int64_t size, int64_t stride, cnncore::Padding padding = {}) {
  cnncore::Pool2dParams p;
  p.pool_height = p.pool_width = size, p.stride_height = p.stride_width = stride, p.padding = padding;
  return p;
}

/// A graph that is a chain of ops, and a list of these ops, from which a reference can compute the same network.
class Chain {
 public:
  struct Rescaling {
    float scale, offset;
  };
  struct Conv2d {
    cnncore::Conv2dParams params;
    bool use_bias;
    cnncore::Activation activation;
  };
  struct MaxPool2d {
    cnncore::Pool2dParams params;
  };
  struct AvgPool2d {
    cnncore::Pool2dParams params;
  };
  struct Dense {
    int64_t features, units;
    bool use_bias;
    cnncore::Activation activation;
  };
  struct Activate {
    cnncore::Activation kind;
  };
  struct Nothing {};  // flatten, and dropout in inference
  using Op = std::variant<Rescaling, Conv2d, MaxPool2d, AvgPool2d, Dense, Activate, Nothing>;
  struct Node {
    std::string name;
    Op op;
    cnncore::Shape output;
  };

  cnncore::Graph graph;
  std::vector<Node> nodes;

  const cnncore::Shape& shape(int tensor) const { return graph.shape(tensor); }
  int input(const cnncore::Shape& sample) { return graph.input(sample); }
  int rescaling(int x, float scale, float offset, const std::string& name) {
    return note(name, Rescaling{scale, offset},
                graph.add("rescaling", {x}, name, {{"scale", scale}, {"offset", offset}}));
  }
  int conv2d(int x, cnncore::Conv2dParams p, bool use_bias, cnncore::Activation activation, const std::string& name) {
    const int y = graph.add("conv2d", {x}, name,
                            {{"filters", p.filters},
                             {"kernel_size", {p.kernel_height, p.kernel_width}},
                             {"strides", {p.stride_height, p.stride_width}},
                             {"dilation_rate", {p.dilation_height, p.dilation_width}},
                             {"padding", {p.padding.top, p.padding.bottom, p.padding.left, p.padding.right}},
                             {"groups", p.groups},
                             {"use_bias", use_bias},
                             {"activation", to_string(activation)}});
    const cnncore::Shape& in = shape(x);
    p.in_height = in[0], p.in_width = in[1], p.in_channels = in[2];
    return note(name, Conv2d{p, use_bias, activation}, y);
  }
  int max_pool2d(int x, cnncore::Pool2dParams p, const std::string& name) {
    return note(name, MaxPool2d{sized(p, x)}, graph.add("max_pool2d", {x}, name, attributes(p)));
  }
  int avg_pool2d(int x, cnncore::Pool2dParams p, const std::string& name) {
    return note(name, AvgPool2d{sized(p, x)}, graph.add("avg_pool2d", {x}, name, attributes(p)));
  }
  int flatten(int x, const std::string& name) {
    return note(name, Nothing{}, graph.add("reshape", {x}, name, {{"shape", {cnncore::element_count(shape(x))}}}));
  }
  int dense(int x, int64_t units, bool use_bias, cnncore::Activation activation, const std::string& name) {
    const int y = graph.add("dense", {x}, name,
                            {{"units", units}, {"use_bias", use_bias}, {"activation", to_string(activation)}});
    return note(name, Dense{shape(x)[0], units, use_bias, activation}, y);
  }
  int activation(int x, cnncore::Activation kind, const std::string& name) {
    return note(name, Activate{kind}, graph.add("activation", {x}, name, {{"kind", to_string(kind)}}));
  }
  int dropout(int x, float rate, int64_t seed, const std::string& name) {
    return note(name, Nothing{}, graph.add("dropout", {x}, name, {{"rate", rate}, {"seed", seed}}));
  }

 private:
  static cnncore::Attributes attributes(const cnncore::Pool2dParams& p) {
    return {{"pool_size", {p.pool_height, p.pool_width}},
            {"strides", {p.stride_height, p.stride_width}},
            {"padding", {p.padding.top, p.padding.bottom, p.padding.left, p.padding.right}}};
  }
  cnncore::Pool2dParams sized(cnncore::Pool2dParams p, int x) const {
    const cnncore::Shape& in = shape(x);
    if (in.size() == 3) p.in_height = in[0], p.in_width = in[1], p.channels = in[2];
    return p;
  }
  int note(const std::string& name, Op op, int y) {
    nodes.push_back({name, std::move(op), graph.shape(y)});
    return y;
  }
};

/// A batch for a network with one input and one output.
struct Batch {
  cnncore::Images x;
  cnncore::Targets y;
  const int64_t* indices = nullptr;
  int64_t size = 0;
  const float* sample_weight = nullptr;
};

/// A network with one input and one output, whose parameters are one vector that tests may write to.
class ChainNetwork {
 public:
  ChainNetwork(cnncore::Graph graph, int output)
      : network(std::move(graph), {output}), flat_(static_cast<size_t>(network.parameter_count())) {
    for (const cnncore::ParameterSlot& slot : network.slots()) {
      slots_.push_back(slot);
      slots_.back().name = slot.layer + "/" + slot.name;
    }
    batch_.x.resize(1), batch_.y.resize(1), batch_.outputs.resize(1);
  }

  cnncore::Network network;
  const cnncore::Shape& input_shape() const { return network.input_shape(); }
  const cnncore::Shape& output_shape() const { return network.output_shape(); }
  const std::vector<cnncore::ParameterSlot>& slots() const { return slots_; }
  int64_t parameter_count() const { return network.parameter_count(); }
  float* gradients() { return network.gradients(); }
  /// The parameters, to be written to; the network uses what was written from the next call on.
  float* parameters() {
    read();
    written_ = true;
    return flat_.data();
  }

  /// A copy of the parameters.
  std::vector<float> values() {
    write();
    std::vector<float> flat(flat_.size());
    network.get_parameters(flat.data());
    return flat;
  }

  void forward(const cnncore::Images& x, float* y) {
    write();
    network.forward(x, y);
  }
  /// Returns the loss, or NaN if the loss or a gradient is not finite.
  double train_step(const Batch& batch, const cnncore::LossSpec& loss, cnncore::Optimizer* optimizer, float* outputs) {
    write();
    take(batch, loss, outputs);
    const cnncore::StepResult result = network.train_step(batch_, optimizer);
    stale_ = true;
    return result.finite ? result.total : std::nan("");
  }
  void curvature_product(cnncore::CurvatureKind kind, const Batch& batch, const cnncore::LossSpec& loss,
                         const float* direction, float* product) {
    write();
    take(batch, loss, nullptr);
    network.curvature_product(kind, batch_, direction, product);
  }
  std::string describe() const { return network.describe(); }

 private:
  void take(const Batch& batch, const cnncore::LossSpec& loss, float* outputs) {
    batch_.x[0] = batch.x;
    batch_.y[0].loss = loss, batch_.y[0].y = batch.y, batch_.y[0].sample_weight = batch.sample_weight;
    batch_.indices = batch.indices, batch_.size = batch.size;
    batch_.outputs[0] = outputs;
  }
  void read() {
    if (stale_) network.get_parameters(flat_.data());
    stale_ = false;
  }
  void write() {
    if (written_) network.set_parameters(flat_.data());
    written_ = false;
  }
  std::vector<float> flat_;
  bool stale_ = false, written_ = false;
  std::vector<cnncore::ParameterSlot> slots_;
  cnncore::TrainBatch batch_;
};

/// A network to build, and its loss. `reductions` is the number of terms of its sums, added up over the layers, with
/// extra roundings where Winograd's algorithm may be used: float32 errors of results and gradients grow with it.
struct Model {
  std::string name;
  cnncore::LossKind loss;
  bool from_logits;
  int64_t reductions;
  std::function<int(Chain&)> build;  // returns the output
  bool rounds = false;               // training may use larger squares of Winograd's algorithm than inference

  cnncore::LossSpec spec() const { return {.kind = loss, .from_logits = from_logits}; }

  ChainNetwork network() const {
    Chain chain;
    const int output = build(chain);
    return {std::move(chain.graph), output};
  }
};

inline std::vector<Model> models() {
  using namespace cnncore;
  using enum Activation;
  constexpr LossKind kSparse = LossKind::sparse_categorical_crossentropy, kDense = LossKind::categorical_crossentropy,
                     kSquares = LossKind::mean_squared_error;
  return {
      {"one channel behind a pool (patch gradient), softmax", kSparse, false, 9 + 45 + 16 + 24,
       [](Chain& g) {
         int t = g.rescaling(g.input({11, 10, 1}), 1.0f / 255, -0.5f, "scale");
         t = g.max_pool2d(g.conv2d(t, conv(5, 3), true, relu, "a"), window(2, 2), "pool");
         t = g.conv2d(t, conv(4, 3), true, tanh, "b");
         return g.dense(g.flatten(t, "flat"), 3, true, softmax, "out");
       }},
      {"sparse gradients of weights and data behind pools, logits", kSparse, true, 27 + 12 + 72 + 12 + 20,
       [](Chain& g) {
         int t = g.conv2d(g.input({12, 13, 3}), conv(8, 3, 1, {1, 1, 1, 1}), true, relu, "a");
         t = g.max_pool2d(t, window(2, 2), "pool_a");
         t = g.max_pool2d(g.conv2d(t, conv(5, 3), true, linear, "b"), window(2, 2), "pool_b");
         return g.dense(g.flatten(t, "flat"), 4, true, linear, "out");
       }},
      {"whole vectors of channels (Winograd where it applies)", kDense, false, 144 + 12 + 288 + 12 + 32,
       [](Chain& g) {
         int t = g.conv2d(g.input({8, 9, 16}), conv(32, 3, 1, {1, 1, 1, 1}), true, relu, "a");
         t = g.activation(g.conv2d(t, conv(32, 3), false, linear, "b"), relu, "relu_b");
         t = g.max_pool2d(t, window(2, 2), "pool");
         t = g.avg_pool2d(t, window(3, 3), "mean");
         return g.activation(g.dense(g.flatten(t, "flat"), 5, true, linear, "out"), softmax, "probabilities");
       },
       true},
      {"groups, depthwise, strides, dilation, overlapping windows, squares", kSquares, false, 18 + 9 + 8 + 9 + 25 + 24,
       [](Chain& g) {
         int t = g.conv2d(g.input({13, 12, 4}), conv(6, 3, 1, {}, 2), true, sigmoid, "grouped");
         t = g.max_pool2d(t, window(2, 2), "pool");
         t = g.conv2d(t, conv(6, 3, 1, {1, 1, 1, 1}, 6), true, tanh, "depthwise");
         t = g.rescaling(t, 2.0f, 0.25f, "scale");
         t = g.conv2d(t, conv(8, 2, 1, {}, 2, 2), false, linear, "dilated");
         t = g.max_pool2d(t, window(3, 1, {1, 1, 1, 1}), "overlap");
         t = g.conv2d(t, conv(3, 2, 2), true, linear, "strided");
         t = g.avg_pool2d(t, window(2, 1, {1, 0, 0, 1}), "mean");
         return g.dense(g.flatten(t, "flat"), 2, false, tanh, "out");
       }},
      {"dense layers alone, probabilities that are no softmax", kDense, false, 19 + 23,
       [](Chain& g) {
         const int t = g.dense(g.input({19}), 23, true, relu, "hidden");
         return g.dense(t, 3, true, sigmoid, "out");
       }},
      {"pools behind depthwise convolutions and one of one channel and one filter", kSquares, false,
       9 + 4 + 9 + 4 + 6 + 6,
       [](Chain& g) {
         int t = g.max_pool2d(g.conv2d(g.input({16, 15, 6}), conv(6, 3, 1, {1, 1, 1, 1}, 6), true, relu, "depthwise"),
                              window(2, 2), "pool_a");
         t = g.conv2d(t, conv(1, 1), true, linear, "mix");
         t = g.max_pool2d(g.conv2d(t, conv(1, 3), true, relu, "single"), window(2, 2), "pool_b");
         return g.dense(g.flatten(t, "flat"), 2, true, linear, "out");
       }},
      {"a softmax over channels inside", kSquares, false, 4 + 7 + 28,
       [](Chain& g) {
         int t = g.conv2d(g.input({5, 5, 1}), conv(7, 2, 2), true, softmax, "a");
         t = g.activation(t, sigmoid, "again");
         return g.dense(g.flatten(t, "flat"), 2, true, linear, "out");
       }},
  };
}

/// A network in which every kind of layer has so much work that threads share a single image.
inline Model large_model() {
  using namespace cnncore;
  using enum Activation;
  return {"large", LossKind::sparse_categorical_crossentropy, false, 0, [](Chain& g) {
            int t = g.conv2d(g.input({35, 33, 3}), conv(32, 3), true, relu, "direct");
            t = g.conv2d(t, conv(32, 3), false, linear, "tiles");
            t = g.conv2d(t, conv(32, 5, 1, {2, 2, 2, 2}, 32), true, relu, "depthwise");
            t = g.max_pool2d(g.conv2d(t, conv(24, 3), true, relu, "pooled"), window(2, 2), "pool_a");
            t = g.conv2d(t, conv(32, 2, 1, {}, 2), true, tanh, "grouped");
            t = g.max_pool2d(g.conv2d(t, conv(32, 3), true, relu, "pooled_tiles"), window(2, 2), "pool_b");
            t = g.dense(g.flatten(t, "flat"), 301, true, relu, "hidden");
            return g.dense(t, 10, true, softmax, "out");
          }};
}

/// Samples for a network: images as bytes, the same images as floats, labels, and targets.
struct Data {
  int64_t samples, outputs;
  std::vector<uint8_t> bytes;
  std::vector<float> floats, targets;
  std::vector<int64_t> labels;

  Data(const ChainNetwork& network, int64_t count, float most, Random& random)
      : samples(count), outputs(cnncore::element_count(network.output_shape())) {
    for (int64_t i = 0; i < samples * cnncore::element_count(network.input_shape()); ++i) {
      bytes.push_back(static_cast<uint8_t>(random.integer(0, static_cast<int64_t>(most))));
      floats.push_back(bytes.back());
    }
    for (int64_t n = 0; n < samples; ++n) {
      float sum = 0;
      for (int64_t o = 0; o < outputs; ++o) sum += targets.emplace_back(random.real(0.1f, 1));
      for (int64_t o = 0; o < outputs; ++o) targets[static_cast<size_t>(n * outputs + o)] /= sum;
      labels.push_back(random.integer(0, outputs - 1));
    }
  }
  /// The same samples in reverse order.
  Data reversed() const {
    Data other = *this;
    const auto copy_rows = [this](const auto& from, auto& to) {
      const size_t rows = static_cast<size_t>(samples), width = from.size() / rows;
      for (size_t i = 0; i < from.size(); ++i) to[(rows - 1 - i / width) * width + i % width] = from[i];
    };
    copy_rows(bytes, other.bytes), copy_rows(floats, other.floats);
    copy_rows(targets, other.targets), copy_rows(labels, other.labels);
    return other;
  }
  cnncore::Images images() const { return {nullptr, floats.data(), samples}; }
  Batch batch(const Model& model) const {
    const bool sparse = model.loss == cnncore::LossKind::sparse_categorical_crossentropy;
    return {images(), {sparse ? labels.data() : nullptr, sparse ? nullptr : targets.data()}, nullptr, samples, nullptr};
  }
};

/// The largest value of the bytes: the model "one channel" scales its input, the others do not.
inline float most_of(const Model& model) { return model.name.starts_with("one channel") ? 255.0f : 2.0f; }

/// Draws random weights of a size at which the values of the layers neither vanish nor explode.
inline void randomize(ChainNetwork& network, Random& random) {
  for (const cnncore::ParameterSlot& slot : network.slots()) {
    const int64_t size = cnncore::element_count(slot.shape),
                  fan_in = slot.shape.size() == 1 ? 4 : size / slot.shape.back();
    const float reach = 1.7f / std::sqrt(static_cast<float>(fan_in));
    float* values = network.parameters() + slot.offset;
    for (int64_t i = 0; i < size; ++i) values[i] = random.real(-reach, reach);
  }
}

}  // namespace testing
