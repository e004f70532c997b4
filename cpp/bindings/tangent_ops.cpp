#include "tangent_ops.h"

#include <algorithm>

#include "callable.h"
#include "run/step_with_tangents.h"

namespace cnncore {
namespace {

using Record = std::shared_ptr<const Callable>;

void call(const Record& record, const float* rows, const float* values, int64_t count, const Shape& shape) {
  const py::gil_scoped_acquire gil;
  (*record)(copy_of(rows, count, {}), copy_of(values, count, shape));
}

// The plan only computes tangents behind trained parameters. So the source has one, which it does not use.
class TangentSourceStep : public StepWithTangents {
 public:
  TangentSourceStep(Record record, const Shape& shape, const StepContext& context)
      : record_(std::move(record)), shape_(shape), size_(element_count(shape)), unused_(context.parameters[0]) {}
  void forward(const Run& run) const override { std::copy_n(run.x[0], run.count * size_, run.y); }
  void backward(const Run& run) const override {
    if (run.dx[0]) std::copy_n(run.dy, run.count * size_, run.dx[0]);
  }
  void tangent(const Run& run, const Run& tangent) const override {
    std::copy_n(run.x[1], run.count * size_, tangent.y);
  }
  void backward_tangent(const Run& run, const Run& tangent) const override {
    call(record_, run.x[2], tangent.dy, run.count, shape_);
  }
  int64_t group() const override { return 0; }
  int64_t gradient_tasks() const override { return 1; }
  Range gradient(int64_t, const BatchView&, float*) const override {
    if (!unused_.grad) return {};
    *unused_.grad = 0.0f;
    return {unused_.grad, 1};
  }
  bool backward_reads_y() const override { return false; }
  std::string describe() const override { return "tangent_source"; }

 private:
  Record record_;
  Shape shape_;
  int64_t size_;
  ParameterRef unused_;
};

class TangentProbeStep : public StepWithTangents {
 public:
  TangentProbeStep(Record record, const Shape& shape)
      : record_(std::move(record)), shape_(shape), size_(element_count(shape)) {}
  void forward(const Run& run) const override { std::copy_n(run.x[0], run.count * size_, run.y); }
  void backward(const Run& run) const override {
    if (run.dx[0]) std::copy_n(run.dy, run.count * size_, run.dx[0]);
  }
  void tangent(const Run& run, const Run& tangent) const override {
    std::copy_n(tangent.x[0], run.count * size_, tangent.y);
    call(record_, run.x[1], tangent.x[0], run.count, shape_);
  }
  int64_t group() const override { return 0; }
  bool backward_reads_x() const override { return false; }
  bool backward_reads_y() const override { return false; }
  std::string describe() const override { return "tangent_probe"; }

 private:
  Record record_;
  Shape shape_;
  int64_t size_;
};

class TangentOp : public Op {
 public:
  TangentOp(std::vector<Shape> inputs, const Shape& output, bool is_source, Record record)
      : Op(std::move(inputs), output), is_source_(is_source), record_(std::move(record)) {}
  std::vector<ParameterSpec> parameters() const override {
    return is_source_ ? std::vector<ParameterSpec>{{"unused", {1}}} : std::vector<ParameterSpec>{};
  }
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    if (is_source_) return std::make_unique<TangentSourceStep>(record_, output(), context);
    return std::make_unique<TangentProbeStep>(record_, output());
  }

 private:
  bool is_source_;
  Record record_;
};

}  // namespace

int add_tangent_op(Graph& graph, const std::string& kind, const std::vector<int>& inputs, const std::string& layer,
                   const py::kwargs& attributes) {
  const bool is_source = kind == "tangent_source";
  std::vector<Shape> shapes;
  for (const int t : inputs) shapes.push_back(graph.shape(t));
  check(shapes.size() == (is_source ? 3u : 2u) && (!is_source || shapes[0] == shapes[1]) && shapes.back() == Shape{1},
        "[", kind, "] expected x", is_source ? ", a direction of its shape" : "", " and rows of shape (1,)");
  check(attributes.contains("record"), "[", kind, "] expected a function `record`");
  auto record = std::make_shared<const Callable>(py::object(attributes["record"]));
  const Shape output = shapes.front();
  return graph.add(std::make_shared<TangentOp>(std::move(shapes), output, is_source, std::move(record)), inputs, layer);
}

}  // namespace cnncore
