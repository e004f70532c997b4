// Outputs, losses and gradients of networks against their definitions in double, however the batch is split.
#include <atomic>
#include <thread>

#include "isas.h"
#include "reference_network.h"

using namespace cnncore;
using namespace testing;

namespace {

using Values = ReferenceNetwork::Values;

Values parameters(ChainNetwork& network) {
  const float* all = network.parameters();
  return {all, all + network.parameter_count()};
}

double largest_of(std::span<const double> values) {
  double most = 0;
  for (const double value : values) most = std::max(most, std::fabs(value));
  return most;
}

// The error of float32 sums with `reductions` terms in total, relative to the largest result.
double relative_bound(const Model& model) { return static_cast<double>(model.reductions) * kUnit; }

// Returns the indices of at most `most` parameters of each slot.
std::vector<int64_t> chosen_parameters(const ChainNetwork& network, int64_t most, Random& random) {
  std::vector<int64_t> chosen;
  for (const ParameterSlot& slot : network.slots()) {
    const std::vector<int32_t> order = shuffled(element_count(slot.shape), random);
    for (size_t i = 0; i < order.size() && i < static_cast<size_t>(most); ++i) chosen.push_back(slot.offset + order[i]);
  }
  return chosen;
}

}  // namespace

TEST_CASE("forward: every model's outputs, and the loss of its predictions") {
  for_each_isa([](const Kernels&) {
    for (const Model& model : models()) {
      CAPTURE(model.name);
      Random random(81);
      ChainNetwork network = model.network();
      randomize(network, random);
      const ReferenceNetwork reference(model, network);
      const Data data(network, 5, most_of(model), random);
      const Values expected = reference.forward(parameters(network), data.floats, data.samples);
      std::vector<float> y(expected.size());
      network.forward(data.images(), y.data());
      Mismatches wrong;
      for (size_t i = 0; i < y.size(); ++i)
        wrong.expect(y[i], expected[i], relative_bound(model) * largest_of(expected));
      CAPTURE(wrong.worst);
      CHECK(wrong.count == 0);
      const double loss =
          reduced_loss(model.spec(), data.samples, data.outputs, y.data(), data.batch(model).y, nullptr, nullptr);
      CHECK(loss == doctest::Approx(reference.loss(expected, data)).epsilon(relative_bound(model)));
    }
  });
}

TEST_CASE("train_step: the gradients are the numerical ones") {
  std::vector<double> numerical;  // of all models; computed once for all instruction sets
  for_each_isa([&](const Kernels&) {
    size_t next = 0;
    for (const Model& model : models()) {
      CAPTURE(model.name);
      Random random(82);
      ChainNetwork network = model.network();
      randomize(network, random);
      const ReferenceNetwork reference(model, network);
      const Data data(network, 3, most_of(model), random);
      Values params = parameters(network);
      const auto loss = [&] { return reference.loss(reference.forward(params, data.floats, data.samples), data); };
      CHECK(network.train_step(data.batch(model), model.spec(), nullptr, nullptr) ==
            doctest::Approx(loss()).epsilon(relative_bound(model)));
      const std::vector<int64_t> chosen = chosen_parameters(network, 10, random);
      const size_t first = next;
      for (const int64_t i : chosen) {
        if (next++ < numerical.size()) continue;
        constexpr double kStep =
            1e-6;  // the error is about 1e-12 from the size of the step and 1e-10 from rounding of the difference
        const double at = params[static_cast<size_t>(i)];
        params[static_cast<size_t>(i)] = at + kStep;
        const double above = loss();
        params[static_cast<size_t>(i)] = at - kStep;
        numerical.push_back((above - loss()) / (2 * kStep));
        params[static_cast<size_t>(i)] = at;
      }
      const double most = largest_of(std::span(numerical).subspan(first, chosen.size()));
      CHECK(most > 0.001);
      Mismatches wrong;
      for (size_t i = 0; i < chosen.size(); ++i)
        wrong.expect(network.gradients()[chosen[i]], numerical[first + i], relative_bound(model) * most);
      CAPTURE(wrong.worst);
      CHECK(wrong.count == 0);
    }
  });
}

