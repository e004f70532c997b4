#include "host_op.h"

#include <algorithm>

#include "callable.h"
#include "run/step.h"

namespace cnncore {
namespace {

struct HostMeaning {
  std::string layer;
  std::shared_ptr<const Callable> forward, backward;
  std::vector<Shape> parameters;
};

void copy_result(const std::string& layer, const char* what, const py::handle& result, int64_t size, float* to) {
  const auto array = py::array_t<float, py::array::c_style | py::array::forcecast>::ensure(result);
  if (!array) {
    PyErr_Clear();
    fail("layer \"", layer, "\": expected an array as ", what, ". Received: ", type_name(result));
  }
  check(array.size() == size, "layer \"", layer, "\": expected ", what, " of ", size, " values. Received: shape ",
        shape_of(array));
  std::copy_n(array.data(), size, to);
}

class HostStep : public Step {
 public:
  HostStep(const HostMeaning& m, const std::vector<Shape>& inputs, const Shape& output, const StepContext& context)
      : m_(m),
        inputs_(inputs),
        output_(output),
        training_(context.purpose == Purpose::training),
        parameters_(context.parameters) {
    check(
        !context.backward || m.backward->exists(), "layer \"", m.layer,
        "\": it has no backward pass, so layers before it cannot be trained. Give it a method backward(x, dy), or set "
        "trainable = False for the layers before it.");
    size_ = element_count(output);
    for (size_t i = 0; i < inputs.size(); ++i) {
      input_at_.push_back(input_size_);
      if (context.input_grad[i]) input_size_ += element_count(inputs[i]);
    }
  }

  bool whole_batch() const override { return true; }
  bool calls_python() const override { return true; }
  int64_t batch_size(int64_t samples) const override { return samples * (size_ + input_size_); }

  void join(const BatchView& batch) const override {
    const py::gil_scoped_acquire gil;
    const py::object y = (*m_.forward)(arrays(batch), training_);
    copy_result(m_.layer, "the result of call", y, batch.size * size_, batch.batch);
  }
  void forward(const Run& run) const override { std::copy_n(run.batch + run.first * size_, run.count * size_, run.y); }
  void join_gradient(const BatchView& batch) const override {
    const py::gil_scoped_acquire gil;
    samples_ = batch.size;
    const py::object result = (*m_.backward)(arrays(batch), copy_of(batch.dy, batch.size, output_));
    check(py::isinstance<py::sequence>(result), "layer \"", m_.layer,
          "\": expected a list of gradients from backward. Received: ", type_name(result));
    const std::vector<py::object> gradients = result.cast<std::vector<py::object>>();
    check(gradients.size() == inputs_.size() + parameters_.size(), "layer \"", m_.layer, "\": expected ",
          inputs_.size() + parameters_.size(), " gradients from backward. Received: ", gradients.size());
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const int64_t size = element_count(inputs_[i]);
      const int64_t end = i + 1 < inputs_.size() ? input_at_[i + 1] : input_size_;
      if (end > input_at_[i])
        copy_result(m_.layer, "the gradient of an input", gradients[i], batch.size * size,
                    batch.batch + batch.size * (size_ + input_at_[i]));
    }
    for (size_t i = 0; i < parameters_.size(); ++i)
      if (parameters_[i].grad)
        copy_result(m_.layer, "the gradient of a weight", gradients[inputs_.size() + i], parameters_[i].size,
                    parameters_[i].grad);
  }
  void backward(const Run& run) const override {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!run.dx[i]) continue;
      const int64_t size = element_count(inputs_[i]);
      std::copy_n(run.batch + samples_ * (size_ + input_at_[i]) + run.first * size, run.count * size, run.dx[i]);
    }
  }
  int64_t gradient_tasks() const override { return static_cast<int64_t>(parameters_.size()); }
  Range gradient(int64_t task, const BatchView&, float*) const override {  // join_gradient has written the gradient
    const ParameterRef& parameter = parameters_[static_cast<size_t>(task)];
    return {parameter.grad, parameter.grad ? parameter.size : 0};
  }
  std::string describe() const override { return "a layer in Python"; }

 private:
  py::list arrays(const BatchView& batch) const {
    py::list x;
    for (size_t i = 0; i < inputs_.size(); ++i) x.append(copy_of(batch.x[i], batch.size, inputs_[i]));
    return x;
  }

  HostMeaning m_;
  std::vector<Shape> inputs_;
  Shape output_;
  bool training_;
  std::vector<ParameterRef> parameters_;
  int64_t size_ = 0, input_size_ = 0;
  std::vector<int64_t> input_at_;  // where the gradients of the inputs begin, in floats for each sample
  mutable int64_t samples_ = 0;    // the size of the batch, for backward(); only one training step runs at a time
};

class HostOp : public Op {
 public:
  HostOp(std::vector<Shape> inputs, Shape output, HostMeaning m)
      : Op(std::move(inputs), std::move(output)), m_(std::move(m)) {}
  std::vector<ParameterSpec> parameters() const override {
    std::vector<ParameterSpec> specs;
    for (const Shape& shape : m_.parameters) specs.push_back({"weight", shape});
    return specs;
  }
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<HostStep>(m_, inputs(), output(), context);
  }

 private:
  HostMeaning m_;
};

}  // namespace

int add_host_op(Graph& graph, const std::vector<int>& inputs, const std::string& layer, const py::kwargs& attributes) {
  const auto get = [&](const char* name) -> py::object {
    return attributes.contains(name) ? py::object(attributes[name]) : py::object(py::none());
  };
  // Returns an attribute as a T, or `fallback` if it is None.
  const auto read = [&]<class T>(const char* name, const char* expected, T fallback) -> T {
    const py::object value = get(name);
    try {
      return value.is_none() ? fallback : value.cast<T>();
    } catch (const py::cast_error&) {
      throw py::type_error("layer \"" + layer + "\": [host] expected `" + name + "` to be " + expected +
                           ". Received: " + std::string(py::repr(value)));
    }
  };
  HostMeaning m{layer, std::make_shared<Callable>(get("forward")), std::make_shared<Callable>(get("backward")), {}};
  check(m.forward->exists(), "layer \"", layer, "\": [host] expected a function `forward`. Received: None");
  check(!get("shape").is_none(), "layer \"", layer, "\": [host] expected the shape of the result. Received: None");
  m.parameters = read("parameters", "a list of shapes", std::vector<Shape>());
  const std::vector<int64_t> weights = read("weights", "a list of whole numbers", std::vector<int64_t>());
  const bool trainable = read("trainable", "true or false", true);
  std::vector<Shape> shapes;
  for (const int t : inputs) shapes.push_back(graph.shape(t));
  const Shape output = read("shape", "a list of whole numbers", Shape());
  check(!inputs.empty(), "layer \"", layer, "\": [host] expected an input");
  return graph.add(std::make_shared<HostOp>(std::move(shapes), output, std::move(m)), inputs, layer, weights,
                   trainable);
}

}  // namespace cnncore
