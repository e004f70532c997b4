// batch_normalization (Ioffe and Szegedy, 2015) normalizes each channel (the last axis), as in Keras. The formulas are
// in ops/normalization_rows.h. In training it needs the whole batch twice: for the mean and variance, and for the sums
// of gradients. In inference it multiplies each channel by a factor and adds an offset, which the layer before can
// include in its kernel and bias.
#include <algorithm>

#include "graph/activation_op.h"
#include "graph/channel_map.h"
#include "ops/normalization_rows.h"
#include "run/step_with_tangents.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

struct BatchNormMeaning {
  float momentum, epsilon;
  bool center, scale;
  // Training, too, normalizes by the moving statistics and does not change them: with `frozen` nothing of the layer is
  // trained, as in layers with trainable = False, and with `moving` gamma and beta are, as in calls with
  // training=False.
  bool frozen, moving;
  bool relu = false;
};

// The places of gamma, beta, mean and variance among the parameters. gamma and beta are -1 if there are none.
struct Roles {
  explicit Roles(const BatchNormMeaning& m)
      : gamma(m.scale ? 0 : -1), beta(m.center ? m.scale : -1), mean(m.scale + m.center) {}
  int gamma, beta, mean;
  int variance() const { return mean + 1; }
};

const float* value(const ParameterRef* parameters, int role) { return role < 0 ? nullptr : parameters[role].value; }

class BatchNormalizationMap : public ChannelMap {
 public:
  BatchNormalizationMap(const BatchNormMeaning& m, int64_t channels) : m_(m), channels_(channels) {}
  std::vector<ParameterSpec> parameters() const override {
    std::vector<ParameterSpec> specs;
    if (m_.scale) specs.push_back({"gamma", {channels_}});
    if (m_.center) specs.push_back({"beta", {channels_}});
    specs.push_back({"moving_mean", {channels_}, true});
    specs.push_back({"moving_variance", {channels_}, true});
    return specs;
  }
  void evaluate(const ParameterRef* p, int64_t channels, float* scale, float* offset) const override {
    const Roles roles(m_);
    inverse_deviation(channels, value(p, roles.variance()), m_.epsilon, offset);
    batch_norm_affine(channels, value(p, roles.gamma), value(p, roles.beta), value(p, roles.mean), offset, scale,
                      offset);
  }

 private:
  BatchNormMeaning m_;
  int64_t channels_;
};

// The sums of a shard, in its memory for partial sums, or those of the batch. They are doubles, and begin with zeros.
struct BatchSums {
  BatchSums(float* memory, int64_t count) : at(reinterpret_cast<double*>(memory)), channels(count) {}
  static int64_t size(int64_t count) { return 2 * (1 + 4 * count); }  // floats
  Moments moments() const { return {static_cast<int64_t>(at[0]), at + 1, at + 1 + channels}; }
  void set_count(int64_t count) { at[0] = static_cast<double>(count); }
  GradientMoments gradients() const { return {at + 1 + 2 * channels, at + 1 + 3 * channels}; }
  double* at;
  int64_t channels;
};

class BatchNormalizationStep : public Step {
 public:
  BatchNormalizationStep(const BatchNormMeaning& m, const Shape& shape, const StepContext& context)
      : m_(m),
        roles_(m),
        rows_(element_count(shape) / shape.back()),
        channels_(shape.back()),
        parameters_(context.parameters),
        k_(context.kernels) {}

  bool whole_batch() const override { return true; }
  // The statistics of a call are combined with those before in double precision, which would take longer than all else
  // if a call had a single row.
  int64_t group() const override { return std::max<int64_t>(1, kRowsTogether / rows_); }
  int64_t partial_size() const override { return BatchSums::size(channels_); }
  int64_t batch_size(int64_t) const override {
    return aligned_count<float>(BatchSums::size(channels_)) + 6 * aligned_count<float>(channels_);
  }

