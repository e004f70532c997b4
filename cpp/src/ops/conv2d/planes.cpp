// The gradient of the input, if it has few channels. Vectors of channels would be at least half empty, so the lanes of
// a vector are neighbouring pixels: each image is turned into planes, one per channel.
#include <limits>

#include "ops/conv2d/candidates.h"
#include "ops/conv2d/flipped_kernel.h"

namespace cnncore {
namespace {

// The kernel `planar` computes this many pixels at a time, with every instruction set.
constexpr int64_t kPlaneBlock = 64;

bool planes_apply(const Conv2dProblem& p, const Kernels& k) {
  const Conv2dParams& c = p.params;
  // If the kernel has a single tap, turning the gradient into planes and back would cost more than it saves.
  if (c.groups != 1 || !p.unit_strides() || p.taps() == 1 || 2 * c.in_channels > k.width) return false;
  // 32-bit offsets must reach the planes of all filters. Each plane may be a block longer than its image.
  const Padding border = data_border(c);
  const int64_t plane = (p.out_height + border.top + border.bottom) * (p.out_width + border.left + border.right);
  return c.filters * (2 * plane + 4 * kPlaneBlock) < std::numeric_limits<int32_t>::max();
}
double planes_speed(const Conv2dProblem& p, const Kernels& k) { return planes_apply(p, k) ? 2.0 : 0.0; }

class PlanesData : public DataPass {
 public:
  explicit PlanesData(Operands& operands)
      : p_(operands.problem()), k_(operands.kernels()), frame_(operands.dy_frame()) {
    const std::vector<StridePhase> phases = data_phases(p_.params, frame_, 1);
    const StridePhase& phase = phases.front();  // there is only one, because strides are 1
    taps_ = phase.taps;
    const int64_t pitch = frame_.full_width(), filters = p_.params.filters;
    length_ = (p_.params.in_height - 1) * pitch + p_.params.in_width;
    const int64_t padded_length = (length_ + kPlaneBlock - 1) / kPlaneBlock * kPlaneBlock;
    const int64_t base = phase.dy_offset.front(), reach = phase.tap_offset.empty() ? 0 : phase.tap_offset.front();
    dy_plane_ = aligned_count<float>(std::max((base + reach) / filters + padded_length, frame_.full_height() * pitch));
    dx_plane_ = padded_length;
    for (const int32_t tap : phase.tap_offset)
      for (int64_t f = 0; f < filters; ++f)
        term_offset_.push_back(static_cast<int32_t>((base + tap) / filters + f * dy_plane_));
    dy_planes_ = layout_.take<float>(filters * dy_plane_);
    dx_planes_ = layout_.take<float>(p_.params.in_channels * dx_plane_);
  }

  int64_t scratch_size() const override { return layout_.size(); }
  int64_t packed_size() const override { return p_.kernel_size(); }
  void pack(IndexRange channels, const float* kernel, float* packed) const override {
    pack_flipped(p_, k_, taps_, channels, kernel, packed);
  }

  void run(int64_t count, const DataRun& r) const override {
    const int64_t filters = p_.params.filters, channels = p_.params.in_channels, pitch = frame_.full_width();
    float* dy_planes = dy_planes_.in(r.scratch);
    float* dx_planes = dx_planes_.in(r.scratch);
    const float* dy = r.gradient.framed;
    float* dx = r.dx;
    for (int64_t n = 0; n < count; ++n, dy += frame_.size()) {
      k_.transpose(dy, filters, dy_planes, dy_plane_, frame_.full_height() * pitch, filters);
      k_.planar({.x = dy_planes,
                 .k_offset = term_offset_.data(),
                 .length = length_,
                 .depth = static_cast<int64_t>(term_offset_.size()),
                 .cols = channels,
                 .w = r.packed,
                 .ldw = channels,
                 .y = dx_planes,
                 .y_plane = dx_plane_});
      for (int64_t i = 0; i < p_.params.in_height; ++i, dx += p_.params.in_width * channels)
        k_.transpose(dx_planes + i * pitch, dx_plane_, dx, channels, channels, p_.params.in_width);
    }
    if (r.bias || r.relu) finish(count, r);
  }

 private:
  void finish(int64_t count, const DataRun& r) const {
    const int64_t channels = p_.params.in_channels;
    for (int64_t i = 0; i < count * p_.x_size(); ++i) {
      const float value = r.dx[i] + (r.bias ? r.bias[i % channels] : 0.0f);
      r.dx[i] = r.relu && value < 0 ? 0.0f : value;
    }
  }

  const Conv2dProblem& p_;
  const Kernels& k_;
  const Frame& frame_;
  int64_t dy_plane_ = 0, dx_plane_ = 0;  // floats from the beginning of a plane to that of the next
  int64_t length_ = 0;  // pixels from the first to the last of dx, with rows as long as those of dy's frame
  std::vector<int64_t> taps_;
  Offsets term_offset_;  // for each (tap, filter): where it reads in dy's planes
  ScratchLayout layout_;
  ScratchArray<float> dy_planes_, dx_planes_;
};

OperandNeeds planes_needs(const Conv2dProblem& p, const Kernels&) {
  return {.framed_dy = true, .dy_border = data_border(p.params), .rounded_dy = true};
}

}  // namespace

const DataCandidate kPlanesData = {
    .name = "planes", .speed = planes_speed, .needs = planes_needs, .make = make_pass<DataPass, PlanesData>};

}  // namespace cnncore
