// Products of the vectors of two inputs, sample by sample. They are products of matrices. If the vectors are
// normalized, as for similarities, or if there are only a few, each sum is computed in double instead.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/kernels.h"
#include "ops/merge_rows.h"
#include "runtime/buffer.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

constexpr double kShortest = 1e-7;     // shorter vectors count as this long, as in Keras
constexpr int64_t kLeastProducts = 8;  // fewer are not worth a product of matrices

double product(int64_t terms, const float* a, int64_t a_step, const float* b, int64_t b_step) {
  double sum = 0;
  for (int64_t t = 0; t < terms; ++t) sum += static_cast<double>(a[t * a_step]) * static_cast<double>(b[t * b_step]);
  return sum;
}

}  // namespace

DotPlan::DotPlan(int axis_1, int axis_2, bool normalize, const Shape& x1, const Shape& x2) : normalize_(normalize) {
  const Shape* shapes[] = {&x1, &x2};
  const int axes[] = {axis_1, axis_2};
  for (int i = 0; i < 2; ++i) {
    const Shape& shape = *shapes[i];
    check(axes[i] >= 0 && axes[i] < static_cast<int>(shape.size()), "[dot] expected an axis of samples of shape ",
          shape, ". Received: ", axes[i]);
    Side& side = sides_[i] = {1, 1, shape[static_cast<size_t>(axes[i])]};
    for (int a = 0; a < static_cast<int>(shape.size()); ++a) {
      const int64_t size = shape[static_cast<size_t>(a)];
      if (a != axes[i]) output_.push_back(size);
      if (a != axes[i]) (a < axes[i] ? side.outer : side.inner) *= size;
    }
  }
  check(sides_[0].terms == sides_[1].terms, "[dot] expected axes of the same size. Received: axis ", axis_1, " of ", x1,
        ", axis ", axis_2, " of ", x2);
  const int64_t largest = std::max({sides_[0].size(), sides_[1].size(), element_count(output_)});
  check(largest <= std::numeric_limits<int32_t>::max(),
        "[dot] expected samples of less than 2^31 values. Received: ", x1, " and ", x2);
  if (output_.empty()) output_.push_back(1);
  by_vectors_ = normalize_ || element_count(output_) < kLeastProducts;
  if (by_vectors_) return;
  for (int i = 0; i < 2; ++i) {
    const Side& side = sides_[i];
    for (int64_t v = 0; v < side.vectors(); ++v) vectors_[i].push_back(static_cast<int32_t>(side.begin(v)));
    for (int64_t t = 0; t < side.terms; ++t) terms_[i].push_back(static_cast<int32_t>(t * side.inner));
    const int64_t step = i == 0 ? sides_[1].vectors() : 1;
    for (int64_t v = 0; v < side.vectors(); ++v) output_offsets_[i].push_back(static_cast<int32_t>(v * step));
  }
}

int64_t DotPlan::scratch_size() const {
  return by_vectors_ ? 0 : std::max({sides_[0].size(), sides_[1].size(), element_count(output_)});
}

// y = x1 * x2, where x2 is needed as a matrix with a row for each term.
void DotPlan::multiply(const Kernels& k, const float* x1, const float* x2, float* y, float* scratch) const {
  const Side& b = sides_[1];
  const float* rows = x2;
  if (b.outer > 1) {
    if (b.inner == 1) k.transpose(x2, b.terms, scratch, b.vectors(), b.vectors(), b.terms);
    for (int64_t o = 0; b.inner > 1 && o < b.outer; ++o)
      for (int64_t t = 0; t < b.terms; ++t)
        std::copy_n(x2 + (o * b.terms + t) * b.inner, b.inner, scratch + t * b.vectors() + o * b.inner);
    rows = scratch;
  }
  k.gemm({.x = x1,
          .x_offset = vectors_[0].data(),
          .k_offset = terms_[0].data(),
          .pixels = sides_[0].vectors(),
          .depth = b.terms,
          .cols = b.vectors(),
          .w = rows,
          .ldw = b.vectors(),
          .bias = nullptr,
          .y = y,
          .y_offset = output_offsets_[0].data(),
          .relu = false});
}

