// Sequences of training steps: any number of threads gives the same bits, and no step is affected by what ran before.
#include <limits>
#include <utility>

#include "isas.h"
#include "networks.h"

using namespace cnncore;
using namespace testing;

namespace {

// A small version of the seed document's model. It has every part of a training step, and work for several threads.
Model seed_model() {
  return {"seed", LossKind::sparse_categorical_crossentropy, false, 0, [](Chain& g) {
            int t = g.rescaling(g.input({20, 20, 1}), 1.0f / 255, 0.0f, "scale");
            t = g.max_pool2d(g.conv2d(t, conv(32, 3), true, Activation::relu, "a"), window(2, 2), "pool_a");
            t = g.max_pool2d(g.conv2d(t, conv(32, 3), true, Activation::relu, "b"), window(2, 2), "pool_b");
            t = g.dropout(g.dense(g.flatten(t, "flat"), 64, true, Activation::relu, "hidden"), 0.3f, 11, "dropout");
            return g.dense(t, 10, true, Activation::softmax, "out");
          }};
}

// A network in training: weights, optimizer, data and an order of the samples.
struct Training {
  Model model;
  ChainNetwork network;
  Adam optimizer;
  Data data;
  std::vector<int64_t> order;

  explicit Training(const Model& m, int64_t samples = 96, uint64_t seed = 91)
      : model(m), network(m.network()), optimizer(network.parameter_count()), data(prepare(samples, seed)) {
    Random random(seed);
    for (const int32_t i : shuffled(samples, random)) order.push_back(i);
  }
  Data prepare(int64_t samples, uint64_t seed) {
    Random random(seed);
    randomize(network, random);
    return {network, samples, 255, random};
  }
  double step(int64_t first, int64_t size) {
    Batch batch = data.batch(model);
    batch.x = {data.bytes.data(), nullptr, data.samples};
    batch.indices = order.data() + first, batch.size = size;
    return network.train_step(batch, model.spec(), &optimizer, nullptr);
  }
  // The parameters, followed by the state of the optimizer.
  std::vector<float> state() {
    const float* parameters = network.parameters();
    std::vector<float> all(parameters, parameters + network.parameter_count());
    for (const auto& [name, values] : optimizer.state()) all.insert(all.end(), values->begin(), values->end());
    return all;
  }
  void resume(Training& from) {
    std::copy_n(from.network.parameters(), network.parameter_count(), network.parameters());
    for (const auto& [name, values] : optimizer.state()) *values = *from.optimizer.state().at(name);
    optimizer.step = from.optimizer.step, network.network.step = from.network.network.step;
  }
};

struct Threads {
  int before = num_threads();
  explicit Threads(int threads) { set_num_threads(threads); }
  ~Threads() { set_num_threads(before); }
};

}  // namespace

TEST_CASE("training: the same bits at 1, 2, 3 and 8 threads, and when the number changes on the way") {
  for_each_isa([](const Kernels&) {
    std::vector<std::vector<float>> states;
    std::vector<double> losses;
    for (const std::vector<int>& threads :
         std::vector<std::vector<int>>{{1, 1, 1}, {2, 2, 2}, {3, 3, 3}, {8, 8, 8}, {1, 8, 2}}) {
      Training training(seed_model());
      double loss = 0;
      for (int64_t i = 0; i < 3; ++i) {
        const Threads use(threads[static_cast<size_t>(i)]);
        loss = training.step(24 * i, i == 1 ? 72 : 24);
      }
      states.push_back(training.state()), losses.push_back(loss);
    }
    for (size_t i = 1; i < states.size(); ++i) {
      CHECK(states[i] == states[0]);
      CHECK(losses[i] == losses[0]);
    }
  });
}

TEST_CASE("training lowers the loss") {
  for_each_isa([](const Kernels&) {
    Training training(models().front(), 12);
    training.optimizer.learning_rate = 0.02f;
    const double first = training.step(0, 12);
    double last = 0;
    for (int i = 0; i < 150; ++i) last = training.step(0, 12);
    CHECK(last < first / 4);  // the network memorizes the random labels
  });
}

TEST_CASE("training: batches of other sizes leave nothing behind") {
  for_each_isa([](const Kernels&) {
    // A short batch, a single sample, the usual size again: more different sizes than the network keeps plans for.
    Training mixed(seed_model());
    const std::vector<int64_t> sizes = {32, 7, 1, 32, 96, 5, 6, 8, 32};
    for (const int64_t size : sizes) {
      Training fresh(seed_model());
      fresh.resume(mixed);
      CAPTURE(size);
      CHECK(fresh.step(0, size) == mixed.step(0, size));
      CHECK(fresh.state() == mixed.state());
    }
  });
}

TEST_CASE("training: the instruction set may change on the way") {
  const std::string before = isa();
  for (const std::string& first : available_isas()) {
    for (const std::string& second : available_isas()) {
      CAPTURE(first);
      CAPTURE(second);
      Training training(seed_model(), 32), fresh(seed_model(), 32);
      std::vector<float> y(320), expected(320);
      set_isa(first);
      training.step(0, 32);
      training.network.forward({training.data.bytes.data(), nullptr, 32}, y.data());
      set_isa(second);
      fresh.resume(training);
      CHECK(training.step(0, 32) == fresh.step(0, 32));
      CHECK(training.state() == fresh.state());
      training.network.forward({training.data.bytes.data(), nullptr, 32}, y.data());
      fresh.network.forward({training.data.bytes.data(), nullptr, 32}, expected.data());
      CHECK(y == expected);
    }
  }
  set_isa(before);
}

