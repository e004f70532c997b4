#include "augment/copy.h"

#include <algorithm>
#include <cstring>

#include "augment/edges.h"
#include "kernels/contracts/range.h"
#include "runtime/dispatch.h"

namespace cnncore {
namespace {

// The range of output pixels of an axis that are copies of one of its n input pixels.
IndexRange pixels_inside(AxisMove move, int64_t n, int64_t out) {
  const int64_t begin = std::clamp<int64_t>(move.mirrored ? move.start - n + 1 : -move.start, 0, out);
  const int64_t end = std::clamp<int64_t>(move.mirrored ? move.start + 1 : n - move.start, begin, out);
  return {begin, end};
}

// Fills n bytes, kBytes / 2 <= n <= kBytes, of each row by two copies of kBytes / 2 bytes that may overlap. This takes
// less time than a call of memset.
template <int kBytes>
void fill_with_two_stores(const FillBytes& value, int64_t n, int64_t rows, int64_t stride, uint8_t* to) {
  for (int64_t r = 0; r < rows; ++r, to += stride) {
    std::memcpy(to, value.bytes, kBytes / 2);
    std::memcpy(to + n - kBytes / 2, value.bytes, kBytes / 2);
  }
}

// Fills n bytes of each row.
void fill_bytes_of_rows(const FillBytes& value, int64_t n, int64_t rows, int64_t stride, uint8_t* to) {
  if (n >= 16 && n <= 32) return fill_with_two_stores<32>(value, n, rows, stride, to);
  if (n >= 8 && n < 16) return fill_with_two_stores<16>(value, n, rows, stride, to);
  if (n >= 4 && n < 8) return fill_with_two_stores<8>(value, n, rows, stride, to);
  if (n >= 2 && n < 4) return fill_with_two_stores<4>(value, n, rows, stride, to);
  for (int64_t r = 0; r < rows; ++r, to += stride) {
    int64_t k = 0;
    for (; k + 16 <= n; k += 16) std::memcpy(to + k, value.bytes, 16);
    if (n > 16)
      std::memcpy(to + n - 16, value.bytes, 16);
    else
      for (; k < n; ++k) to[k] = value.bytes[k];
  }
}

// Copies an image. For its few kilobytes this is faster than memcpy, which takes an instruction for long copies.
void copy_image_bytes(const uint8_t* from, int64_t n, uint8_t* to) {
  constexpr int64_t kBlock = 64;
  int64_t k = 0;
  for (; k + kBlock <= n; k += kBlock) std::memcpy(to + k, from + k, kBlock);
  std::memcpy(to + k, from + k, static_cast<size_t>(n - k));
}

// Calls f(std::integral_constant<int, B>()), where B is the number of bytes of a pixel if that is one for which
// compilers make fast copies, and 0 otherwise.
template <class F>
void with_pixel_bytes(int64_t bytes, F&& f) {
  switch (bytes) {
    case 1: return f(std::integral_constant<int, 1>());
    case 3: return f(std::integral_constant<int, 3>());
    case 4: return f(std::integral_constant<int, 4>());
    case 12: return f(std::integral_constant<int, 12>());
    default: return f(std::integral_constant<int, 0>());
  }
}

}  // namespace

FillBytes fill_bytes(uint8_t value) {
  FillBytes fill;
  std::memset(fill.bytes, value, sizeof fill.bytes);
  return fill;
}

FillBytes fill_bytes(float value) {
  FillBytes fill;
  for (int k = 0; k < 4; ++k) std::memcpy(fill.bytes + 4 * k, &value, sizeof value);
  return fill;
}

struct PixelCopier::Columns {
  AxisMove move;
  IndexRange inside;
  const int64_t* sources;  // the input columns for those before `inside`, then for those after it; null: fill them
};

PixelCopier::PixelCopier(const AffineParams& params, int64_t pixel_bytes, const FillBytes& fill)
    : params_(params),
      kernels_(kernels()),
      pixel_bytes_(pixel_bytes),
      in_stride_(params.images.width * pixel_bytes),
      out_stride_(params.out_width * pixel_bytes),
      fill_(fill) {}

void PixelCopier::run(AxisMove rows, AxisMove columns, const uint8_t* x, uint8_t* y,
                      std::vector<int64_t>& edge_columns) const {
  const Columns plan = plan_columns(columns, edge_columns);
  const IndexRange inside = pixels_inside(rows, params_.images.height, params_.out_height);
  if (inside.size() > 0)
    copy_rows(plan, x + rows.source(inside.begin) * in_stride_, rows.mirrored ? -in_stride_ : in_stride_, inside.size(),
              y + inside.begin * out_stride_);
  const auto beyond = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = edge_index(rows.source(i), params_.images.height, params_.edge);
      if (row == kFill)
        fill_bytes_of_rows(fill_, out_stride_, 1, out_stride_, y + i * out_stride_);
      else
        copy_rows(plan, x + row * in_stride_, in_stride_, 1, y + i * out_stride_);
    }
  };
  beyond(0, inside.begin);
  beyond(inside.end, params_.out_height);
}