// The gradient of the input whose values are not z: the sum of the vectors of z, each times its dy. If the vectors of
// dx are rows, it is dy * z. If their terms are rows, it is z * dy, for one part of dx after the other.
void DotPlan::multiply_gradient(const Kernels& k, int input, const float* z, const float* dy, float* dx,
                                float* scratch) const {
  const Side &own = sides_[input], &other = sides_[1 - input];
  GemmArgs product{.x = dy,
                   .x_offset = output_offsets_[input].data(),
                   .k_offset = output_offsets_[1 - input].data(),
                   .pixels = own.vectors(),
                   .depth = other.vectors(),
                   .cols = own.terms,
                   .w = z,
                   .ldw = own.terms,
                   .bias = nullptr,
                   .y = dx,
                   .y_offset = vectors_[input].data(),
                   .relu = false};
  if (own.inner == 1) {
    for (int64_t o = 0; other.inner > 1 && o < other.outer; ++o) {
      const int64_t at = o * other.inner * other.terms;
      k.transpose(z + at, other.inner, scratch + at, other.terms, other.terms, other.inner);
      product.w = scratch;
    }
    return k.gemm(product);
  }
  const float* rows = dy;  // a row for each vector of z
  if (input == 0) {
    k.transpose(dy, other.vectors(), scratch, own.vectors(), own.vectors(), other.vectors());
    rows = scratch;
  }
  product.x = z, product.x_offset = terms_[1 - input].data(), product.k_offset = vectors_[1 - input].data();
  product.y_offset = terms_[input].data();
  product.pixels = own.terms, product.cols = own.inner, product.ldw = own.vectors();
  for (int64_t o = 0; o < own.outer; ++o) {
    product.w = rows + o * own.inner;
    product.y = dx + o * own.inner * own.terms;
    k.gemm(product);
  }
}

void DotPlan::forward(const Kernels& k, int64_t count, const float* x1, const float* x2, float* y,
                      float* scratch) const {
  if (by_vectors_) return forward_by_vectors(count, x1, x2, y);
  const int64_t outputs = sides_[0].vectors() * sides_[1].vectors();
  for (int64_t n = 0; n < count; ++n)
    multiply(k, x1 + n * sides_[0].size(), x2 + n * sides_[1].size(), y + n * outputs, scratch);
}

void DotPlan::backward(const Kernels& k, int64_t count, int input, const DotGradient& of, float* scratch) const {
  if (by_vectors_) return backward_by_vectors(count, input, of);
  const Side &own = sides_[input], &other = sides_[1 - input];
  const float* z = input ? of.x1 : of.x2;
  const int64_t outputs = own.vectors() * other.vectors();
  for (int64_t n = 0; n < count; ++n)
    multiply_gradient(k, input, z + n * other.size(), of.dy + n * outputs, of.dx + n * own.size(), scratch);
}

double DotPlan::inverse_length(const Side& s, const float* v) const {
  if (!normalize_) return 1.0;
  return 1.0 / std::max(std::sqrt(product(s.terms, v, s.inner, v, s.inner)), kShortest);
}

void DotPlan::forward_by_vectors(int64_t count, const float* x1, const float* x2, float* y) const {
  const Side &a = sides_[0], &b = sides_[1];
  for (int64_t n = 0; n < count; ++n, x1 += a.size(), x2 += b.size())
    for (int64_t i = 0; i < a.vectors(); ++i) {
      const float* u = x1 + a.begin(i);
      const double by = inverse_length(a, u);
      for (int64_t j = 0; j < b.vectors(); ++j) {
        const float* v = x2 + b.begin(j);
        *y++ = static_cast<float>(product(a.terms, u, a.inner, v, b.inner) * by * inverse_length(b, v));
      }
    }
}

