// A network: its parameters, its plans for batch sizes, and its locks. The code that runs a batch is in run/.
#include "cnncore/network.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <span>

#include "network/access.h"
#include "network/check_batch.h"
#include "network/regularizers.h"
#include "network/slots.h"
#include "network/training_plans.h"
#include "run/curvature.h"
#include "run/inference.h"
#include "run/training.h"
#include "runtime/check.h"
#include "runtime/crew.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

// How many samples inference takes at a time: more of small ones, so that each reading of a kernel serves more of them.
constexpr int64_t kInferenceSlice = 16, kSmallInferenceSlice = 48, kSmallSample = 1024;
constexpr int64_t kInferenceBatch = 256;  // how many samples go through all phases together

}  // namespace

struct Network::Impl {
  Graph graph;
  std::vector<int> outputs;
  Slots slots;
  std::vector<Parameters*> sorted;  // the layers' parameters by address
  Buffer<float> gradients;
  Regularizers regularizers;
  Precision precision = Precision::float32;
  std::shared_ptr<ReadWriteLock> lock = std::make_shared<ReadWriteLock>();
  TrainingPlans training;
  // For products with curvature along `direction`. They are made when the first product is asked for.
  Buffer<float> direction, block_product;
  std::unique_ptr<Curvature> curvature;
  int64_t curvature_block = 0;  // the number of samples in a block for which they were made
  // A plan for inference on each instruction set that was asked for. They stay, because other readers may use them.
  std::mutex planning;  // held by a reader that makes one
  std::vector<std::unique_ptr<Inference>> inferences;
  std::atomic<Inference*> inference{nullptr};  // the last one that was asked for
  // The number of the next call of forward, far from the numbers of training steps. It grows by the number of samples.
  std::atomic<int64_t> forward_calls{int64_t{1} << 40};

  Impl(Graph g, std::vector<int> out, const std::map<std::string, std::shared_ptr<Parameters>>& given)
      : graph(std::move(g)), outputs(std::move(out)), slots(graph, given), sorted(slots.layers) {
    check(!graph.inputs().empty(), "[network] expected a graph with an input");
    check(!outputs.empty(), "[network] expected at least one output");
    for (const int t : outputs) (void)graph.shape(t);
    gradients = Buffer<float>(slots.count);
    std::sort(sorted.begin(), sorted.end());
    for (Parameters* layer : sorted) layer->state().add_network(lock);
    wait_for_sole_users(sorted);
  }
  ~Impl() {
    for (Parameters* layer : sorted) layer->state().remove_network(lock);
  }

  std::unique_ptr<Plan> plan(const PlanMode& mode) {
    return std::make_unique<Plan>(graph, outputs, slots.of_node, slots.bind(gradients.data()), mode, kernels());
  }

  Training& training_for(int64_t batch, bool separate_loss) {
    const TrainingPlans::Key key(batch, separate_loss);
    if (Training* found = training.find(key, kernels())) return *found;
    const int64_t slice = std::min(Shards(batch).size, kTrainingSlice);
    return training.add(key, plan({Purpose::training, slice, batch, precision, separate_loss}));
  }

  Curvature& curvature_for(int64_t block) {
    if (curvature && curvature_block == block && &curvature->plan().kernels == &kernels()) return *curvature;
    if (direction.size() == 0) direction = Buffer<float>(slots.count), block_product = Buffer<float>(slots.count);
    curvature = std::make_unique<Curvature>(curvature_plan(block));
    curvature_block = block;
    return *curvature;
  }

  int64_t inference_slice() const {
    const auto small = [](const Graph::Node& node) { return element_count(node.op->output()) <= kSmallSample; };
    return std::all_of(graph.nodes().begin(), graph.nodes().end(), small) ? kSmallInferenceSlice : kInferenceSlice;
  }

  // If samples are large, fewer are taken at a time.
  std::unique_ptr<Plan> curvature_plan(int64_t block) {
    int64_t slice = kTrainingSlice;
    for (;;) {
      slice = std::min(slice, Shards(block).size);
      auto made =
          std::make_unique<Plan>(graph, outputs, slots.of_node, slots.bind(block_product.data(), direction.data()),
                                 PlanMode{Purpose::curvature, slice, block}, kernels());
      if (made->thread_floats > kCurvatureFloats && slice > 1)
        slice /= 2;
      else if (made->batch_floats > kCurvatureFloats && block > 64)
        block /= 2;
      else
        return made;
    }
  }