  void observe(const Run& run) const override {
    BatchSums sums(run.partial, channels_);
    Moments m = sums.moments();
    observe_rows(k_, run.count * rows_, channels_, run.x[0], m);
    sums.set_count(m.count);
  }
  void join(const BatchView& batch) const override {
    BatchSums total(batch.batch, channels_);
    std::fill_n(total.at, 1 + 4 * channels_, 0.0);
    Moments m = total.moments();
    for (int64_t i = 0; i < batch.partials.count; ++i)
      combine_moments(channels_, BatchSums(batch.partials.first + i * batch.partials.stride, channels_).moments(), m);
    total.set_count(m.count);
    batch_statistics(channels_, m, m_.epsilon, part(batch.batch, kMean), part(batch.batch, kInverse));
    batch_norm_scale(channels_, value(parameters_.data(), roles_.gamma), part(batch.batch, kInverse),
                     part(batch.batch, kScale));
  }
  void forward(const Run& run) const override {
    normalize_rows(k_, {.x = run.x[0],
                        .rows = run.count * rows_,
                        .cols = channels_,
                        .mean = part(run.batch, kMean),
                        .scale = part(run.batch, kScale),
                        .offset = value(parameters_.data(), roles_.beta),
                        .relu = m_.relu,
                        .y = run.y});
  }

  void observe_gradient(const Run& run) const override {
    const int64_t rows = run.count * rows_;
    const GradientMoments sums = BatchSums(run.partial, channels_).gradients();
    const float* mean = part(run.batch, kMean);
    m_.relu ? observe_relu_gradient_rows(k_, rows, channels_, run.x[0], mean, run.y, run.dy, sums)
            : observe_gradient_rows(k_, rows, channels_, run.x[0], mean, run.dy, sums);
  }
  void join_gradient(const BatchView& batch) const override {
    BatchSums total(batch.batch, channels_);
    for (int64_t i = 0; i < batch.partials.count; ++i)
      combine_gradient_moments(channels_,
                               BatchSums(batch.partials.first + i * batch.partials.stride, channels_).gradients(),
                               total.gradients());
    batch_norm_gradients(channels_, total.moments().count, value(parameters_.data(), roles_.gamma),
                         part(batch.batch, kInverse), total.gradients(), gradient_of(roles_.gamma),
                         gradient_of(roles_.beta), coefficients(batch.batch));
  }
  void backward(const Run& run) const override {
    if (run.dx[0])
      normalize_rows_backward(k_, run.count * rows_, channels_, run.x[0], part(run.batch, kMean), run.dy,
                              coefficients(run.batch), run.dx[0]);
  }
  bool backward_reads_y() const override { return false; }  // only observe_gradient reads it
  bool repeats_forward() const override { return true; }

  int64_t gradient_tasks() const override {
    return (gradient_of(roles_.gamma) != nullptr) + (gradient_of(roles_.beta) != nullptr);
  }
  Range gradient(int64_t task, const BatchView&, float*) const override {  // join_gradient has written the gradients
    const bool gamma = task == 0 && gradient_of(roles_.gamma);
    return {gradient_of(gamma ? roles_.gamma : roles_.beta), channels_};
  }
  void commit(const float* batch) const override {
    const BatchSums total(const_cast<float*>(batch), channels_);
    update_moving(channels_, total.moments(), m_.momentum, parameters_[static_cast<size_t>(roles_.mean)].value,
                  parameters_[static_cast<size_t>(roles_.variance())].value);
  }
  std::string describe() const override { return m_.relu ? "batch_normalization and relu" : "batch_normalization"; }

 private:
  static constexpr int64_t kRowsTogether = 16;
  enum Array { kMean, kInverse, kScale, kDyScale, kDySlope, kDyOffset };
  float* part(float* batch, Array array) const {
    return batch + aligned_count<float>(BatchSums::size(channels_)) + array * aligned_count<float>(channels_);
  }
  NormalizeCoefficients coefficients(float* batch) const {
    return {part(batch, kDyScale), part(batch, kDySlope), part(batch, kDyOffset)};
  }
  float* gradient_of(int role) const { return role < 0 ? nullptr : parameters_[static_cast<size_t>(role)].grad; }

  BatchNormMeaning m_;
  Roles roles_;
  int64_t rows_, channels_;
  std::vector<ParameterRef> parameters_;
  const Kernels& k_;
};