PixelCopier::Columns PixelCopier::plan_columns(AxisMove columns, std::vector<int64_t>& edge_columns) const {
  const int64_t width = params_.images.width;
  const IndexRange inside = pixels_inside(columns, width, params_.out_width);
  if (params_.edge == Edge::constant || params_.edge == Edge::grid_constant) return {columns, inside, nullptr};
  edge_columns.clear();
  for (int64_t j = 0; j < params_.out_width; ++j)
    if (j < inside.begin || j >= inside.end) edge_columns.push_back(edge_index(columns.source(j), width, params_.edge));
  return {columns, inside, edge_columns.data()};
}

void PixelCopier::copy_rows(const Columns& columns, const uint8_t* from, int64_t stride, int64_t count,
                            uint8_t* to) const {
  if (columns.inside.size() > 0) copy_inside(columns, from, stride, count, to);
  if (columns.inside.size() < params_.out_width) copy_edges(columns, from, stride, count, to);
}

void PixelCopier::copy_inside(const Columns& columns, const uint8_t* from, int64_t stride, int64_t count,
                              uint8_t* to) const {
  const auto [begin, end] = columns.inside;
  const int64_t left = columns.move.source(columns.move.mirrored ? end - 1 : begin);
  const uint8_t* first = from + left * pixel_bytes_;
  uint8_t* target = to + begin * pixel_bytes_;
  const int64_t bytes = (end - begin) * pixel_bytes_;
  if (columns.move.mirrored) {
    kernels_.mirror_rows({first, stride, target, out_stride_, count, end - begin, pixel_bytes_});
  } else if (stride == out_stride_) {
    // Copies all rows at once. The bytes between them go to columns beyond the edges, which are written afterwards.
    copy_image_bytes(first, (count - 1) * stride + bytes, target);
  } else {
    for (int64_t r = 0; r < count; ++r)
      std::memcpy(target + r * out_stride_, first + r * stride, static_cast<size_t>(bytes));
  }
}

void PixelCopier::copy_edges(const Columns& columns, const uint8_t* from, int64_t stride, int64_t count,
                             uint8_t* to) const {
  const int64_t begin = columns.inside.begin, end = columns.inside.end;
  if (!columns.sources) {
    fill_bytes_of_rows(fill_, begin * pixel_bytes_, count, out_stride_, to);
    fill_bytes_of_rows(fill_, (params_.out_width - end) * pixel_bytes_, count, out_stride_, to + end * pixel_bytes_);
    return;
  }
  with_pixel_bytes(pixel_bytes_, [&](auto known) {
    const size_t size = known() ? static_cast<size_t>(known()) : static_cast<size_t>(pixel_bytes_);
    for (int64_t r = 0; r < count; ++r) {
      const uint8_t* row = from + r * stride;
      uint8_t* target = to + r * out_stride_;
      const int64_t* source = columns.sources;
      for (int64_t j = 0; j < begin; ++j) std::memcpy(target + j * pixel_bytes_, row + *source++ * pixel_bytes_, size);
      for (int64_t j = end; j < params_.out_width; ++j)
        std::memcpy(target + j * pixel_bytes_, row + *source++ * pixel_bytes_, size);
    }
  });
}

}  // namespace cnncore