namespace {

// Checks that forward of two images and of one gives the result of a new network that never had other weights.
void check_forward_is_fresh(ChainNetwork& network, const Model& model, const Data& data) {
  ChainNetwork fresh = model.network();
  fresh.network.set_parameters(network.values().data());
  for (const int64_t samples : {2, 1}) {
    Images x = data.images();
    x.samples = samples;
    std::vector<float> y(static_cast<size_t>(samples * data.outputs)), expected(y.size());
    network.forward(x, y.data());
    fresh.forward(x, expected.data());
    CHECK(y == expected);
  }
}

}  // namespace

TEST_CASE("forward sees weights that were written from outside, as long as they are lent and when they are returned") {
  for_each_isa([](const Kernels&) {
    for (const Model& model : models()) {
      CAPTURE(model.name);
      Random random(92);
      ChainNetwork network = model.network();
      const Data data(network, 2, 2, random);
      randomize(network, random);
      check_forward_is_fresh(network, model, data);
      const ParameterSlot& slot = network.slots().front();
      const std::shared_ptr<Parameters> layer = network.network.parameters(slot.layer);
      {
        const Parameters::Loan loan(layer, static_cast<size_t>(slot.index));
        loan.data()[0] += 0.5f;
        check_forward_is_fresh(network, model, data);
        loan.data()[0] += 0.5f;
        check_forward_is_fresh(network, model, data);
        loan.data()[0] += 0.5f;
      }
      check_forward_is_fresh(network, model, data);  // the weights were written before they were returned
      check_forward_is_fresh(network, model, data);
      std::vector<float> values(static_cast<size_t>(element_count(slot.shape)), 0.125f);
      layer->write(static_cast<size_t>(slot.index), values.data());
      check_forward_is_fresh(network, model, data);
    }
  });
}

TEST_CASE("forward sees the weights of each training step") {
  for (const Model& model : models()) {
    CAPTURE(model.name);
    Training training(model, 8);
    for (int step = 0; step < 3; ++step) {
      training.step(0, 8);
      check_forward_is_fresh(training.network, model, training.data);
    }
  }
}

namespace {

// Checks that a step on data with one bad value changes nothing, and that training continues as if it had not happened.
void check_refused_step(const Model& model, float value) {
  CAPTURE(model.name);
  CAPTURE(value);
  Training training(model, 8);
  training.step(0, 8);
  const std::vector<float> before = training.state();
  const int64_t step = training.network.network.step, updates = training.optimizer.step;
  training.data.floats[1] = value;
  const Batch batch = training.data.batch(model);
  CHECK(!std::isfinite(training.network.train_step(batch, model.spec(), &training.optimizer, nullptr)));
  CHECK(training.state() == before);
  CHECK(training.network.network.step == step);
  CHECK(training.optimizer.step == updates);
  Training fresh(model, 8);
  fresh.resume(training);
  CHECK(training.step(0, 8) == fresh.step(0, 8));
  CHECK(training.state() == fresh.state());
}

}  // namespace

TEST_CASE("training: a loss or a gradient that is not finite changes nothing") {
  for_each_isa([](const Kernels&) {
    for (const Model& model : models()) check_refused_step(model, std::numeric_limits<float>::quiet_NaN());
    const Model squares{"squares", LossKind::mean_squared_error, false, 0,
                        [](Chain& g) { return g.dense(g.input({4}), 2, true, Activation::linear, "out"); }};
    check_refused_step(squares, std::numeric_limits<float>::infinity());
    check_refused_step(squares, 1e25f);  // the loss is 1e50, a double; the gradient is no float
  });
}

TEST_CASE("train_step refuses what makes no sense, and changes nothing") {
  Training training(seed_model(), 8);
  training.step(0, 8);
  const std::vector<float> before = training.state();
  const auto refuses = [&](const char* text, auto change) {
    Batch batch = training.data.batch(training.model);
    LossSpec loss{training.model.loss};
    Optimizer* optimizer = &training.optimizer;
    change(batch, loss, optimizer);
    CHECK_THROWS_WITH_AS(training.network.train_step(batch, loss, optimizer, nullptr), text, std::invalid_argument);
    CHECK(training.state() == before);
    CHECK(training.network.network.step == 1);
    CHECK(training.optimizer.step == 1);
  };
  using B = Batch&;
  using L = LossSpec&;
  using O = Optimizer*&;
  refuses("[train_step] expected a batch of at least one sample. Received: 0", [](B b, L, O) { b.size = 0; });
  refuses("[train_step] expected a batch of at most 8 samples. Received: 9", [](B b, L, O) { b.size = 9; });
  int64_t indices[2] = {3, -1};
  refuses("[train_step] expected indices in [0, 8). Received: -1", [&](B b, L, O) { b.indices = indices, b.size = 2; });
  refuses(
      "[train_step] expected labels for sparse_categorical_crossentropy, and values for all other losses. Received: "
      "labels for output 0",
      [](B, L l, O) { l.kind = LossKind::mean_squared_error; });
  std::vector<int64_t> labels(8, 3);
  labels[5] = 10;
  refuses("[loss] expected labels in [0, 10). Received: 10", [&](B b, L, O) { b.y.labels = labels.data(); });
  Sgd small(3);
  const std::string text = "[train_step] expected an optimizer of " +
                           std::to_string(training.network.parameter_count()) + " parameters. Received: one of 3";
  refuses(text.c_str(), [&](B, L, O o) { o = &small; });
}
