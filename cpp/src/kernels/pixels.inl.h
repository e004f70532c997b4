// Moves images by whole pixels, and mirrors them (contracts/pixels.h). y is written from its beginning to its end, in
// whole vectors: one that is longer than what it has to write spoils bytes after it, which are written later. Only at
// the end of y are vectors cut off.

constexpr int kBlockBytes = 4 * kWidth;
typedef uint8_t Block __attribute__((vector_size(kBlockBytes)));

// These take any address, unlike `load` and `store`, which need that of a float on some instruction sets.
inline Block load_block(const uint8_t* p) {
  Block b;
  __builtin_memcpy(&b, p, sizeof b);
  return b;
}
inline void store_block(uint8_t* p, Block b) { __builtin_memcpy(p, &b, sizeof b); }

// Writes n bytes of the fill value, and perhaps more of them before `end`. A short store for few bytes leaves fewer
// bytes to write again.
inline void fill_bytes(uint8_t* y, int64_t n, const uint8_t* end, Block value) {
  if (n <= 16 && end - y >= 16) {
    __builtin_memcpy(y, &value, 16);
    return;
  }
  if constexpr (kBlockBytes >= 32)
    if (n <= 32 && end - y >= 32) {
      __builtin_memcpy(y, &value, 32);
      return;
    }
  for (int64_t k = 0; k < n; k += kBlockBytes) {
    const int64_t left = end - y - k;
    if (left >= kBlockBytes)
      store_block(y + k, value);
    else
      __builtin_memcpy(y + k, &value, static_cast<uint64_t>(left));
  }
}

// Copies n bytes, kBytes <= n <= 2 kBytes, by two copies that may overlap.
template <int kBytes>
inline void copy_twice(const uint8_t* x, int64_t n, uint8_t* y) {
  __builtin_memcpy(y, x, kBytes);
  __builtin_memcpy(y + n - kBytes, x + n - kBytes, kBytes);
}

inline void copy_bytes(const uint8_t* x, int64_t n, uint8_t* y) {
  if (n >= kBlockBytes) {
    for (int64_t k = 0; k < n - kBlockBytes; k += kBlockBytes) store_block(y + k, load_block(x + k));
    store_block(y + n - kBlockBytes, load_block(x + n - kBlockBytes));
    return;
  }
  if (n >= 32) return copy_twice<32>(x, n, y);
  if (n >= 16) return copy_twice<16>(x, n, y);
  if (n >= 8) return copy_twice<8>(x, n, y);
  if (n >= 4) return copy_twice<4>(x, n, y);
  for (int64_t k = 0; k < n; ++k) y[k] = x[k];
}

// Mirrors a row of at least 16 bytes. The whole pixels among 16 bytes are reordered at a time. They are loaded with
// spare bytes before them, or at the beginning of x with spare bytes after them, and stored with spare bytes after
// them, which may be behind the row, but not behind `end`.
template <int kBytes>
inline void mirror_bytes(const uint8_t* x, int64_t pixels, uint8_t* y, const uint8_t* end) {
  constexpr int kPixels = 16 / kBytes, kWhole = kPixels * kBytes;
  struct Order {
    uint8_t from[16] = {};
    constexpr explicit Order(int spare) {
      for (int k = 0; k < kWhole; ++k)
        from[k] = static_cast<uint8_t>(spare + (kPixels - 1 - k / kBytes) * kBytes + k % kBytes);
    }
  };
  static constexpr Order kSpareFirst(16 - kWhole), kSpareLast(0);
  const uint8_t* from = x + pixels * kBytes - 16;
  int64_t j = 0;
  for (; j < pixels - kPixels; j += kPixels) shuffle_bytes(from - j * kBytes, kSpareFirst.from, y + j * kBytes);
  uint8_t* to = y + pixels * kBytes - kWhole;
  if (end - to >= 16) return shuffle_bytes(x, kSpareLast.from, to);
  uint8_t last[16];
  shuffle_bytes(x, kSpareLast.from, last);
  __builtin_memcpy(to, last, kWhole);
}

// Sixteen mirrored pixels of three floats: where the values of the resulting vectors come from, if the 48 floats are
// three tables of 16.
constexpr int kThrees = 16, kThreesVectors = 3 * kThrees / kWidth;
struct MirroredThrees {
  int32_t entry[kThreesVectors][kWidth] = {};
  float in_table[kThreesVectors][3][kWidth] = {};  // 1 for values of this table
  bool uses[kThreesVectors][3] = {};
  constexpr MirroredThrees() {
    for (int k = 0; k < 3 * kThrees; ++k) {
      const int source = 3 * (kThrees - 1 - k / 3) + k % 3, v = k / kWidth;
      entry[v][k % kWidth] = source % 16;
      in_table[v][source / 16][k % kWidth] = 1;
      uses[v][source / 16] = true;
    }
  }
};
constexpr MirroredThrees kMirroredThrees;

