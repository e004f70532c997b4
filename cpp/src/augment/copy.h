// Copies of images that move by whole pixels and may be mirrored. Pixels can have any type.
#pragma once

#include <cstdint>
#include <vector>

#include "cnncore/augment.h"
#include "kernels/kernels.h"

namespace cnncore {

/// Output pixel i of an axis is input pixel start + i, or start - i if it is mirrored.
struct AxisMove {
  int64_t start;
  bool mirrored;
  int64_t source(int64_t i) const { return mirrored ? start - i : start + i; }
};

/// As many bytes as MoveArgs::fill has, filled with copies of a fill value.
struct FillBytes {
  uint8_t bytes[kFillBytes];
};
FillBytes fill_bytes(uint8_t value);
FillBytes fill_bytes(float value);

class PixelCopier {
 public:
  /// `pixel_bytes` is the size of a pixel with all its channels. The object keeps a reference to `params`.
  PixelCopier(const AffineParams& params, int64_t pixel_bytes, const FillBytes& fill);

  /// Copies an image x to y, moved along both axes. `edge_columns` is memory that calls can use one after the other.
  void run(AxisMove rows, AxisMove columns, const uint8_t* x, uint8_t* y, std::vector<int64_t>& edge_columns) const;

 private:
  struct Rows {  // some rows of the image, and the output rows that are copies of them
    const uint8_t* x;
    int64_t x_stride, count;
    uint8_t* y;
    int64_t above, below;  // rows of fill values before and after them
  };
  void move(const Rows& rows, AxisMove columns, IndexRange inside) const;
  void list_edge_columns(AxisMove columns, IndexRange inside, std::vector<int64_t>& edge_columns) const;
  void copy_edges(const Rows& rows, IndexRange inside, const std::vector<int64_t>& edge_columns) const;

  const AffineParams& params_;
  const Kernels& kernels_;
  const int64_t pixel_bytes_, in_stride_, out_stride_;  // in bytes; strides are those of rows
  const FillBytes fill_;
};

}  // namespace cnncore
