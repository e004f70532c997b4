// Mirrors rows of pixels (contracts/pixels.h). One instruction reorders a vector of bytes or floats: it puts the whole
// pixels at the end of the vector at its beginning, in reverse order. The next store overwrites the spare bytes after
// them.

// Mirrors a row from pixel j on, sixteen bytes at a time. The last block ends where the row ends, so it overwrites
// bytes that are already right. These are put back.
template <int kBytes>
inline void mirror_bytes(const uint8_t* x, int64_t pixels, int64_t j, uint8_t* y) {
  constexpr int kPixels = 16 / kBytes, kSpare = 16 - kPixels * kBytes;
  struct Order {
    uint8_t spare_first[16] = {}, spare_last[16] = {};  // for x with spare bytes before or after its whole pixels
    constexpr Order() {
      for (int k = 0; k < kPixels * kBytes; ++k) {
        const int from = (kPixels - 1 - k / kBytes) * kBytes + k % kBytes;
        spare_first[k] = static_cast<uint8_t>(kSpare + from);
        spare_last[kSpare + k] = static_cast<uint8_t>(from);
      }
    }
  };
  alignas(16) static constexpr Order kOrder;
  const uint8_t* end = x + pixels * kBytes;
  if (pixels * kBytes < 16) {
    for (; j < pixels; ++j) __builtin_memcpy(y + j * kBytes, end - (j + 1) * kBytes, kBytes);
    return;
  }
  for (; pixels - j > kPixels; j += kPixels) shuffle_bytes(end - j * kBytes - 16, kOrder.spare_first, y + j * kBytes);
  uint8_t before[kSpare + 1];
  uint8_t* last = y + pixels * kBytes - 16;
  __builtin_memcpy(before, last, kSpare);
  shuffle_bytes(x, kOrder.spare_last, last);
  __builtin_memcpy(last, before, kSpare);
}

// Mirrors as many pixels of three floats as whole vectors can take, and returns their number.
inline int64_t mirror_floats(const uint8_t* x, int64_t pixels, uint8_t* y) {
  constexpr int kPixels = kWidth / 3, kFloats = 3 * kPixels;
  struct Order {
    int32_t from[kWidth] = {};
    constexpr Order() {
      for (int k = 0; k < kFloats; ++k) from[k] = 16 - 3 * (1 + k / 3) + k % 3;
    }
  };
  static constexpr Order kOrder;
  const Index order = load_index(kOrder.from);
  const float* end = reinterpret_cast<const float*>(x) + 3 * pixels;
  float* to = reinterpret_cast<float*>(y);
  int64_t j = 0;
  for (; 3 * (pixels - j) >= 16; j += kPixels) store(to + 3 * j, look_up(load_table(end - 3 * j - 16), order));
  return j;
}

template <int kBytes>
void mirror_rows_of(const MirrorArgs& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const uint8_t* x = a.x + r * a.x_stride;
    uint8_t* y = a.y + r * a.y_stride;
    int64_t done = 0;
    // Vectors of eight or more floats can be loaded from and stored to any address.
    if constexpr (kBytes == 12 && kWidth >= 8) done = mirror_floats(x, a.pixels, y);
    mirror_bytes<kBytes>(x, a.pixels, done, y);
  }
}

void mirror_rows(const MirrorArgs& a) {
  switch (a.pixel_bytes) {
    case 1: return mirror_rows_of<1>(a);
    case 3: return mirror_rows_of<3>(a);
    case 4: return mirror_rows_of<4>(a);
    case 12: return mirror_rows_of<12>(a);
    default: break;
  }
  for (int64_t r = 0; r < a.rows; ++r)
    for (int64_t j = 0; j < a.pixels; ++j)
      __builtin_memcpy(a.y + r * a.y_stride + j * a.pixel_bytes,
                       a.x + r * a.x_stride + (a.pixels - 1 - j) * a.pixel_bytes, static_cast<uint64_t>(a.pixel_bytes));
}
