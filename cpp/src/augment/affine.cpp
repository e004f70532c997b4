// augment_affine, which moves pixels for flips, shifts, crops, rotations, zooms, shears and resizing.
//   y[i, j] = x at row m0 i + m1 j + m2 and column m3 i + m4 j + m5. Between pixels this is a weighted mean of the four
//   pixels around the place.
// There are three implementations. The fastest copies pixels, if images move by whole pixels. The second one treats
// rows and columns separately, if there is no rotation or shear. The third one computes pixel by pixel.
#include <cmath>
#include <vector>

#include "augment/copy.h"
#include "augment/edges.h"
#include "augment/samples.h"
#include "cnncore/augment.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

// The two pixels of an axis between which a coordinate lies, and the weight of the second one.
struct Tap {
  int64_t first, second;
  float weight;
};

Tap make_tap(double c, int64_t n, Edge edge, bool bilinear) {
  if (edge == Edge::constant && !(c >= 0 && c <= static_cast<double>(n - 1))) return {kFill, kFill, 0};
  if (edge == Edge::wrap && (c < 0 || c > static_cast<double>(n - 1))) {
    const double period = static_cast<double>(std::max<int64_t>(n - 1, 1));
    c += c < 0 ? period * (std::floor(-c / period) + 1) : -period * std::floor(c / period);
    c = std::min(c, static_cast<double>(n - 1));
  }
  if (!bilinear) {
    const int64_t i = edge_index(static_cast<int64_t>(std::floor(c + 0.5)), n, edge);
    return {i, i, 0};
  }
  const double whole = std::floor(c);
  const auto i = static_cast<int64_t>(whole);
  const auto weight = static_cast<float>(c - whole);
  const int64_t first = edge_index(i, n, edge);
  return {first, weight > 0 ? edge_index(i + 1, n, edge) : first, weight};
}

float lerp(float a, float b, float weight) { return a + weight * (b - a); }

// The memory of one thread, which is used for one sample after the other.
struct Scratch {
  std::vector<Tap> columns;
  std::vector<int64_t> edge_columns;
  std::vector<float> row, in, out;
};

// For numbers of at most kMost. std::floor takes longer on a machine without instructions for it.
bool is_whole(double v) { return v == static_cast<double>(static_cast<int64_t>(v)); }
bool moves_axes_apart(const double* m) { return m[1] == 0 && m[3] == 0; }
bool moves_whole_pixels(const double* m) {
  return moves_axes_apart(m) && std::abs(m[0]) == 1 && std::abs(m[4]) == 1 && is_whole(m[2]) && is_whole(m[5]);
}

// --- interpolation between pixels, in float32
// -------------------------------------------------------------------------------------
template <int C>
class Blender {
 public:
  Blender(const AffineParams& p, const double* m, const float* x, float* y, Scratch& scratch)
      : p_(p),
        m_(m),
        x_(x),
        y_(y),
        scratch_(scratch),
        height_(p.images.height),
        width_(p.images.width),
        channels_(C ? C : p.images.channels) {}

  void run() {
    if (moves_axes_apart(m_))
      rows_and_columns();
    else
      pixels();
  }

 private:
  int64_t row_size() const { return width_ * channels_; }

  // Without rotation and shear, an output row is first blended from two input rows, and then its pixels from
  // neighbouring pixels of that row.
  void rows_and_columns() {
    std::vector<Tap>& columns = scratch_.columns;
    columns.clear();
    for (int64_t j = 0; j < p_.out_width; ++j)
      columns.push_back(make_tap(m_[4] * static_cast<double>(j) + m_[5], width_, p_.edge, p_.bilinear));
    // The blended row, followed by one pixel of the fill value.
    scratch_.row.resize(static_cast<size_t>(row_size() + channels_));
    float* row = scratch_.row.data();
    std::fill_n(row + row_size(), channels_, p_.fill);
    for (int64_t i = 0; i < p_.out_height; ++i) {
      const Tap tap = make_tap(m_[0] * static_cast<double>(i) + m_[2], height_, p_.edge, p_.bilinear);
      float* to = y_ + i * p_.out_width * channels_;
      if (tap.first == kFill && tap.second == kFill) {
        std::fill_n(to, p_.out_width * channels_, p_.fill);
        continue;
      }
      blend_rows(tap, row);
      if (m_[4] == 1)
        blend_shifted(columns, row, to);
      else
        for (int64_t j = 0; j < p_.out_width; ++j)
          blend_pixel(columns[static_cast<size_t>(j)], row, to + j * channels_);
    }
  }