// The step for products with curvature, and for calls that behave as in inference while the model is trained. It uses
// the moving statistics, while gamma and beta are trained. It computes
// y = (x - mean) s + beta, where s = gamma / sqrt(variance + epsilon). The gradients of gamma and beta follow from the
// sums of dy and of dy * x over each channel.
class FixedStatisticsStep : public StepWithTangents {
 public:
  FixedStatisticsStep(const BatchNormMeaning& m, std::shared_ptr<const ChannelMap> map, const Shape& shape,
                      const StepContext& context)
      : roles_(m),
        epsilon_(m.epsilon),
        map_(std::move(map)),
        rows_(element_count(shape) / shape.back()),
        channels_(shape.back()),
        parameters_(context.parameters),
        k_(context.kernels) {}

  void forward(const Run& run) const override { scaled(run, run.x[0], run.packed, true, run.y); }
  void backward(const Run& run) const override {
    if (run.dx[0]) scaled(run, run.dy, run.packed, false, run.dx[0]);
    add_products(run, run.dy, nullptr, run.partial);
    add_products(run, run.dy, run.x[0], run.partial + 2 * channels_);
  }

  void tangent(const Run& run, const Run& tangent) const override {
    scaled(run, run.x[0], tangent.packed, true, tangent.y);
    if (!tangent.x[0]) return;
    scaled(run, tangent.x[0], run.packed, false, run.spare);
    k_.accumulate(run.spare, tangent.y, run.count * rows_ * channels_);
  }
  void backward_tangent(const Run& run, const Run& tangent) const override {
    if (run.dx[0]) scaled(run, run.dy, run.packed, false, run.dx[0]);
    backward_gauss_newton(run, tangent);
    if (tangent.x[0]) add_products(run, run.dy, tangent.x[0], tangent.partial + 2 * channels_);
    if (!run.dx[0]) return;
    scaled(run, run.dy, tangent.packed, false, run.spare);
    k_.accumulate(run.spare, tangent.dx[0], run.count * rows_ * channels_);
  }

  int64_t packed_size() const override { return 3 * stride(); }  // scale, offset, inverse
  int64_t pack_tasks() const override { return 1; }
  void pack(int64_t, float* packed) const override {
    map_->evaluate(parameters_.data(), channels_, packed, packed + stride());
    inverse_deviation(channels_, value(parameters_.data(), roles_.variance()), epsilon_, packed + 2 * stride());
  }
  void pack_tangent(int64_t, float* packed) const override {
    const float* mean = value(parameters_.data(), roles_.mean);
    const float* gamma = tangent_of(roles_.gamma);
    const float* beta = tangent_of(roles_.beta);
    inverse_deviation(channels_, value(parameters_.data(), roles_.variance()), epsilon_, packed + 2 * stride());
    for (int64_t c = 0; c < channels_; ++c) {
      packed[c] = gamma ? gamma[c] * packed[2 * stride() + c] : 0.0f;
      packed[stride() + c] = (beta ? beta[c] : 0.0f) - mean[c] * packed[c];
    }
  }

  int64_t partial_size() const override { return 4 * channels_; }  // doubles
  int64_t gradient_tasks() const override { return 1; }
  Range gradient(int64_t, const BatchView& batch, float*) const override {
    const float* mean = value(parameters_.data(), roles_.mean);
    const float* variance = value(parameters_.data(), roles_.variance());
    for (int64_t c = 0; c < channels_; ++c) {
      double sum = 0, product = 0;
      for (int64_t i = 0; i < batch.partials.count; ++i) {
        const double* sums = reinterpret_cast<const double*>(batch.partials.first + i * batch.partials.stride);
        sum += sums[c], product += sums[channels_ + c];
      }
      float inverse;
      inverse_deviation(1, variance + c, epsilon_, &inverse);
      if (float* dbeta = gradient_of(roles_.beta)) dbeta[c] = static_cast<float>(sum);
      if (float* dgamma = gradient_of(roles_.gamma))
        dgamma[c] = static_cast<float>((product - mean[c] * sum) * inverse);
    }
    return {};
  }
  std::string describe() const override { return "batch_normalization"; }

