// Building graphs: their shapes, the errors for wrong arguments, and the plans that are made from them.
#include "arrays.h"
#include "isas.h"
#include "networks.h"

using namespace cnncore;
using namespace testing;

TEST_CASE("graph: the model of the seed document has its shapes and parameters") {
  Chain graph;
  int t = graph.input({28, 28, 1});
  t = graph.conv2d(t, conv(32, 3), true, Activation::relu, "conv2d");
  CHECK(graph.shape(t) == Shape{26, 26, 32});
  t = graph.max_pool2d(t, window(2, 2), "max_pooling2d");
  CHECK(graph.shape(t) == Shape{13, 13, 32});
  t = graph.conv2d(t, conv(64, 3), true, Activation::relu, "conv2d_1");
  CHECK(graph.shape(t) == Shape{11, 11, 64});
  t = graph.max_pool2d(t, window(2, 2), "max_pooling2d_1");
  CHECK(graph.shape(t) == Shape{5, 5, 64});
  t = graph.flatten(t, "flatten");
  CHECK(graph.shape(t) == Shape{1600});
  t = graph.dense(t, 128, true, Activation::relu, "dense");
  t = graph.dense(t, 10, true, Activation::softmax, "dense_1");
  const ChainNetwork network(std::move(graph.graph), t);
  CHECK(network.input_shape() == Shape{28, 28, 1});
  CHECK(network.output_shape() == Shape{10});
  int64_t total = 0;
  std::vector<std::string> names;
  for (const ParameterSlot& slot : network.slots()) total += element_count(slot.shape), names.push_back(slot.name);
  CHECK(total == 225034);
  CHECK(names == std::vector<std::string>{"conv2d/kernel", "conv2d/bias", "conv2d_1/kernel", "conv2d_1/bias",
                                          "dense/kernel", "dense/bias", "dense_1/kernel", "dense_1/bias"});
  const std::string plan = network.describe();
  CHECK(plan.find("max_pool") == std::string::npos);  // fused into the convolutions
  CHECK(plan.find("pooled") != std::string::npos);
}

TEST_CASE("graph: samples of a single value") {
  Graph graph;
  const int x = graph.input({});
  const int y = graph.add("activation", {graph.add("rescaling", {x}, "r", {{"scale", 2.0}, {"offset", -1.0}})}, "a",
                          {{"kind", "relu"}});
  const int sum = graph.add("add", {x, y}, "sum");
  CHECK(graph.shape(sum).empty());
  Network network(std::move(graph), {sum});
  const std::vector<float> values = {-1.0f, 0.25f, 3.0f};
  std::vector<float> out(3);
  network.forward({.floats = values.data(), .samples = 3}, out.data());
  CHECK(out == std::vector<float>{-1.0f, 0.25f, 8.0f});
}