TEST_CASE("forward: a sample's bits depend neither on the batch, nor on the threads, nor on bytes or floats") {
  const int before = num_threads();
  for_each_isa([](const Kernels&) {
    for (const Model& model : models()) {
      CAPTURE(model.name);
      Random random(83);
      ChainNetwork network = model.network();
      randomize(network, random);
      const Data data(network, 67, most_of(model), random);
      const int64_t in = element_count(network.input_shape());
      std::vector<float> all(static_cast<size_t>(67 * data.outputs)), other(all.size());
      set_num_threads(1);
      network.forward(data.images(), all.data());
      const auto same = [&] { return same_bits(all.data(), other.data(), 67 * data.outputs); };
      for (const int64_t step : {1, 16, 17, 33}) {
        for (int64_t n = 0; n < 67; n += step)
          network.forward({nullptr, data.floats.data() + n * in, std::min(step, 67 - n)},
                          other.data() + n * data.outputs);
        CHECK(same());
      }
      for (const int threads : {2, 3, 8}) {
        set_num_threads(threads);
        network.forward(data.images(), other.data());
        CHECK(same());
      }
      network.forward({data.bytes.data(), nullptr, 67}, other.data());
      CHECK(same());
    }
  });
  set_num_threads(before);
}

TEST_CASE("forward: threads share a single image, and its bits are the same") {
  const int before = num_threads();
  for_each_isa([](const Kernels&) {
    Random random(85);
    ChainNetwork network = large_model().network();
    randomize(network, random);
    const Data data(network, 2, 2, random);
    std::vector<float> both(20), one(20);
    set_num_threads(1);
    network.forward(data.images(), both.data());
    for (const int threads : {1, 2, 3, 8}) {
      CAPTURE(threads);
      set_num_threads(threads);
      for (int64_t n = 0; n < 2; ++n)
        network.forward({nullptr, data.floats.data() + n * element_count(network.input_shape()), 1},
                        one.data() + n * 10);
      CHECK(one == both);
    }
  });
  set_num_threads(before);
}

TEST_CASE("train_step: outputs, weights of samples, indices and the gaps between parameters") {
  for_each_isa([](const Kernels&) {
    for (const Model& model : models()) {
      CAPTURE(model.name);
      Random random(84);
      ChainNetwork network = model.network();
      randomize(network, random);
      const Data data(network, 9, most_of(model), random);
      const size_t count = static_cast<size_t>(network.parameter_count());
      const auto gradients = [&] { return std::vector<float>(network.gradients(), network.gradients() + count); };

      // The outputs are inference's, but for the rounding of Winograd's algorithm, whose squares may be larger in
      // training.
      std::vector<float> outputs(static_cast<size_t>(9 * data.outputs)), predictions(outputs.size());
      Batch batch = data.batch(model);
      const double loss = network.train_step(batch, model.spec(), nullptr, outputs.data());
      network.forward(data.images(), predictions.data());
      Mismatches wrong;
      for (size_t i = 0; i < outputs.size(); ++i)
        wrong.expect(static_cast<double>(outputs[i]), static_cast<double>(predictions[i]), model.rounds ? 1e-5 : 0.0);
      CHECK(wrong.count == 0);
      const std::vector<float> whole = gradients();
      CHECK(network.network.step == 1);

      // Indices select the samples: samples in reverse order with reversed indices give the same result.
      const Data backwards = data.reversed();
      std::vector<int64_t> indices = {8, 7, 6, 5, 4, 3, 2, 1, 0};
      batch = backwards.batch(model);
      batch.indices = indices.data();
      CHECK(network.train_step(batch, model.spec(), nullptr, nullptr) == loss);
      CHECK(gradients() == whole);

      // Sample weights scale each sample's part: with weights 2, loss and gradient double exactly; with weights 0 they
      // are 0.
      std::vector<float> weights(9, 2.0f);
      batch.sample_weight = weights.data();
      CHECK(network.train_step(batch, model.spec(), nullptr, nullptr) == 2 * loss);
      const std::vector<float> twice = gradients();
      int64_t different = 0;
      for (size_t i = 0; i < count; ++i) different += twice[i] != 2 * whole[i];
      CHECK(different == 0);
      weights.assign(9, 0.0f);
      CHECK(network.train_step(batch, model.spec(), nullptr, nullptr) == 0);
      CHECK(gradients() == std::vector<float>(count));

      // The gaps of the flat vectors stay zero, so that an optimizer may run over them.
      std::vector<bool> used(count);
      for (const ParameterSlot& slot : network.slots()) {
        CHECK(slot.offset % 16 == 0);
        for (int64_t i = 0; i < element_count(slot.shape); ++i) used[static_cast<size_t>(slot.offset + i)] = true;
      }
      for (size_t i = 0; i < count; ++i)
        if (!used[i]) CHECK(whole[i] == 0.0f);
    }
  });
}