// Mirrors rows of at least kThrees pixels of three floats. The last block of a row overlaps the one before it.
class MirrorThreeFloats {
 public:
  MirrorThreeFloats() {
    for (int v = 0; v < kThreesVectors; ++v) {
      entry_[v] = load_index(kMirroredThrees.entry[v]);
      for (int t = 0; t < 3; ++t) in_table_[v][t] = greater(load(kMirroredThrees.in_table[v][t]), zero());
    }
  }

  void row(const uint8_t* x, int64_t pixels, uint8_t* y) const {
    const float* from = reinterpret_cast<const float*>(x);
    float* to = reinterpret_cast<float*>(y);
    const int64_t last = 3 * (pixels - kThrees);
    for (int64_t j = 0; j < last; j += 3 * kThrees) block(from + last - j, to + j);
    block(from, to + last);
  }

 private:
  void block(const float* x, float* y) const {
    const Table16 table[3] = {load_table(x), load_table(x + 16), load_table(x + 32)};
    CNNCORE_UNROLL
    for (int v = 0; v < kThreesVectors; ++v) {
      const int most = 2 - v * kWidth / 16;  // the table that most values of this vector come from
      Vec values = look_up(table[most], entry_[v]);
      CNNCORE_UNROLL
      for (int t = 0; t < 3; ++t)
        if (t != most && kMirroredThrees.uses[v][t])
          values = select(in_table_[v][t], look_up(table[t], entry_[v]), values);
      store(y + v * kWidth, values);
    }
  }

  Index entry_[kThreesVectors];
  Mask in_table_[kThreesVectors][3];
};

template <class CopyRow>
inline void move_rows_by(const MoveArgs& a, CopyRow&& copy_row) {
  const Block fill = load_block(a.fill);
  const int64_t n = a.pixels * a.pixel_bytes;
  uint8_t* y = a.y + a.before;
  const uint8_t* end = y + a.rows * n + (a.rows > 0 ? (a.rows - 1) * a.gap : 0) + a.after;
  fill_bytes(a.y, a.before, end, fill);
  for (int64_t r = 0; r < a.rows; ++r) {
    copy_row(a.x + r * a.x_stride, y, end);
    y += n;
    if (r == a.rows - 1) break;
    fill_bytes(y, a.gap, end, fill);
    y += a.gap;
  }
  fill_bytes(y, a.after, end, fill);
}

template <int kBytes>
inline void move_mirrored(const MoveArgs& a) {
  // Vectors of eight or more floats can be loaded from and stored to any address.
  if constexpr (kBytes == 12 && kWidth >= 8)
    if (a.pixels >= kThrees) {
      const MirrorThreeFloats mirror;
      return move_rows_by(a, [&](const uint8_t* x, uint8_t* y, const uint8_t*) { mirror.row(x, a.pixels, y); });
    }
  if (a.pixels * kBytes >= 16)
    return move_rows_by(
        a, [&](const uint8_t* x, uint8_t* y, const uint8_t* end) { mirror_bytes<kBytes>(x, a.pixels, y, end); });
  move_rows_by(a, [&](const uint8_t* x, uint8_t* y, const uint8_t*) {
    for (int64_t j = 0; j < a.pixels; ++j) __builtin_memcpy(y + j * kBytes, x + (a.pixels - 1 - j) * kBytes, kBytes);
  });
}

void move_rows(const MoveArgs& a) {
  if (!a.mirrored) {
    MoveArgs b = a;
    const int64_t n = a.pixels * a.pixel_bytes;
    if (a.gap == 0 && a.x_stride == n && a.rows > 0) b.pixels *= a.rows, b.rows = 1;  // all rows are one
    return move_rows_by(
        b, [&](const uint8_t* x, uint8_t* y, const uint8_t*) { copy_bytes(x, b.pixels * b.pixel_bytes, y); });
  }
  switch (a.pixel_bytes) {
    case 1: return move_mirrored<1>(a);
    case 3: return move_mirrored<3>(a);
    case 4: return move_mirrored<4>(a);
    case 12: return move_mirrored<12>(a);
    default: break;
  }
  const auto size = static_cast<uint64_t>(a.pixel_bytes);
  move_rows_by(a, [&](const uint8_t* x, uint8_t* y, const uint8_t*) {
    for (int64_t j = 0; j < a.pixels; ++j)
      __builtin_memcpy(y + j * a.pixel_bytes, x + (a.pixels - 1 - j) * a.pixel_bytes, size);
  });
}
