// Building graphs: shapes, refusals, and what the planner makes of them.
#include "arrays.h"
#include "isas.h"
#include "networks.h"

using namespace cnncore;
using namespace testing;

TEST_CASE("graph: the document's model has its shapes and parameters") {
  Graph graph;
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
  const Network network(std::move(graph), t);
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

TEST_CASE("graph: what makes no sense is refused by name") {
  const auto refuses = [](const char* text, auto build) {
    Graph graph;
    CHECK_THROWS_WITH_AS(build(graph), text, std::invalid_argument);
  };
  refuses("[input] expected a shape (height, width, channels) or (features,). Received: (28, 28)",
          [](Graph& g) { g.input({28, 28}); });
  refuses("[input] expected positive sizes. Received: (28, 0, 1)", [](Graph& g) { g.input({28, 0, 1}); });
  refuses("[input] expected one input, appended first", [](Graph& g) { g.input({3}), g.input({3}); });
  refuses("[graph] expected a tensor id in [0, 1). Received: 5",
          [](Graph& g) { g.input({3}), g.dense(5, 2, true, Activation::relu, "d"); });
  refuses("layer \"c\": expected an input of shape (height, width, channels). Received: (9,)",
          [](Graph& g) { g.conv2d(g.input({9}), conv(2, 3), true, Activation::relu, "c"); });
  refuses(
      "layer \"c\": [conv2d] expected a kernel no larger than the padded input. Received: kernel 5 (dilated), input 4",
      [](Graph& g) { g.conv2d(g.input({4, 4, 1}), conv(2, 5), true, Activation::relu, "c"); });
  refuses(
      "layer \"p\": [max_pool2d] expected a kernel no larger than the padded input. Received: kernel 3 (dilated), "
      "input 2",
      [](Graph& g) { g.max_pool2d(g.input({2, 2, 1}), window(3, 1), "p"); });
  refuses("layer \"d\": expected an input of shape (features,). Received: (4, 4, 2); put a Flatten layer before it",
          [](Graph& g) { g.dense(g.input({4, 4, 2}), 3, true, Activation::relu, "d"); });
  refuses("layer \"d\": [dense] expected units between 1 and 2147483647. Received: 0",
          [](Graph& g) { g.dense(g.input({4}), 0, true, Activation::relu, "d"); });
  refuses("layer \"d\": expected a rate in [0, 1). Received: 1",
          [](Graph& g) { g.dropout(g.input({4}), 1.0f, 0, "d"); });
  refuses("layer \"same\": expected a name that is not in use", [](Graph& g) {
    g.dense(g.dense(g.input({4}), 3, true, Activation::relu, "same"), 3, true, Activation::relu, "same");
  });
  refuses("layer \"b\": expected an input that no other layer reads. Received: the input of \"a\"", [](Graph& g) {
    const int x = g.input({4});
    g.flatten(x, "a"), g.flatten(x, "b");
  });
}

TEST_CASE("network: an output that is not computed is refused") {
  Graph graph;
  const int x = graph.input({4});
  graph.dense(x, 2, true, Activation::relu, "d");
  CHECK_THROWS_AS(Network(graph, x), std::invalid_argument);
  CHECK_THROWS_AS(Network(graph, 7), std::invalid_argument);
  CHECK_THROWS_AS(Network(graph, -1), std::invalid_argument);
}

TEST_CASE("network: rows and columns that no pool reads are not computed") {
  Graph graph;
  int t = graph.conv2d(graph.input({9, 9, 2}), conv(4, 3), true, Activation::relu,
                       "a");  // 7x7, of which the pool reads 6x6
  t = graph.max_pool2d(t, window(2, 2), "pool");
  t = graph.flatten(t, "flat");
  const Network network(std::move(graph), t);
  CHECK(network.describe().find("load 8x8x2 of 9x9x2") != std::string::npos);
}
