// Measures how many images a second the usual MNIST network (conv 32, pool, conv 64, pool, dense 128, dense 10) trains
// with Adam and infers, for several batch sizes, numbers of threads and instruction sets. The program fails if training
// does not lower the loss, or if inference gives other results than the scalar kernels.
//
//   bench_network --benchmark_filter='train/avx2/batch:128/'
#include <benchmark/benchmark.h>

#include <cmath>
#include <iostream>
#include <random>

#include "cnncore/cnncore.h"

namespace cnncore::bench {
namespace {

constexpr int64_t kImages = 4096, kPixels = 28 * 28, kClasses = 10;

bool all_correct = true;

struct DataSet {
  std::vector<uint8_t> images;
  std::vector<int64_t> labels;
};

/// Images of noise with a bright square, whose place is the class. They cost as much time as real digits, and are
/// learnt quickly.
const DataSet& data_set() {
  static const DataSet data = [] {
    DataSet d{std::vector<uint8_t>(kImages * kPixels), std::vector<int64_t>(kImages)};
    std::minstd_rand random(1);
    for (int64_t n = 0; n < kImages; ++n) {
      const int64_t label = d.labels[n] = static_cast<int64_t>(random() % kClasses);
      for (int64_t i = 0; i < kPixels; ++i) {
        const bool bright = i / 28 / 9 == label / 4 && i % 28 / 7 == label % 4;
        d.images[n * kPixels + i] = static_cast<uint8_t>(random() % 64 + (bright ? 191 : 0));
      }
    }
    return d;
  }();
  return data;
}

Network make_network() {
  Graph graph;
  int t = graph.add("rescaling", {graph.input({28, 28, 1})}, "rescaling", {{"scale", 1.0 / 255.0}});
  for (const int64_t filters : {32, 64}) {
    const std::string number = filters == 32 ? "1" : "2";
    t = graph.add("conv2d", {t}, "conv" + number,
                  {{"filters", filters}, {"kernel_size", {3, 3}}, {"activation", "relu"}});
    t = graph.add("max_pool2d", {t}, "pool" + number);
  }
  t = graph.add("reshape", {t}, "flatten", {{"shape", {element_count(graph.shape(t))}}});
  t = graph.add("dense", {t}, "dense1", {{"units", 128}, {"activation", "relu"}});
  t = graph.add("dense", {t}, "dense2", {{"units", kClasses}, {"activation", "softmax"}});
  Network network(std::move(graph), {t});

  std::minstd_rand random(1);
  for (const ParameterSlot& slot : network.slots()) {  // kernels by Glorot's uniform rule; biases stay zero
    const Shape& s = slot.shape;
    if (s.size() == 1) continue;
    const int64_t field = element_count(s) / (s[s.size() - 1] * s[s.size() - 2]);
    const double limit = std::sqrt(6.0 / static_cast<double>(field * (s[s.size() - 1] + s[s.size() - 2])));
    std::uniform_real_distribution<float> uniform(static_cast<float>(-limit), static_cast<float>(limit));
    std::vector<float> values(static_cast<size_t>(element_count(s)));
    for (float& value : values) value = uniform(random);
    network.parameters(slot.layer)->write(static_cast<size_t>(slot.index), values.data());
  }
  return network;
}

std::vector<float> predict(Network& network, int64_t batch) {
  std::vector<float> y(batch * kClasses);
  network.forward({.bytes = data_set().images.data(), .samples = batch}, y.data());
  return y;
}

const LossSpec kLoss{LossKind::sparse_categorical_crossentropy};

double loss_of(Network& network) {
  constexpr int64_t size = 128;
  const Targets targets{data_set().labels.data(), nullptr};
  return reduced_loss(kLoss, size, kClasses, predict(network, size).data(), targets, nullptr, nullptr);
}

void fail(benchmark::State& state, const std::string& what) {
  all_correct = false;
  state.SkipWithError(what.c_str());
}

void report(benchmark::State& state) { state.SetItemsProcessed(state.iterations() * state.range(0)); }

void train(benchmark::State& state, const std::string& isa) {
  set_isa(isa);
  set_num_threads(static_cast<int>(state.range(1)));
  const int64_t batch = state.range(0);
  Network network = make_network();
  Adam adam(network.parameter_count());
  adam.learning_rate = 1e-3f;
  std::vector<int64_t> order(kImages);
  for (int64_t i = 0; i < kImages; ++i) order[i] = i * 1021 % kImages;
  int64_t at = 0;
  const auto step = [&] {
    const DataSet& data = data_set();
    const TrainBatch b{.x = {{.bytes = data.images.data(), .samples = kImages}},
                       .y = {{.loss = kLoss, .y = {.labels = data.labels.data()}}},
                       .indices = order.data() + at,
                       .size = batch};
    at = (at + batch) % kImages;
    network.train_step(b, &adam);
  };
  const double before = loss_of(network);
  step();  // makes the plan
  for (auto _ : state) step();
  while (adam.step < 20 || adam.step * batch < 256) step();
  const double after = loss_of(network);
  if (!(after < 0.9 * before))
    return fail(state, "the loss went from " + std::to_string(before) + " to " + std::to_string(after));
  report(state);
}

void infer(benchmark::State& state, const std::string& isa) {
  set_num_threads(static_cast<int>(state.range(1)));
  const int64_t batch = state.range(0);
  Network network = make_network();
  set_isa(isa);
  std::vector<float> y = predict(network, batch);  // makes the plan
  const Images x = {.bytes = data_set().images.data(), .samples = batch};
  for (auto _ : state) network.forward(x, y.data());
  set_isa("scalar");
  const std::vector<float> expected = predict(network, batch);
  for (size_t i = 0; i < y.size(); ++i)
    if (!(std::abs(y[i] - expected[i]) < 1e-5f))
      return fail(state, "y[" + std::to_string(i) + "]: expected " + std::to_string(expected[i]) +
                             ". Received: " + std::to_string(y[i]));
  report(state);
}

void add_all() {
  const int most = default_num_threads();
  std::vector<int64_t> threads{1};
  if (most > 1) threads.push_back(most);
  for (const auto& [name, body] : {std::pair{"train", &train}, std::pair{"infer", &infer}})
    for (const std::string& isa : available_isas())
      benchmark::RegisterBenchmark((std::string(name) + "/" + isa).c_str(),
                                   [isa, body = body](benchmark::State& state) { body(state, isa); })
          ->ArgNames({"batch", "threads"})
          ->ArgsProduct({{1, 32, 128, 1024}, threads})
          ->UseRealTime()
          ->Unit(benchmark::kMicrosecond);
}

}  // namespace
}  // namespace cnncore::bench

int main(int argc, char** argv) {
  try {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    cnncore::bench::add_all();
    benchmark::RunSpecifiedBenchmarks();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
  }
  return cnncore::bench::all_correct ? 0 : 1;
}
