// The gradient of the input of a 3x3 convolution with a fused 2x2 max-pool. The 4x4 pixels that a window of the pool
// reaches stay in registers while the gradients of its winners are added (kernels/patch_data.inl.h).
#include "ops/conv2d/candidates.h"
#include "ops/conv2d/frame.h"

namespace cnncore {
namespace {

constexpr int64_t kLeastPatchWidth = 16;  // instruction sets with narrower vectors have too few registers

double patch_data_speed(const Conv2dProblem& p, const Kernels& k) {
  const Conv2dParams& c = p.params;
  const bool applies = p.fusion.max_pool && p.unit_strides() && p.unit_dilation() && c.groups == 1 && !p.reduced() &&
                       c.kernel_height == 3 && c.kernel_width == 3 && k.width >= kLeastPatchWidth &&
                       c.in_channels % k.width == 0 && c.filters % k.width == 0;
  return applies ? 4.0 : 0.0;
}

class PatchData : public DataPass {
 public:
  explicit PatchData(Operands& operands)
      : p_(operands.problem()),
        k_(operands.kernels()),
        frame_(operands.x_frame()),
        windows_(operands.windows_in_x()),
        framed_(frame_.has_border()) {
    if (framed_) dx_copy_ = layout_.take<float>(operands.backward_images() * frame_.size());
    for (int64_t f = 0; f < p_.params.filters; ++f) kernel_offset_.push_back(static_cast<int32_t>(9 * k_.width * f));
  }

  int64_t scratch_size() const override { return layout_.size(); }
  int64_t packed_size() const override { return p_.kernel_size(); }
  // packed[block of channels][filter][tap][channel]
  void pack(IndexRange channels, const float* kernel, float* packed) const override {
    const int64_t filters = p_.params.filters, all = p_.params.in_channels;
    for (int64_t c = channels.begin; c < channels.end; c += k_.width)
      for (int64_t t = 0; t < 9; ++t)
        k_.transpose(kernel + (t * all + c) * filters, filters, packed + 9 * c * filters + t * k_.width, 9 * k_.width,
                     k_.width, filters);
  }
  void run(int64_t count, const DataRun& r) const override {
    float* dx = framed_ ? dx_copy_.in(r.scratch) : r.dx;
    std::fill_n(dx, count * frame_.size(), 0.0f);
    k_.patch_data({.dy = r.gradient.dy,
                   .winner = r.gradient.winner,
                   .windows = count * p_.windows(),
                   .filters = p_.params.filters,
                   .channels = p_.params.in_channels,
                   .window_offset = windows_.data(),
                   .row = frame_.full_width() * frame_.channels,
                   .kernel = r.packed,
                   .kernel_offset = kernel_offset_.data(),
                   .dx = dx});
    if (framed_) copy_out_of_frame(frame_, count, dx, r.dx);
  }

 private:
  const Conv2dProblem& p_;
  const Kernels& k_;
  const Frame& frame_;
  const Offsets& windows_;  // it begins with the offsets of the first pixel of each window
  bool framed_;
  Offsets kernel_offset_;
  ScratchLayout layout_;
  ScratchArray<float> dx_copy_;
};

OperandNeeds patch_data_needs(const Conv2dProblem& p, const Kernels&) { return {.x_border = p.params.padding}; }

}  // namespace

const DataCandidate kPatchData = {
    .name = "patch", .speed = patch_data_speed, .needs = patch_data_needs, .make = make_pass<DataPass, PatchData>};

}  // namespace cnncore