  void blend_rows(const Tap& tap, float* row) {
    const float* first = tap.first == kFill ? nullptr : x_ + tap.first * row_size();
    const float* second = tap.second == kFill ? nullptr : x_ + tap.second * row_size();
    const int64_t n = row_size();
    if (first == second)
      std::copy_n(first, n, row);
    else if (!first)
      for (int64_t k = 0; k < n; ++k) row[k] = lerp(p_.fill, second[k], tap.weight);
    else if (!second)
      for (int64_t k = 0; k < n; ++k) row[k] = lerp(first[k], p_.fill, tap.weight);
    else
      for (int64_t k = 0; k < n; ++k) row[k] = lerp(first[k], second[k], tap.weight);
  }

  void blend_pixel(const Tap& tap, const float* row, float* to) {
    const float* first = row + (tap.first == kFill ? width_ : tap.first) * channels_;
    const float* second = row + (tap.second == kFill ? width_ : tap.second) * channels_;
    for (int64_t c = 0; c < channels_; ++c) to[c] = lerp(first[c], second[c], tap.weight);
  }

  // For images that are not zoomed along this axis: all columns that come from inside the image have the same weight
  // and the same distance to their input pixels.
  void blend_shifted(const std::vector<Tap>& columns, const float* row, float* to) {
    const auto column0 = static_cast<int64_t>(std::floor(m_[5]));
    const int64_t begin = std::clamp<int64_t>(-column0, 0, p_.out_width);
    const int64_t end = std::clamp<int64_t>(width_ - 1 - column0, begin, p_.out_width);
    for (int64_t j = 0; j < begin; ++j) blend_pixel(columns[static_cast<size_t>(j)], row, to + j * channels_);
    if (begin < end) {
      const Tap& tap = columns[static_cast<size_t>(begin)];
      const float weight = tap.weight;
      const float* from = row + tap.first * channels_;
      float* run = to + begin * channels_;
      const int64_t count = (end - begin) * channels_;
      for (int64_t k = 0; k < count; ++k) run[k] = lerp(from[k], from[k + channels_], weight);
    }
    for (int64_t j = end; j < p_.out_width; ++j) blend_pixel(columns[static_cast<size_t>(j)], row, to + j * channels_);
  }

  // Computes each pixel by itself, for any matrix.
  void pixels() {
    for (int64_t i = 0; i < p_.out_height; ++i) {
      const double row0 = m_[0] * static_cast<double>(i) + m_[2], column0 = m_[3] * static_cast<double>(i) + m_[5];
      for (int64_t j = 0; j < p_.out_width; ++j) {
        const double r = row0 + m_[1] * static_cast<double>(j), c = column0 + m_[4] * static_cast<double>(j);
        float* to = y_ + (i * p_.out_width + j) * channels_;
        if (p_.bilinear && r >= 0 && c >= 0 && r < static_cast<double>(height_ - 1) &&
            c < static_cast<double>(width_ - 1)) {
          const auto row = static_cast<int64_t>(r), column = static_cast<int64_t>(c);
          const float* a = x_ + (row * width_ + column) * channels_;
          const float* b = a + row_size();
          const auto down = static_cast<float>(r - static_cast<double>(row));
          const auto right = static_cast<float>(c - static_cast<double>(column));
          for (int64_t k = 0; k < channels_; ++k)
            to[k] = lerp(lerp(a[k], a[k + channels_], right), lerp(b[k], b[k + channels_], right), down);
        } else {
          at_edge(make_tap(r, height_, p_.edge, p_.bilinear), make_tap(c, width_, p_.edge, p_.bilinear), to);
        }
      }
    }
  }

