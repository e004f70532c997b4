// Trains a small CNN from C++ to tell the direction of noisy stripes: horizontal, vertical, diagonal. No files needed.
#include <cnncore/cnncore.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

namespace {

constexpr int64_t kSize = 16, kClasses = 3, kBatch = 32;

struct Dataset {
  std::vector<float> images;  // samples x 16 x 16 x 1
  std::vector<int64_t> labels;
  int64_t samples() const { return static_cast<int64_t>(labels.size()); }
};

Dataset make_stripes(int64_t samples, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> noise(0.0f, 0.5f);
  Dataset data;
  for (int64_t n = 0; n < samples; ++n) {
    const int64_t label = n % kClasses, phase = random() % 4;
    for (int64_t y = 0; y < kSize; ++y)
      for (int64_t x = 0; x < kSize; ++x) {
        const int64_t across = label == 0 ? y : label == 1 ? x : x + y;
        data.images.push_back(((across + phase) / 2 % 2 ? 1.0f : 0.0f) + noise(random));
      }
    data.labels.push_back(label);
  }
  return data;
}

cnncore::Network make_network() {
  cnncore::Graph graph;
  int x = graph.input({kSize, kSize, 1});
  x = graph.add("conv2d", {x}, "conv2d", {{"filters", 8}, {"kernel_size", {3, 3}}, {"activation", "relu"}});
  x = graph.add("max_pool2d", {x}, "max_pool2d");  // 2x2
  x = graph.add("reshape", {x}, "flatten", {{"shape", {cnncore::element_count(graph.shape(x))}}});
  x = graph.add("dense", {x}, "dense", {{"units", 32}, {"activation", "relu"}});
  x = graph.add("dense", {x}, "output", {{"units", kClasses}, {"activation", "softmax"}});
  return cnncore::Network(std::move(graph), {x});
}

// He's initialisation for kernels; biases stay zero.
void initialize(cnncore::Network& network, uint32_t seed) {
  std::mt19937 random(seed);
  for (const cnncore::ParameterSlot& slot : network.slots()) {
    if (slot.shape.size() == 1) continue;
    const int64_t size = cnncore::element_count(slot.shape);
    std::normal_distribution<float> normal(0.0f, std::sqrt(2.0f * static_cast<float>(slot.shape.back()) / size));
    std::vector<float> kernel(static_cast<size_t>(size));
    std::generate(kernel.begin(), kernel.end(), [&] { return normal(random); });
    network.parameters(slot.layer)->write(static_cast<size_t>(slot.index), kernel.data());
  }
}

double accuracy(cnncore::Network& network, const Dataset& data) {
  std::vector<float> outputs(data.samples() * kClasses);
  network.forward({.floats = data.images.data(), .samples = data.samples()}, outputs.data());
  int64_t correct = 0;
  for (int64_t n = 0; n < data.samples(); ++n) {
    const float* p = &outputs[n * kClasses];
    correct += std::max_element(p, p + kClasses) - p == data.labels[n];
  }
  return static_cast<double>(correct) / static_cast<double>(data.samples());
}

int run() {
  const Dataset train = make_stripes(1536, 1), test = make_stripes(300, 2);
  cnncore::Network network = make_network();
  initialize(network, 0);
  cnncore::Adam optimizer(network.parameter_count());
  optimizer.learning_rate = 1e-3f;
  std::printf("cnncore %s, %s, %d threads\n%s\n", cnncore::version, cnncore::isa().c_str(), cnncore::num_threads(),
              network.describe().c_str());

  std::vector<int64_t> order(train.samples());
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(3);
  for (int epoch = 1; epoch <= 5; ++epoch) {
    std::shuffle(order.begin(), order.end(), random);
    double loss = 0.0;
    for (int64_t start = 0; start < train.samples(); start += kBatch) {
      const cnncore::TrainBatch batch{
          .x = {{.floats = train.images.data(), .samples = train.samples()}},
          .y = {{.loss = cnncore::LossSpec{cnncore::LossKind::sparse_categorical_crossentropy},
                 .y = {.labels = train.labels.data()}}},
          .indices = &order[start],
          .size = std::min(kBatch, train.samples() - start),
      };
      const double batch_loss = network.train_step(batch, &optimizer).total;
      loss += batch_loss * static_cast<double>(batch.size);
    }
    std::printf("epoch %d: loss %.4f\n", epoch, loss / static_cast<double>(train.samples()));
  }

  const double result = accuracy(network, test);
  std::printf("test accuracy %.3f\n", result);
  return result > 0.95 ? 0 : 1;
}

}  // namespace

int main() {
  try {
    return run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
