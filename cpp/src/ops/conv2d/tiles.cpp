// The forward pass and the gradient of the input as products of bfloat16 tiles, for machines with a unit for those.
#include "ops/conv2d/tiles.h"

#include "ops/conv2d/candidates.h"
#include "ops/conv2d/tile_convolution.h"

namespace cnncore {

double tiles_speed(const Conv2dProblem& p, const Kernels& k) {
  return p.params.in_channels % kTileRows == 0 && p.params.filters % kTileRows == 0 ? tile_speed(k, p.params.precision)
                                                                                    : 0.0;
}

TileShape tile_shape(const Conv2dProblem& p) {
  return {.x = {p.params.in_height, p.params.in_width, p.params.in_channels, {}},
          .filters = p.params.filters,
          .stride_height = p.params.stride_height,
          .stride_width = p.params.stride_width,
          .precision = p.params.precision};
}

std::vector<TileTap> forward_taps(const Conv2dParams& p) {
  std::vector<TileTap> taps;
  for (int64_t ky = 0; ky < p.kernel_height; ++ky)
    for (int64_t kx = 0; kx < p.kernel_width; ++kx)
      taps.push_back({.y = ky * p.dilation_height - p.padding.top,
                      .x = kx * p.dilation_width - p.padding.left,
                      .kernel = ky * p.kernel_width + kx});
  return taps;
}

namespace {

std::vector<TileProduct> forward_product(const Conv2dProblem& p) {
  const int64_t row = p.fusion.max_pool ? p.used_width / 2 : p.used_width;
  return {{.taps = forward_taps(p.params),
           .height = p.used_height,
           .width = p.used_width,
           .y_begin = 0,
           .y_row = row * p.params.filters,
           .y_pixel = p.params.filters}};
}

class TilesForward : public ForwardPass {
 public:
  explicit TilesForward(Operands& operands)
      : p_(operands.problem()), product_(tile_shape(p_), forward_product(p_), p_.fusion.max_pool, operands.kernels()) {}

  int64_t scratch_size() const override { return product_.scratch_size(); }
  int64_t packed_size() const override { return product_.packed_size(); }
  void pack(IndexRange channels, const float* kernel, float* packed) const override {
    product_.pack(channels, kernel, packed);
  }
  void run(int64_t count, Share share, const ForwardRun& r) const override {
    product_.run(count, p_.y_size(), share,
                 {.x = r.x,
                  .packed = r.packed,
                  .bias = r.bias,
                  .y = r.y,
                  .winner = r.winner,
                  .relu = p_.relu(),
                  .scratch = r.scratch});
  }

 private:
  const Conv2dProblem& p_;
  TileConvolution product_;
};

// One tap along one axis, among those by which the outputs read input positions with a given remainder divided by the
// stride, and the position in dy that it reads first.
struct MetTap {
  int64_t at, tap;
};
std::vector<MetTap> met_taps(int64_t residue, int64_t taps, int64_t dilation, int64_t before, int64_t stride) {
  std::vector<MetTap> met;
  for (int64_t k = 0; k < taps; ++k) {
    const int64_t at = residue + before - k * dilation;
    if (at % stride == 0) met.push_back({at / stride, k});
  }
  return met;
}

// Makes one product for each remainder of the input's position divided by the stride. It has the taps by which outputs
// read such positions.
std::vector<TileProduct> data_products(const Conv2dParams& p) {
  std::vector<TileProduct> products;
  for (int64_t y = 0; y < std::min(p.stride_height, p.in_height); ++y)
    for (int64_t x = 0; x < std::min(p.stride_width, p.in_width); ++x) {
      TileProduct product{.height = (p.in_height - y + p.stride_height - 1) / p.stride_height,
                          .width = (p.in_width - x + p.stride_width - 1) / p.stride_width,
                          .y_begin = (y * p.in_width + x) * p.in_channels,
                          .y_row = p.stride_height * p.in_width * p.in_channels,
                          .y_pixel = p.stride_width * p.in_channels};
      for (const MetTap& row : met_taps(y, p.kernel_height, p.dilation_height, p.padding.top, p.stride_height))
        for (const MetTap& column : met_taps(x, p.kernel_width, p.dilation_width, p.padding.left, p.stride_width))
          product.taps.push_back({.y = row.at, .x = column.at, .kernel = row.tap * p.kernel_width + column.tap});
      products.push_back(std::move(product));
    }
  return products;
}

class TilesData : public DataPass {
 public:
  explicit TilesData(Operands& operands)
      : p_(operands.problem()),
        product_({.x = operands.dy_frame(),
                  .filters = p_.params.in_channels,
                  .stride_height = 1,
                  .stride_width = 1,
                  .precision = p_.params.precision},
                 data_products(p_.params), false, operands.kernels()) {}

  int64_t scratch_size() const override { return product_.scratch_size(); }
  int64_t packed_size() const override { return product_.packed_size(); }
  void pack(IndexRange channels, const float* kernel, float* packed) const override {
    product_.pack_exchanged(channels, kernel, packed);
  }
  void run(int64_t count, const DataRun& r) const override {
    product_.run(count, p_.x_size(), {},
                 {.x = r.gradient.framed,
                  .packed = r.packed,
                  .bias = r.bias,
                  .y = r.dx,
                  .winner = nullptr,
                  .relu = r.relu,
                  .scratch = r.scratch});
  }

 private:
  const Conv2dProblem& p_;
  TileConvolution product_;
};

OperandNeeds tiles_forward_needs(const Conv2dProblem&, const Kernels&) { return {}; }
OperandNeeds tiles_data_needs(const Conv2dProblem&, const Kernels&) { return {.framed_dy = true}; }

}  // namespace

const ForwardCandidate kTilesForward = {
    .name = "tiles", .speed = tiles_speed, .needs = tiles_forward_needs, .make = make_pass<ForwardPass, TilesForward>};
const DataCandidate kTilesData = {
    .name = "tiles", .speed = tiles_speed, .needs = tiles_data_needs, .make = make_pass<DataPass, TilesData>};

}  // namespace cnncore
