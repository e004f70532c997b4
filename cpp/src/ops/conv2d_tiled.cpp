// Where a planned convolution takes bfloat16 tiles, and what for.
#include <algorithm>

#include "ops/conv2d_plan.h"

namespace cnncore {

bool Conv2dPlan::tiles_apply(double saving) const {
  return params_.in_channels % kTileRows == 0 && params_.filters % kTileRows == 0 &&
         tiles_pay(k_, params_.precision, saving);
}

TiledShape Conv2dPlan::tiled_shape(const Frame& x, int64_t filters, int64_t stride_height, int64_t stride_width) const {
  return {x, filters, stride_height, stride_width, params_.precision};
}

std::vector<TiledProduct::Tap> Conv2dPlan::forward_taps() const {
  const Conv2dParams& p = params_;
  std::vector<TiledProduct::Tap> taps;
  for (int64_t ky = 0; ky < p.kernel_height; ++ky)
    for (int64_t kx = 0; kx < p.kernel_width; ++kx)
      taps.push_back(
          {ky * p.dilation_height - p.padding.top, kx * p.dilation_width - p.padding.left, ky * p.kernel_width + kx});
  return taps;
}

void Conv2dPlan::plan_tiled_forward(int64_t height, int64_t width) {
  const int64_t row = fusion_.max_pool ? width / 2 : width;
  tiled_forward_.emplace(
      tiled_shape({params_.in_height, params_.in_width, params_.in_channels, {}}, params_.filters,
                  params_.stride_height, params_.stride_width),
      std::vector<TiledProduct>{{forward_taps(), height, width, 0, row * params_.filters, params_.filters}},
      fusion_.max_pool, k_);
}

// One product for each residue of the input's position modulo the stride, of the taps that meet it.
void Conv2dPlan::plan_tiled_data() {
  const Conv2dParams& p = params_;
  const auto taps_of = [](int64_t residue, int64_t taps, int64_t dilation, int64_t before, int64_t stride) {
    std::vector<std::pair<int64_t, int64_t>> met;  // where in dy, which tap
    for (int64_t k = 0; k < taps; ++k) {
      const int64_t at = residue + before - k * dilation;
      if (at % stride == 0) met.push_back({at / stride, k});
    }
    return met;
  };
  std::vector<TiledProduct> products;
  for (int64_t y = 0; y < std::min(p.stride_height, p.in_height); ++y)
    for (int64_t x = 0; x < std::min(p.stride_width, p.in_width); ++x) {
      TiledProduct product;
      product.height = (p.in_height - y + p.stride_height - 1) / p.stride_height;
      product.width = (p.in_width - x + p.stride_width - 1) / p.stride_width;
      product.y_begin = (y * p.in_width + x) * p.in_channels;
      product.y_row = p.stride_height * p.in_width * p.in_channels;
      product.y_pixel = p.stride_width * p.in_channels;
      for (const auto& [dy, ky] : taps_of(y, p.kernel_height, p.dilation_height, p.padding.top, p.stride_height))
        for (const auto& [dx, kx] : taps_of(x, p.kernel_width, p.dilation_width, p.padding.left, p.stride_width))
          product.taps.push_back({dy, dx, ky * p.kernel_width + kx});
      products.push_back(std::move(product));
    }
  tiled_data_.emplace(tiled_shape(dy_frame_, p.in_channels, 1, 1), std::move(products), false, k_);
  packed_size_ += tiled_data_->packed_size();
}

// So many images that the sums stay in the tiles for a while.
int64_t Conv2dPlan::tiled_gradient_images() const {
  constexpr int64_t kPixels = 512, kMostImages = 8, kMostFloats = 1 << 22;
  const int64_t image = std::max(x_size_, pixels_ * params_.filters);
  return std::clamp<int64_t>((kPixels + pixels_ - 1) / pixels_, 1,
                             std::clamp<int64_t>(kMostFloats / image, 1, kMostImages));
}

}  // namespace cnncore