void DotPlan::backward_by_vectors(int64_t count, int input, const DotGradient& of) const {
  const Side &own = sides_[input], &other = sides_[1 - input];
  const float *x = input ? of.x2 : of.x1, *z = input ? of.x1 : of.x2, *dy = of.dy;
  float* dx = of.dx;
  const int64_t own_step = input ? 1 : other.vectors(), other_step = input ? own.vectors() : 1;  // in dy
  for (int64_t n = 0; n < count; ++n) {
    for (int64_t i = 0; i < own.vectors(); ++i) {
      const float* u = x + own.begin(i);
      float* out = dx + own.begin(i);
      const double by = inverse_length(own, u);
      for (int64_t t = 0; t < own.terms; ++t) out[t * own.inner] = 0.0f;
      for (int64_t j = 0; j < other.vectors(); ++j) {
        const float* v = z + other.begin(j);
        const double weight = static_cast<double>(dy[i * own_step + j * other_step]) * by * inverse_length(other, v);
        for (int64_t t = 0; t < own.terms; ++t)
          out[t * own.inner] += static_cast<float>(weight * static_cast<double>(v[t * other.inner]));
      }
      if (!normalize_ || by >= 1.0 / kShortest) continue;
      // A change along the vector itself does not change its direction, so this part of the gradient is subtracted.
      const double along = product(own.terms, u, own.inner, out, own.inner) * by * by;
      for (int64_t t = 0; t < own.terms; ++t)
        out[t * own.inner] =
            static_cast<float>(static_cast<double>(out[t * own.inner]) - along * static_cast<double>(u[t * own.inner]));
    }
    x += own.size(), z += other.size(), dx += own.size(), dy += own.vectors() * other.vectors();
  }
}

// A vector and its tangent. If the layer normalizes, the vector is divided by its length.
struct DotPlan::Unit {
  const float* v;
  const float* v_tangent;
  int64_t step, terms;
  double inverse;  // one divided by the length
  double turn;     // the part of the tangent along the vector itself, which only changes the length

  double at(int64_t t) const { return v[t * step] * inverse; }
  double tangent(int64_t t) const { return (v_tangent[t * step] - at(t) * turn) * inverse; }
  static double product(const Unit& a, const Unit& b) {
    return cnncore::product(a.terms, a.v, a.step, b.v, b.step) * a.inverse * b.inverse;
  }
  // The tangent of the product of two vectors.
  static double tangent(const Unit& a, const Unit& b) {
    double sum = 0;
    for (int64_t t = 0; t < a.terms; ++t) sum += a.tangent(t) * b.at(t) + a.at(t) * b.tangent(t);
    return sum;
  }
};

DotPlan::Unit DotPlan::unit(const Side& s, const float* v, const float* v_tangent) const {
  Unit unit{v, v_tangent, s.inner, s.terms, inverse_length(s, v), 0.0};
  if (normalize_ && unit.inverse < 1.0 / kShortest)
    unit.turn = product(s.terms, v, s.inner, v_tangent, s.inner) * unit.inverse;
  return unit;
}

void DotPlan::tangent(int64_t count, const Tangents& a, float* y_tangent) const {
  for (int64_t n = 0; n < count; ++n)
    for (int64_t i = 0; i < sides_[0].vectors(); ++i) {
      const int64_t at = n * sides_[0].size() + sides_[0].begin(i);
      const Unit u = unit(sides_[0], a.x[0] + at, a.x_tangent[0] + at);
      for (int64_t j = 0; j < sides_[1].vectors(); ++j) {
        const int64_t other = n * sides_[1].size() + sides_[1].begin(j);
        *y_tangent++ = static_cast<float>(Unit::tangent(u, unit(sides_[1], a.x[1] + other, a.x_tangent[1] + other)));
      }
    }
}

