// The ops dropout and gaussian_noise, which return their input in inference unless they are to act always.
// ops/random_rows.h computes the random numbers.
#include <algorithm>

#include "ops/random_rows.h"
#include "run/step.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

bool acts(Purpose purpose, bool always) {
  return purpose == Purpose::training || (always && purpose == Purpose::inference);
}

class DropoutStep : public Step {
 public:
  DropoutStep(double rate, uint64_t seed, const Shape& sample, const Shape& noise, const Kernels& kernels)
      : plan_(static_cast<float>(rate), seed, sample, noise), k_(kernels) {}
  void forward(const Run& run) const override { apply(run, run.x[0], run.y); }
  void backward(const Run& run) const override {
    if (run.dx[0]) apply(run, run.dy, run.dx[0]);
  }
  bool backward_reads_x() const override { return false; }
  bool backward_reads_y() const override { return false; }
  std::string describe() const override { return "dropout"; }

 private:
  void apply(const Run& run, const float* from, float* to) const {
    plan_.run(k_, static_cast<uint64_t>(run.training_step), run.first, run.count, from, to);
  }
  DropoutPlan plan_;
  const Kernels& k_;
};

class DropoutOp : public Op {
 public:
  DropoutOp(const Shape& shape, double rate, uint64_t seed, const Shape& noise, bool always)
      : Op({shape}, shape), rate_(rate), seed_(seed), noise_(noise), always_(always) {}
  bool is_view(Purpose purpose) const override { return !acts(purpose, always_) || rate_ == 0.0; }
  OpPtr cut(const Shape& output) const override {
    if (noise_ != this->output() && output != this->output()) return nullptr;
    return std::make_shared<DropoutOp>(output, rate_, seed_, noise_ == this->output() ? output : noise_, always_);
  }
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<DropoutStep>(rate_, seed_, output(), noise_, context.kernels);
  }

 private:
  double rate_;
  uint64_t seed_;
  Shape noise_;
  bool always_;
};

class GaussianNoiseStep : public Step {
 public:
  GaussianNoiseStep(double stddev, uint64_t seed, int64_t size, const Kernels& kernels)
      : stddev_(static_cast<float>(stddev)), seed_(seed), size_(size), k_(kernels) {}
  void forward(const Run& run) const override {
    const uint64_t step = static_cast<uint64_t>(run.training_step);
    gaussian_noise_rows(k_, {.stddev = stddev_, .seed = seed_, .step = step, .size = size_}, run.first, run.count,
                        run.x[0], run.y);
  }
  void backward(const Run& run) const override {
    if (run.dx[0]) std::copy_n(run.dy, run.count * size_, run.dx[0]);
  }
  bool backward_reads_x() const override { return false; }
  bool backward_reads_y() const override { return false; }
  std::string describe() const override { return "gaussian_noise"; }

 private:
  float stddev_;
  uint64_t seed_;
  int64_t size_;
  const Kernels& k_;
};

class GaussianNoiseOp : public Op {
 public:
  GaussianNoiseOp(const Shape& shape, double stddev, uint64_t seed, bool always)
      : Op({shape}, shape), stddev_(stddev), seed_(seed), always_(always) {}
  bool is_view(Purpose purpose) const override { return !acts(purpose, always_) || stddev_ == 0.0; }
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    return std::make_unique<GaussianNoiseStep>(stddev_, seed_, element_count(output()), context.kernels);
  }

 private:
  double stddev_;
  uint64_t seed_;
  bool always_;
};

}  // namespace

// Attributes: rate is the probability with which a value is dropped. noise_shape is the shape of a sample, or 1 along
// axes where all values are dropped or kept together. With always, values are also dropped in inference.
OpPtr make_dropout(AttributeReader& a, const std::vector<Shape>& inputs) {
  const Shape& shape = only_input(a, inputs);
  const double rate = a.real("rate");
  check(rate >= 0.0 && rate <= 1.0, a.op(), "expected a rate in [0, 1]. Received: ", rate);
  const Shape noise = a.integers("noise_shape", shape);
  check(noise.size() == shape.size(), a.op(), "expected a noise_shape of rank ", shape.size(), ". Received: ", noise);
  for (size_t i = 0; i < shape.size(); ++i)
    check(noise[i] == shape[i] || noise[i] == 1, a.op(), "expected a noise_shape with the sizes of ", shape,
          " or 1. Received: ", noise);
  return std::make_shared<DropoutOp>(shape, rate, static_cast<uint64_t>(a.integer("seed", 0)), noise,
                                     a.boolean("always", false));
}

OpPtr make_gaussian_noise(AttributeReader& a, const std::vector<Shape>& inputs) {
  const double stddev = a.real("stddev");
  check(stddev >= 0.0 && stddev < 1e30, a.op(), "expected a stddev in [0, 1e30). Received: ", stddev);
  return std::make_shared<GaussianNoiseOp>(only_input(a, inputs), stddev, static_cast<uint64_t>(a.integer("seed", 0)),
                                           a.boolean("always", false));
}

}  // namespace cnncore