  Inference& inference_plan() {
    const auto fits = [](const Inference& made) { return &made.plan().kernels == &kernels(); };
    if (Inference* last = inference.load(std::memory_order_acquire); last && fits(*last)) return *last;
    const std::lock_guard guard(planning);
    for (const auto& made : inferences)
      if (fits(*made)) return use(*made);
    const PlanMode mode{Purpose::inference, inference_slice(), kInferenceBatch, precision};
    inferences.push_back(std::make_unique<Inference>(plan(mode), slots.bind(nullptr)));
    return use(*inferences.back());
  }
  Inference& use(Inference& made) {
    inference.store(&made, std::memory_order_release);
    return made;
  }
  void forget_inference() {  // while nobody else uses the network
    inference.store(nullptr, std::memory_order_relaxed);
    inferences.clear();
  }

  // Loans are read before versions, so that what was written before a loan ended is part of the version that is read.
  ParameterState parameter_state() const {
    ParameterState state{0, false};
    for (const Parameters* layer : slots.layers) state.lent |= layer->state().loans > 0;
    for (const Parameters* layer : slots.layers) state.version += layer->state().version;
    return state;
  }
  // The losses of a batch, and the gradients of all parameters if they are finite.
  void differentiate(Training& training_plan, const TrainBatch& batch, int64_t number, StepResult& result) {
    const BatchLosses& losses = training_plan.backpropagate(batch, number);
    result.outputs = losses.outputs;
    for (size_t o = 0; o < batch.y.size(); ++o) result.total += batch.y[o].weight * losses.outputs[o];
    result.total += losses.steps + regularizers.loss(slots);
    result.finite = std::isfinite(result.total) && training_plan.gather_gradients();
    if (!result.finite) return;
    regularizers.add_gradients(slots, gradients.data());
    for (const size_t slot : training_plan.plan().idle_slots)
      std::fill_n(gradients.data() + slots.list[slot].offset, element_count(slots.list[slot].shape), 0.0f);
  }
  void parameters_changed() {
    for (Parameters* layer : slots.layers) ++layer->state().version;
  }

  // The ranges of the trained slots, without the gaps between them.
  std::span<const UpdateRange> update_ranges() {
    if (ranges.empty()) {
      const std::vector<BoundSlot> bound = slots.bind(gradients.data());
      for (size_t i = 0; i < bound.size(); ++i)
        if (bound[i].grad) ranges.push_back({slots.list[i].offset, bound[i].size, bound[i].value, bound[i].grad});
    }
    return ranges;
  }
  std::vector<UpdateRange> ranges;
};

Network::Network(Graph graph, std::vector<int> outputs, std::map<std::string, std::shared_ptr<Parameters>> parameters)
    : impl_(std::make_unique<Impl>(std::move(graph), std::move(outputs), parameters)) {}
Network::~Network() = default;
Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;

size_t Network::input_count() const { return impl_->graph.inputs().size(); }
size_t Network::output_count() const { return impl_->outputs.size(); }

const Shape& Network::input_shape(size_t input) const {
  check(input < input_count(), "[network] expected an input in [0, ", input_count(), "). Received: ", input);
  return impl_->graph.shape(impl_->graph.inputs()[input]);
}

const Shape& Network::output_shape(size_t output) const {
  check(output < output_count(), "[network] expected an output in [0, ", output_count(), "). Received: ", output);
  return impl_->graph.shape(impl_->outputs[output]);
}

const std::vector<ParameterSlot>& Network::slots() const { return impl_->slots.list; }

std::shared_ptr<Parameters> Network::parameters(const std::string& layer) const {
  const auto found = impl_->slots.parameters.find(layer);
  check(found != impl_->slots.parameters.end(), "[network] expected a layer with parameters. Received: \"", layer,
        "\"");
  return found->second;
}

int64_t Network::parameter_count() const { return impl_->slots.count; }

void Network::get_parameters(float* flat) const {
  check(flat != nullptr || impl_->slots.count == 0, "[get_parameters] expected a vector. Received: null");
  const ReadAccess access("[get_parameters] ", *impl_->lock, impl_->sorted);
  std::fill_n(flat, impl_->slots.count, 0.0f);
  const std::vector<BoundSlot> bound = impl_->slots.bind(nullptr);
  for (size_t i = 0; i < bound.size(); ++i)
    if (slots()[i].offset >= 0) std::copy_n(bound[i].value, bound[i].size, flat + slots()[i].offset);
}