  void at_edge(const Tap& row, const Tap& column, float* to) {
    for (int64_t k = 0; k < channels_; ++k)
      to[k] = lerp(lerp(value(row.first, column.first, k), value(row.first, column.second, k), column.weight),
                   lerp(value(row.second, column.first, k), value(row.second, column.second, k), column.weight),
                   row.weight);
  }

  float value(int64_t row, int64_t column, int64_t c) const {
    return row == kFill || column == kFill ? p_.fill : x_[(row * width_ + column) * channels_ + c];
  }

  const AffineParams& p_;
  const double* m_;
  const float* x_;
  float* y_;
  Scratch& scratch_;
  const int64_t height_, width_, channels_;
};

// Bytes are blended as floats. The whole image is converted before and after, in loops that compilers vectorize.
template <int C>
void blend(const AffineParams& p, const double* m, const float* x, float* y, Scratch& scratch) {
  Blender<C>(p, m, x, y, scratch).run();
}
template <int C>
void blend(const AffineParams& p, const double* m, const uint8_t* x, uint8_t* y, Scratch& scratch) {
  const int64_t in = image_size(p.images), out = p.out_height * p.out_width * p.images.channels;
  scratch.in.resize(static_cast<size_t>(in));
  scratch.out.resize(static_cast<size_t>(out));
  std::copy_n(x, in, scratch.in.data());
  Blender<C>(p, m, scratch.in.data(), scratch.out.data(), scratch).run();
  const float* blended = scratch.out.data();
  for (int64_t k = 0; k < out; ++k) y[k] = round_to_byte(blended[k]);  // means of values from 0 to 255
}

}  // namespace

Edge parse_edge(const std::string& name) {
  if (name == "constant") return Edge::constant;
  if (name == "grid_constant") return Edge::grid_constant;
  if (name == "nearest") return Edge::nearest;
  if (name == "reflect") return Edge::reflect;
  if (name == "wrap") return Edge::wrap;
  if (name == "grid_wrap") return Edge::grid_wrap;
  fail("[augment] expected an edge named constant, grid_constant, nearest, reflect, wrap or grid_wrap. Received: ",
       name);
}

template <class T>
void augment_affine(const AffineParams& params, const double* matrices, const T* x, T* y) {
  AffineParams p = params;
  if (std::is_same_v<T, uint8_t>) p.fill = std::min(std::max(0.0f, p.fill), 255.0f);
  constexpr const char* op = "[augment_affine] ";
  constexpr double kMost = 1e6;  // with this limit, integers and doubles can hold all coordinates
  check_images(op, p.images);
  check_images(op, {p.images.samples, p.out_height, p.out_width, p.images.channels});
  for (int64_t k = 0; k < 6 * p.images.samples; ++k)
    check(std::abs(matrices[k]) <= kMost, op, "expected matrices of numbers from -", kMost, " to ", kMost,
          ". Received: ", matrices[k], " for sample ", k / 6);
  const int64_t in = image_size(p.images), out = p.out_height * p.out_width * p.images.channels;
  const PixelCopier copier(p, p.images.channels * static_cast<int64_t>(sizeof(T)), fill_bytes(to_pixel<T>(p.fill)));
  with_channels(p.images.channels, [&](auto channels) {
    for_each_sample(p.images.samples, 4 * out, [&](int64_t n) {
      static thread_local Scratch scratch;
      const double* m = matrices + 6 * n;
      if (moves_whole_pixels(m))
        copier.run({static_cast<int64_t>(m[2]), m[0] < 0}, {static_cast<int64_t>(m[5]), m[4] < 0},
                   reinterpret_cast<const uint8_t*>(x + n * in), reinterpret_cast<uint8_t*>(y + n * out),
                   scratch.edge_columns);
      else
        blend<channels()>(p, m, x + n * in, y + n * out, scratch);
    });
  });
}

template void augment_affine(const AffineParams&, const double*, const uint8_t*, uint8_t*);
template void augment_affine(const AffineParams&, const double*, const float*, float*);

}  // namespace cnncore