 private:
  int64_t stride() const { return aligned_count<float>(channels_); }
  float* gradient_of(int role) const { return role < 0 ? nullptr : parameters_[static_cast<size_t>(role)].grad; }
  const float* tangent_of(int role) const {
    return role < 0 ? nullptr : parameters_[static_cast<size_t>(role)].tangent;
  }
  // Computes y = x times the scale of each channel, plus the offset of the channel if `offset` is true.
  void scaled(const Run& run, const float* x, const float* packed, bool offset, float* y) const {
    normalize_rows(k_, {.x = x,
                        .rows = run.count * rows_,
                        .cols = channels_,
                        .mean = nullptr,
                        .scale = packed,
                        .offset = offset ? packed + stride() : nullptr,
                        .relu = false,
                        .y = y});
  }
  // Adds dy * x, or dy if x is null, to the sum of each channel. The sums are doubles in a memory of floats.
  void add_products(const Run& run, const float* dy, const float* x, float* sums) const {
    double* to = reinterpret_cast<double*>(sums);
    for (int64_t i = 0; i < run.count * rows_ * channels_; i += channels_)
      for (int64_t c = 0; c < channels_; ++c) to[c] += static_cast<double>(dy[i + c]) * (x ? x[i + c] : 1.0f);
  }

  Roles roles_;
  float epsilon_;
  std::shared_ptr<const ChannelMap> map_;
  int64_t rows_, channels_;
  std::vector<ParameterRef> parameters_;
  const Kernels& k_;
};

class BatchNormalizationOp : public Op, public HasChannelMap {
 public:
  BatchNormalizationOp(const Shape& shape, const BatchNormMeaning& m)
      : Op({shape}, shape), m_(m), map_(std::make_shared<BatchNormalizationMap>(m, shape.back())) {}

  std::vector<ParameterSpec> parameters() const override { return map_->parameters(); }
  std::shared_ptr<const ChannelMap> channel_map() const override { return m_.relu ? nullptr : map_; }
  OpPtr fused(const Op& next, Purpose purpose) const override {
    const auto* act = dynamic_cast<const ActivationOp*>(&next);
    const bool by_fixed_statistics = purpose == Purpose::curvature || (purpose == Purpose::training && m_.moving);
    if (by_fixed_statistics || !act || m_.relu || act->as_part(purpose) != Activation::relu) return nullptr;
    BatchNormMeaning m = m_;
    m.relu = true;
    return std::make_shared<BatchNormalizationOp>(output(), m);
  }
  // In training the statistics depend on all pixels, so none of them can be left out.
  std::unique_ptr<Step> plan(const StepContext& context) const override {
    if (context.purpose == Purpose::training && !m_.frozen && !m_.moving)
      return std::make_unique<BatchNormalizationStep>(m_, output(), context);
    if (context.purpose != Purpose::inference && !m_.frozen)
      return std::make_unique<FixedStatisticsStep>(m_, map_, output(), context);
    return make_channel_map_step(map_, output(), m_.relu, "batch_normalization", context);
  }

 private:
  BatchNormMeaning m_;
  std::shared_ptr<const BatchNormalizationMap> map_;
};

}  // namespace

// Attributes: momentum (0.99 by default) and epsilon (0.001), as in Keras. center and scale say whether there is a beta
// and a gamma. If trainable is false, training uses the moving statistics and does not change them, as in Keras. If
// moving is true, it does the same, but changes beta and gamma.
OpPtr make_batch_normalization(AttributeReader& a, const std::vector<Shape>& inputs) {
  const double momentum = a.real("momentum", 0.99), epsilon = a.real("epsilon", 1e-3);
  check(momentum >= 0.0 && momentum <= 1.0, a.op(), "expected a momentum in [0, 1]. Received: ", momentum);
  check(epsilon >= 0.0, a.op(), "expected an epsilon of at least 0. Received: ", epsilon);
  BatchNormMeaning m{static_cast<float>(momentum), static_cast<float>(epsilon),   a.boolean("center", true),
                     a.boolean("scale", true),     !a.boolean("trainable", true), a.boolean("moving", false)};
  return std::make_shared<BatchNormalizationOp>(only_input(a, inputs), m);
}

}  // namespace cnncore