void Network::set_parameters(const float* flat) {
  check(flat != nullptr || impl_->slots.count == 0, "[set_parameters] expected a vector. Received: null");
  const WriteAccess access("[set_parameters] ", *impl_->lock, impl_->sorted);
  const std::vector<BoundSlot> bound = impl_->slots.bind(nullptr);
  for (size_t i = 0; i < bound.size(); ++i)
    if (slots()[i].offset >= 0) std::copy_n(flat + slots()[i].offset, bound[i].size, bound[i].value);
  impl_->parameters_changed();
}

float* Network::gradients() { return impl_->gradients.data(); }

Precision Network::precision() const { return impl_->precision; }

void Network::set_precision(Precision precision) {
  const WriteAccess access("[set_precision] ", *impl_->lock, impl_->sorted);
  if (precision == impl_->precision) return;
  impl_->precision = precision;
  impl_->training.clear();
  impl_->forget_inference();
}

void Network::set_regularizer(size_t slot, float l1, float l2) {
  const WriteAccess access("[set_regularizer] ", *impl_->lock, impl_->sorted);
  check(slot < slots().size() && slots()[slot].offset >= 0,
        "[set_regularizer] expected a trained slot. Received: ", slot);
  impl_->regularizers.set(impl_->slots, slot, l1, l2);
}

void Network::forward(std::span<const Images> x, std::span<float* const> y) {
  const int64_t samples = check_inputs("[forward] ", impl_->graph, x, y, output_count());
  if (samples == 0) return;
  const ReadAccess access("[forward] ", *impl_->lock, impl_->sorted);
  const ParameterState state = impl_->parameter_state();
  impl_->inference_plan().forward(x, y, state, impl_->forward_calls.fetch_add(samples));
}

void Network::forward_training(std::span<const Images> x, std::span<float* const> y, int64_t call) {
  const int64_t samples = check_inputs("[forward] ", impl_->graph, x, y, output_count());
  if (samples == 0) return;
  const WriteAccess access("[forward_training] ", *impl_->lock, impl_->sorted);
  TrainBatch batch;
  batch.x.assign(x.begin(), x.end()), batch.outputs.assign(y.begin(), y.end()), batch.size = samples;
  Training& training = impl_->training_for(samples, false);
  with_crew(training.crew_threads(), [&] { training.forward(batch, call); });
  training.commit_state();
  impl_->parameters_changed();
}

StepResult Network::train_step(const TrainBatch& batch, Optimizer* optimizer, bool keep_state) {
  check_batch(impl_->graph, impl_->outputs, batch);
  check(!optimizer || optimizer->size() == impl_->slots.count, "[train_step] expected an optimizer of ",
        impl_->slots.count, " parameters. Received: one of ", optimizer ? optimizer->size() : 0);
  const bool on_batch = std::any_of(batch.y.begin(), batch.y.end(), [](const OutputLoss& y) { return !!y.batch_loss; });
  const WriteAccess access("[train_step] ", *impl_->lock, impl_->sorted);
  Training& training = impl_->training_for(batch.size, on_batch);
  StepResult result;
  with_crew(training.crew_threads(), [&] {
    impl_->differentiate(training, batch, step, result);
    if (!result.finite) return;
    ++step;
    if (!keep_state) training.commit_state();
    if (!keep_state || optimizer) impl_->parameters_changed();
    if (optimizer) optimizer->apply(impl_->update_ranges());
  });
  return result;
}

void Network::curvature_product(CurvatureKind kind, const TrainBatch& batch, const float* direction, float* product) {
  check_batch(impl_->graph, impl_->outputs, batch);
  check_curvature(kind, batch);
  const WriteAccess access("[curvature_product] ", *impl_->lock, impl_->sorted);
  Curvature& curvature = impl_->curvature_for(std::min(batch.size, kCurvatureBlock));
  std::copy_n(direction, impl_->slots.count, impl_->direction.data());
  std::fill_n(product, impl_->slots.count, 0.0f);
  const std::vector<size_t>& idle = curvature.plan().idle_slots;
  curvature.product(kind, batch, [&] {
    for (size_t i = 0; i < slots().size(); ++i) {
      const ParameterSlot& slot = slots()[i];
      if (!slot.trainable || std::find(idle.begin(), idle.end(), i) != idle.end()) continue;
      kernels().accumulate(impl_->block_product.data() + slot.offset, product + slot.offset, element_count(slot.shape));
    }
  });
  impl_->regularizers.add_products(impl_->slots, impl_->direction.data(), product);
}

std::string Network::describe() const {
  const WriteAccess access("[describe] ", *impl_->lock, impl_->sorted);
  return impl_->inference_plan().plan().describe() + impl_->training.describe();
}

}  // namespace cnncore
