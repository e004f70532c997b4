// Small networks that between them take every path of the planner, and what they compute, in double.
#pragma once

#include <functional>
#include <string>
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

/// A network to build, and the loss it is trained with. `reductions` is the sum of the lengths of its layers' sums,
/// with Winograd's extra roundings where that may be used: float32 errors of results and gradients grow with it.
struct Model {
  std::string name;
  cnncore::LossKind loss;
  bool from_logits;
  int64_t reductions;
  std::function<int(cnncore::Graph&)> build;  // returns the output

  cnncore::LossSpec spec() const { return {.kind = loss, .from_logits = from_logits}; }

  cnncore::Network network() const {
    cnncore::Graph graph;
    const int output = build(graph);
    return {std::move(graph), output};
  }
};

inline std::vector<Model> models() {
  using namespace cnncore;
  using enum Activation;
  constexpr LossKind kSparse = LossKind::sparse_categorical_crossentropy, kDense = LossKind::categorical_crossentropy,
                     kSquares = LossKind::mean_squared_error;
  return {
      {"one channel behind a pool (patch gradient), softmax", kSparse, false, 9 + 45 + 16 + 24,
       [](Graph& g) {
         int t = g.rescaling(g.input({11, 10, 1}), 1.0f / 255, -0.5f, "scale");
         t = g.max_pool2d(g.conv2d(t, conv(5, 3), true, relu, "a"), window(2, 2), "pool");
         t = g.conv2d(t, conv(4, 3), true, tanh, "b");
         return g.dense(g.flatten(t, "flat"), 3, true, softmax, "out");
       }},
      {"sparse gradients of weights and data behind pools, logits", kSparse, true, 27 + 12 + 72 + 12 + 20,
       [](Graph& g) {
         int t = g.conv2d(g.input({12, 13, 3}), conv(8, 3, 1, {1, 1, 1, 1}), true, relu, "a");
         t = g.max_pool2d(t, window(2, 2), "pool_a");
         t = g.max_pool2d(g.conv2d(t, conv(5, 3), true, linear, "b"), window(2, 2), "pool_b");
         return g.dense(g.flatten(t, "flat"), 4, true, linear, "out");
       }},
      {"whole vectors of channels (Winograd where it applies)", kDense, false, 144 + 12 + 288 + 12 + 32,
       [](Graph& g) {
         int t = g.conv2d(g.input({8, 9, 16}), conv(32, 3, 1, {1, 1, 1, 1}), true, relu, "a");
         t = g.activation(g.conv2d(t, conv(32, 3), false, linear, "b"), relu, "relu_b");
         t = g.max_pool2d(t, window(2, 2), "pool");
         t = g.avg_pool2d(t, window(3, 3), "mean");
         return g.activation(g.dense(g.flatten(t, "flat"), 5, true, linear, "out"), softmax, "probabilities");
       }},
      {"groups, depthwise, strides, dilation, overlapping windows, squares", kSquares, false, 18 + 9 + 8 + 9 + 25 + 24,
       [](Graph& g) {
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
       [](Graph& g) {
         const int t = g.dense(g.input({19}), 23, true, relu, "hidden");
         return g.dense(t, 3, true, sigmoid, "out");
       }},
      {"pools behind depthwise convolutions and one of one channel and one filter", kSquares, false,
       9 + 4 + 9 + 4 + 6 + 6,
       [](Graph& g) {
         int t = g.max_pool2d(g.conv2d(g.input({16, 15, 6}), conv(6, 3, 1, {1, 1, 1, 1}, 6), true, relu, "depthwise"),
                              window(2, 2), "pool_a");
         t = g.conv2d(t, conv(1, 1), true, linear, "mix");
         t = g.max_pool2d(g.conv2d(t, conv(1, 3), true, relu, "single"), window(2, 2), "pool_b");
         return g.dense(g.flatten(t, "flat"), 2, true, linear, "out");
       }},
      {"a softmax over channels inside", kSquares, false, 4 + 7 + 28,
       [](Graph& g) {
         int t = g.conv2d(g.input({5, 5, 1}), conv(7, 2, 2), true, softmax, "a");
         t = g.activation(t, sigmoid, "again");
         return g.dense(g.flatten(t, "flat"), 2, true, linear, "out");
       }},
  };
}

/// Enough work in every kind of layer for threads to share a single image.
inline Model large_model() {
  using namespace cnncore;
  using enum Activation;
  return {"large", LossKind::sparse_categorical_crossentropy, false, 0, [](Graph& g) {
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

/// Samples for a network: floats, the bytes they are equal to, labels and targets.
struct Data {
  int64_t samples, outputs;
  std::vector<uint8_t> bytes;
  std::vector<float> floats, targets;
  std::vector<int64_t> labels;

  Data(const cnncore::Network& network, int64_t count, float most, Random& random)
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
  cnncore::Images images() const { return {nullptr, floats.data(), samples}; }
  cnncore::TrainBatch batch(const Model& model) const {
    const bool sparse = model.loss == cnncore::LossKind::sparse_categorical_crossentropy;
    return {images(), {sparse ? labels.data() : nullptr, sparse ? nullptr : targets.data()}, nullptr, samples, nullptr};
  }
};

/// Values of the bytes: the first model scales them, the others take them as they are.
inline float most_of(const Model& model) { return model.name.starts_with("one channel") ? 255.0f : 2.0f; }

/// Weights drawn so that values neither vanish nor explode.
inline void randomize(cnncore::Network& network, Random& random) {
  for (const cnncore::ParameterSlot& slot : network.slots()) {
    const int64_t size = cnncore::element_count(slot.shape),
                  fan_in = slot.shape.size() == 1 ? 4 : size / slot.shape.back();
    const float reach = 1.7f / std::sqrt(static_cast<float>(fan_in));
    for (int64_t i = 0; i < size; ++i) network.parameters()[slot.offset + i] = random.real(-reach, reach);
  }
}

}  // namespace testing