// With u = x / length, g = sum_j dy_j v_j and a = u g, the gradient is dx = (g - a u) / length. Its tangent is
//   dx' = (g' - a u' - a' u - (u x') dx) / length
// where a is computed as the sum of dy y, and a' as the tangent of this sum.
void DotPlan::backward_tangent(int64_t count, int input, const Tangents& a, const float* dx, float* dx_tangent) const {
  const Side &own = sides_[input], &other = sides_[1 - input];
  const int64_t own_step = input ? 1 : other.vectors(), other_step = input ? own.vectors() : 1;  // in dy
  for (int64_t n = 0; n < count; ++n)
    for (int64_t i = 0; i < own.vectors(); ++i) {
      const int64_t place = n * own.size() + own.begin(i);
      const Unit u = unit(own, a.x[input] + place, a.x_tangent[input] + place);
      float* out = dx_tangent + place;
      for (int64_t t = 0; t < own.terms; ++t) out[t * own.inner] = 0.0f;
      double along = 0, along_tangent = 0;
      for (int64_t j = 0; j < other.vectors(); ++j) {
        const int64_t at = n * own.vectors() * other.vectors() + i * own_step + j * other_step;
        const int64_t begin = n * other.size() + other.begin(j);
        const Unit v = unit(other, a.x[1 - input] + begin, a.x_tangent[1 - input] + begin);
        const double dy = a.dy[at], dy_tangent = a.dy_tangent[at];
        along += dy * a.y[at];
        along_tangent += dy_tangent * a.y[at] + dy * a.y_tangent[at];
        for (int64_t t = 0; t < own.terms; ++t)
          out[t * own.inner] += static_cast<float>(dy_tangent * v.at(t) + dy * v.tangent(t));
      }
      if (!normalize_) continue;
      const bool turns = u.inverse < 1.0 / kShortest;
      for (int64_t t = 0; t < own.terms; ++t) {
        const double lost =
            turns ? along * u.tangent(t) + along_tangent * u.at(t) + u.turn * dx[place + t * own.inner] : 0;
        out[t * own.inner] = static_cast<float>((out[t * own.inner] - lost) * u.inverse);
      }
    }
}

Shape dot_output_shape(const DotParams& p) {
  return DotPlan(p.axis_1, p.axis_2, p.normalize, p.x1, p.x2).output_shape();
}

void dot(const DotParams& p, int64_t batch, const float* x1, const float* x2, float* y) {
  const DotPlan plan(p.axis_1, p.axis_2, p.normalize, p.x1, p.x2);
  const Kernels& k = kernels();
  const int64_t out = element_count(plan.output_shape()), size_1 = element_count(p.x1), size_2 = element_count(p.x2);
  const int threads = threads_for(batch, batch * plan.flops());
  const int64_t scratch_size = aligned_count<float>(plan.scratch_size());
  Buffer<float> scratch(scratch_size * threads);
  parallel_for_on(threads, batch, [&](int64_t n, int thread) {
    plan.forward(k, 1, x1 + n * size_1, x2 + n * size_2, y + n * out, scratch.data() + thread * scratch_size);
  });
}

void dot_backward(const DotParams& p, int64_t batch, const float* x1, const float* x2, const float* dy, float* dx1,
                  float* dx2) {
  const DotPlan plan(p.axis_1, p.axis_2, p.normalize, p.x1, p.x2);
  const Kernels& k = kernels();
  const int64_t out = element_count(plan.output_shape()), size_1 = element_count(p.x1), size_2 = element_count(p.x2);
  const int threads = threads_for(batch, 2 * batch * plan.flops());
  const int64_t scratch_size = aligned_count<float>(plan.scratch_size());
  Buffer<float> scratch(scratch_size * threads);
  parallel_for_on(threads, batch, [&](int64_t n, int thread) {
    float* own = scratch.data() + thread * scratch_size;
    const float *a = x1 + n * size_1, *b = x2 + n * size_2;
    if (dx1) plan.backward(k, 1, 0, {a, b, dy + n * out, dx1 + n * size_1}, own);
    if (dx2) plan.backward(k, 1, 1, {a, b, dy + n * out, dx2 + n * size_2}, own);
  });
}

}  // namespace cnncore
