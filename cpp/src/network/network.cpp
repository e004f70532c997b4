// A network's parameters, plans and memory. What runs on a slice is in execution.cpp.
#include "cnncore/network.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>

#include "network/execution.h"
#include "ops/loss_rows.h"
#include "ops/shards.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

constexpr int64_t kTrainingSlice = 32;
constexpr int64_t kInferenceSlice = 16;
constexpr size_t kMostPlans = 4;  // batch sizes planned at a time: the usual one, the last short one, and their like

}  // namespace

struct Network::Impl {
  Graph graph;
  int output;
  Precision precision = Precision::float32;
  std::vector<ParameterSlot> slots;
  int64_t parameter_count = 0;
  Buffer<float> parameters, gradients;
  std::vector<Weights> weights;  // per node of the graph
  std::map<int64_t, std::unique_ptr<Execution>> training;
  std::unique_ptr<Execution> inference;
  std::atomic<int64_t> version{0};  // counts what may have changed the parameters
  std::atomic<int64_t> loans{0};    // of those who may write to them

  Impl(Graph g, int out) : graph(std::move(g)), output(out) {
    add_slots();
    parameters = Buffer<float>(parameter_count);
    gradients = Buffer<float>(parameter_count);
    bind_weights();
    (void)Plan(graph, output, weights, {false, 1, 1, precision},
               kernels());  // a graph that cannot be planned is refused here
  }

  void add_slot(const std::string& name, Shape shape) {
    const int64_t size = element_count(shape);
    slots.push_back({name, std::move(shape), parameter_count});
    parameter_count += aligned_count<float>(size);
  }

  void add_slots() {
    for (const Graph::Node& node : graph.nodes()) {
      if (const auto* conv = std::get_if<Conv2dOp>(&node.op)) {
        const Conv2dParams& p = conv->params;
        add_slot(node.name + "/kernel", {p.kernel_height, p.kernel_width, p.in_channels / p.groups, p.filters});
        if (conv->use_bias) add_slot(node.name + "/bias", {p.filters});
      } else if (const auto* dense = std::get_if<DenseOp>(&node.op)) {
        add_slot(node.name + "/kernel", {dense->params.features, dense->params.units});
        if (dense->use_bias) add_slot(node.name + "/bias", {dense->params.units});
      }
    }
  }

  void bind_weights() {
    for (const Graph::Node& node : graph.nodes()) {
      Weights w;
      for (const ParameterSlot& slot : slots) {
        if (slot.name == node.name + "/kernel") {
          w.kernel = parameters.data() + slot.offset;
          w.dkernel = gradients.data() + slot.offset;
          w.kernel_size = element_count(slot.shape);
        } else if (slot.name == node.name + "/bias") {
          w.bias = parameters.data() + slot.offset;
          w.dbias = gradients.data() + slot.offset;
          w.bias_size = element_count(slot.shape);
        }
      }
      weights.push_back(w);
    }
  }

  // The plan for a batch size; made again where another ISA has been chosen.
  Execution& training_for(int64_t batch) {
    auto found = training.find(batch);
    if (found != training.end() && &found->second->plan().kernels != &kernels()) {
      training.clear();
      found = training.end();
    }
    if (found == training.end()) {
      if (training.size() >= kMostPlans) training.erase(training.begin());
      const PlanMode mode{true, std::min(Shards(batch).size, kTrainingSlice), batch, precision};
      found = training.emplace(batch, std::make_unique<Execution>(graph, output, weights, mode, kernels())).first;
    }
    return *found->second;
  }

  Execution& inference_plan() {
    if (!inference || &inference->plan().kernels != &kernels())
      inference = std::make_unique<Execution>(graph, output, weights, PlanMode{false, kInferenceSlice, 0, precision},
                                              kernels());
    return *inference;
  }
};

Network::Network(Graph graph, int output) : impl_(std::make_unique<Impl>(std::move(graph), output)) {}
Network::~Network() = default;
Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;

const Shape& Network::input_shape() const { return impl_->graph.shape(0); }
const Shape& Network::output_shape() const { return impl_->graph.shape(impl_->output); }
const std::vector<ParameterSlot>& Network::slots() const { return impl_->slots; }
const float* Network::parameters() const { return impl_->parameters.data(); }

float* Network::parameters() {
  ++impl_->loans;
  ++impl_->version;
  return impl_->parameters.data();
}

void Network::return_parameters() {
  check(lent(), "[return_parameters] expected parameters that are lent. Received: more returns than loans");
  ++impl_->version;
  --impl_->loans;
}

bool Network::lent() const { return impl_->loans > 0; }

float* Network::gradients() { return impl_->gradients.data(); }
int64_t Network::parameter_count() const { return impl_->parameter_count; }

Precision Network::precision() const { return impl_->precision; }

void Network::set_precision(Precision precision) {
  if (precision == impl_->precision) return;
  impl_->precision = precision;
  impl_->training.clear();
  impl_->inference.reset();
}

void Network::forward(const Images& x, float* y) {
  if (x.samples == 0) return;
  // In this order: what was written before a loan ended belongs to the version that is read after it.
  const bool now_lent = lent();
  impl_->inference_plan().forward(x, y, {impl_->version, now_lent});
}

double Network::train_step(const TrainBatch& batch, const LossSpec& loss, Optimizer* optimizer, float* outputs) {
  check(batch.size >= 1, "[train_step] expected a batch of at least one sample. Received: ", batch.size);
  check((loss.kind == LossKind::sparse_categorical_crossentropy) == (batch.y.labels != nullptr),
        "[train_step] expected integer labels for sparse_categorical_crossentropy and float targets for the other "
        "losses");
  check(!optimizer || optimizer->size() == impl_->parameter_count, "[train_step] expected an optimizer of ",
        impl_->parameter_count, " parameters. Received: one of ", optimizer ? optimizer->size() : 0);
  const int64_t cols = output_shape().back(), rows = element_count(output_shape()) / cols;
  check_loss(loss, cols);
  for (int64_t n = 0; n < batch.size; ++n) {
    const int64_t sample = batch.indices ? batch.indices[n] : n;
    check(sample >= 0 && sample < batch.x.samples, "[train_step] expected indices in [0, ", batch.x.samples,
          "). Received: ", sample);
    for (int64_t r = 0; batch.y.labels && r < rows; ++r) check_label(loss, batch.y.labels[sample * rows + r], cols);
  }
  Execution& execution = impl_->training_for(batch.size);
  const Activation last = execution.plan().softmax_output ? Activation::softmax : Activation::linear;
  const double value = execution.backpropagate(batch, loss, output_meaning(loss, last), step, outputs);
  if (!std::isfinite(value)) return value;
  if (!execution.gather_gradients()) return std::nan("");
  ++step;
  if (!optimizer) return value;
  const UpdateRange all{0, impl_->parameter_count, impl_->parameters.data(), impl_->gradients.data()};
  optimizer->apply({&all, 1});
  ++impl_->version;
  return value;
}

double Network::loss(int64_t size, const float* predictions, const Targets& targets, const LossSpec& loss) const {
  const int64_t cols = output_shape().back(), rows = element_count(output_shape()) / cols;
  return reduced_loss(loss, size * rows, cols, predictions, targets, nullptr, nullptr);
}

std::string Network::describe() const {
  std::string text = impl_->inference_plan().plan().describe();
  for (const auto& [batch, execution] : impl_->training) text += execution->plan().describe();
  return text;
}

}  // namespace cnncore
