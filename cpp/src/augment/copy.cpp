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
  for (int k = 0; k < kFillBytes / 4; ++k) std::memcpy(fill.bytes + 4 * k, &value, sizeof value);
  return fill;
}

PixelCopier::PixelCopier(const AffineParams& params, int64_t pixel_bytes, const FillBytes& fill)
    : params_(params),
      kernels_(kernels()),
      pixel_bytes_(pixel_bytes),
      in_stride_(params.images.width * pixel_bytes),
      out_stride_(params.out_width * pixel_bytes),
      fill_(fill) {}

void PixelCopier::run(AxisMove rows, AxisMove columns, const uint8_t* x, uint8_t* y,
                      std::vector<int64_t>& edge_columns) const {
  const IndexRange inside = pixels_inside(rows, params_.images.height, params_.out_height);
  const IndexRange inside_columns = pixels_inside(columns, params_.images.width, params_.out_width);
  const auto copies_of = [&](int64_t row, int64_t stride, int64_t begin, int64_t count) {
    return Rows{x + row * in_stride_, stride, count, y + begin * out_stride_, 0, 0};
  };
  Rows image = copies_of(inside.size() > 0 ? rows.source(inside.begin) : 0, rows.mirrored ? -in_stride_ : in_stride_,
                         inside.begin, inside.size());
  if (params_.edge == Edge::constant || params_.edge == Edge::grid_constant) {
    image.y = y, image.above = inside.begin, image.below = params_.out_height - inside.end;
    return move(image, columns, inside_columns);
  }
  list_edge_columns(columns, inside_columns, edge_columns);
  const auto copy = [&](const Rows& part) {
    move(part, columns, inside_columns);
    copy_edges(part, inside_columns, edge_columns);
  };
  copy(image);
  for (int64_t i = 0; i < params_.out_height; ++i)
    if (i < inside.begin || i >= inside.end)
      copy(copies_of(edge_index(rows.source(i), params_.images.height, params_.edge), in_stride_, i, 1));
}

// Copies the columns that come from inside the image, and fills the others and the rows above and below.
void PixelCopier::move(const Rows& rows, AxisMove columns, IndexRange inside) const {
  const int64_t left = rows.count > 0 ? inside.begin * pixel_bytes_ : 0;
  const int64_t right = rows.count > 0 ? (params_.out_width - inside.end) * pixel_bytes_ : 0;
  const int64_t first = inside.size() > 0 ? columns.source(columns.mirrored ? inside.end - 1 : inside.begin) : 0;
  kernels_.move_rows({rows.x + first * pixel_bytes_, rows.x_stride, rows.count, inside.size(), pixel_bytes_,
                      columns.mirrored, rows.y, rows.above * out_stride_ + left, left + right,
                      right + rows.below * out_stride_, fill_.bytes});
}

// Lists which input columns take the places of columns beyond the edges: left, then right.
void PixelCopier::list_edge_columns(AxisMove columns, IndexRange inside, std::vector<int64_t>& edge_columns) const {
  edge_columns.clear();
  for (int64_t j = 0; j < params_.out_width; ++j)
    if (j < inside.begin || j >= inside.end)
      edge_columns.push_back(edge_index(columns.source(j), params_.images.width, params_.edge));
}

void PixelCopier::copy_edges(const Rows& rows, IndexRange inside, const std::vector<int64_t>& edge_columns) const {
  with_pixel_bytes(pixel_bytes_, [&](auto known) {
    const size_t size = known() ? static_cast<size_t>(known()) : static_cast<size_t>(pixel_bytes_);
    for (int64_t r = 0; r < rows.count; ++r) {
      const uint8_t* from = rows.x + r * rows.x_stride;
      uint8_t* to = rows.y + r * out_stride_;
      const int64_t* source = edge_columns.data();
      const auto copy = [&](int64_t begin, int64_t end) {
        for (int64_t j = begin; j < end; ++j) std::memcpy(to + j * pixel_bytes_, from + *source++ * pixel_bytes_, size);
      };
      copy(0, inside.begin);
      copy(inside.end, params_.out_width);
    }
  });
}

}  // namespace cnncore