TEST_CASE("graph: what makes no sense is refused by name") {
  const auto refuses = [](const char* text, auto build) {
    Chain graph;
    CHECK_THROWS_WITH_AS(build(graph), text, std::invalid_argument);
  };
  refuses(
      "layer \"d\": [dense] expected samples with at least one axis. Received: a tensor with a single value for each "
      "sample",
      [](Chain& g) { g.dense(g.input({}), 2, true, Activation::relu, "d"); });
  refuses("[input] expected positive sizes. Received: (28, 0, 1)", [](Chain& g) { g.input({28, 0, 1}); });
  refuses("layer \"d\": [graph] expected a tensor id in [0, 1). Received: 5",
          [](Chain& g) { g.input({3}), g.dense(5, 2, true, Activation::relu, "d"); });
  refuses("layer \"c\": [conv2d] expected an input of shape (height, width, channels). Received: (9,)",
          [](Chain& g) { g.conv2d(g.input({9}), conv(2, 3), true, Activation::relu, "c"); });
  refuses(
      "layer \"c\": [conv2d] expected a kernel no larger than the padded input. Received: kernel 5 (dilated), input 4",
      [](Chain& g) { g.conv2d(g.input({4, 4, 1}), conv(2, 5), true, Activation::relu, "c"); });
  refuses(
      "layer \"p\": [max_pool2d] expected a kernel no larger than the padded input. Received: kernel 3 (dilated), "
      "input 2",
      [](Chain& g) { g.max_pool2d(g.input({2, 2, 1}), window(3, 1), "p"); });
  refuses(
      "layer \"d\": [dense] expected an input of shape (features,). Received: (4, 4, 2); put a Flatten layer before it",
      [](Chain& g) { g.dense(g.input({4, 4, 2}), 3, true, Activation::relu, "d"); });
  refuses("layer \"d\": [dense] expected units between 1 and 2147483647. Received: 0",
          [](Chain& g) { g.dense(g.input({4}), 0, true, Activation::relu, "d"); });
  refuses("layer \"d\": [dropout] expected a rate in [0, 1]. Received: 2",
          [](Chain& g) { g.dropout(g.input({4}), 2.0f, 0, "d"); });
  refuses(
      "layer \"x\": [activation] expected one of the attributes activation, alpha, kind, max_value, threshold, "
      "trainable, weights. Received: slope",
      [](Chain& g) { g.graph.add("activation", {g.input({4})}, "x", {{"kind", "relu"}, {"slope", 2}}); });
  refuses("layer \"x\": [permute] expected the attribute dims. Received: no attribute of this name",
          [](Chain& g) { g.graph.add("permute", {g.input({4, 3})}, "x"); });
  refuses("layer \"x\": [dense] expected the attribute units to be a whole number. Received: many",
          [](Chain& g) { g.graph.add("dense", {g.input({4})}, "x", {{"units", "many"}}); });
  refuses("layer \"x\": [dense] expected the attribute use_bias to be true or false. Received: a list of 2 numbers",
          [](Chain& g) { g.graph.add("dense", {g.input({4})}, "x", {{"units", 2}, {"use_bias", {1, 0}}}); });
}

TEST_CASE("network: outputs that are no tensors are refused") {
  Graph graph;
  graph.add("dense", {graph.input({4})}, "d", {{"units", 2}});
  CHECK_THROWS_AS(Network(graph, {7}), std::invalid_argument);
  CHECK_THROWS_AS(Network(graph, {-1}), std::invalid_argument);
  CHECK_THROWS_AS(Network(graph, {}), std::invalid_argument);
}

TEST_CASE("network: what is missing is refused instead of read") {
  Graph graph;
  const int x = graph.input({4});
  const int y = graph.add("dense", {x}, "d", {{"units", 2}});
  Network network(std::move(graph), {y});
  std::vector<float> values(8), out(2);
  const std::vector<Images> no_inputs;
  const std::vector<float*> outputs = {out.data()};
  CHECK_THROWS_AS(network.forward({.samples = 1}, out.data()), std::invalid_argument);
  CHECK_THROWS_AS(network.forward({.floats = values.data(), .samples = 1}, nullptr), std::invalid_argument);
  CHECK_THROWS_AS(network.forward(no_inputs, outputs), std::invalid_argument);
  TrainBatch batch;
  batch.size = 1;
  CHECK_THROWS_AS(network.train_step(batch, nullptr), std::invalid_argument);
  batch.x = {{.samples = 1}};
  batch.y.resize(1);
  CHECK_THROWS_AS(network.train_step(batch, nullptr), std::invalid_argument);
  batch.x = {{.floats = values.data(), .samples = 1}};
  batch.y[0].loss = LossSpec{LossKind::mean_squared_error};
  CHECK_THROWS_AS(network.train_step(batch, nullptr), std::invalid_argument);
}

TEST_CASE("network: rows and columns that no pool reads are not computed") {
  Chain graph;
  int t = graph.conv2d(graph.input({9, 9, 2}), conv(4, 3), true, Activation::relu,
                       "a");  // 7x7, of which the pool reads 6x6
  t = graph.max_pool2d(t, window(2, 2), "pool");
  t = graph.flatten(t, "flat");
  const ChainNetwork network(std::move(graph.graph), t);
  CHECK(network.describe().find("load 128 of 162 values") != std::string::npos);
}
