// Images that move by whole pixels, mirrored or not: rows are copied, of pixels of any type.
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

/// What a fill value is made of: 16 bytes that begin with it and repeat it.
struct FillBytes {
  uint8_t bytes[16];
};
FillBytes fill_bytes(uint8_t value);
FillBytes fill_bytes(float value);

class PixelCopier {
 public:
  /// pixel_bytes: the channels of a pixel together. Keeps a reference to `params`.
  PixelCopier(const AffineParams& params, int64_t pixel_bytes, const FillBytes& fill);

  /// Writes an image that is moved. `edge_columns` is memory that is used again from image to image.
  void run(AxisMove rows, AxisMove columns, const uint8_t* x, uint8_t* y, std::vector<int64_t>& edge_columns) const;

 private:
  struct Columns;  // which output columns come from inside of the image, and where the others come from
  Columns plan_columns(AxisMove columns, std::vector<int64_t>& edge_columns) const;
  void copy_rows(const Columns& columns, const uint8_t* from, int64_t stride, int64_t count, uint8_t* to) const;
  void copy_inside(const Columns& columns, const uint8_t* from, int64_t stride, int64_t count, uint8_t* to) const;
  void copy_edges(const Columns& columns, const uint8_t* from, int64_t stride, int64_t count, uint8_t* to) const;

  const AffineParams& params_;
  const Kernels& kernels_;
  const int64_t pixel_bytes_, in_stride_, out_stride_;  // strides of rows, in bytes
  const FillBytes fill_;
};

}  // namespace cnncore