TEST_CASE("dropout: a mask of the step and the sample, none in inference") {
  Chain graph;
  const int input = graph.input({400});
  const int dropped = graph.dropout(input, 0.25f, 7, "dropout");
  const int output = graph.dense(dropped, 400, false, Activation::linear, "out");
  ChainNetwork network(std::move(graph.graph), output);
  float* kernel = network.parameters();
  for (int64_t i = 0; i < 400; ++i)
    kernel[i * 400 + i] = 1.0f;  // the identity matrix, so that the outputs show the mask
  const std::vector<float> x(3 * 400, 1.0f), targets(3 * 400);
  std::vector<float> first(x.size()), again(x.size()), next(x.size()), inference(x.size());
  const Batch batch{{nullptr, x.data(), 3}, {nullptr, targets.data()}, nullptr, 3, nullptr};
  const auto train = [&](int64_t step, std::vector<float>& outputs) {
    network.network.step = step;
    network.train_step(batch, {LossKind::mean_squared_error}, nullptr, outputs.data());
  };
  train(0, first), train(1, next), train(0, again);
  network.forward({nullptr, x.data(), 3}, inference.data());
  CHECK(first == again);
  CHECK(first != next);
  CHECK(!same_bits(first.data(), first.data() + 400, 400));  // each sample has a different mask
  CHECK(inference == x);
  const float kept = 1.0f / (1.0f - 0.25f);
  const int64_t zeros = std::count(first.begin(), first.end(), 0.0f),
                others = std::count(first.begin(), first.end(), kept);
  CHECK(zeros + others == 1200);
  CHECK(std::abs(zeros - 300) < 5 * std::sqrt(1200 * 0.25 * 0.75));  // five standard deviations
}

TEST_CASE("forward: answers of several threads are those of one, also while another thread trains") {
  for (const Model& model : models()) {
    CAPTURE(model.name);
    Random random(86);
    ChainNetwork chain = model.network();
    randomize(chain, random);
    const Data data(chain, 24, most_of(model), random);
    Network& network = chain.network;
    const int64_t in = element_count(network.input_shape());
    std::vector<float> expected(static_cast<size_t>(24 * data.outputs));
    chain.forward(data.images(), expected.data());
    // Without an optimizer the weights stay as they are, so every answer has to be the same.
    std::atomic<bool> trains = true;
    std::thread trainer([&] {
      for (int step = 0; step < 20; ++step) chain.train_step(data.batch(model), model.spec(), nullptr, nullptr);
      trains = false;
    });
    std::atomic<int> wrong = 0;
    const auto predict = [&](int64_t step) {
      std::vector<float> found(expected.size());
      do {
        for (int64_t n = 0; n < 24; n += step)
          network.forward({nullptr, data.floats.data() + n * in, step}, found.data() + n * data.outputs);
        if (found != expected) ++wrong;
      } while (trains);
    };
    std::vector<std::thread> threads;
    for (const int64_t step : {1, 1, 8, 24}) threads.emplace_back(predict, step);
    for (std::thread& thread : threads) thread.join();
    trainer.join();
    CHECK(wrong == 0);
  }
}
