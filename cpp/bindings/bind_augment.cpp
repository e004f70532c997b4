// Augmentation of batches of images: arrays (samples, height, width, channels) of uint8 or float32.
#include "array.h"
#include "cnncore/augment.h"

namespace cnncore {
namespace {

template <class T>
using Values = py::array_t<T, py::array::c_style>;
using Boxes = Values<int64_t>;

ImageBatch batch_of(const char* op, const py::array& x) {
  check_rank(op, "images", x, 4);
  check(x.flags() & py::array::c_style, op, "expected C-contiguous images. Received: an array in another order");
  check(x.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_, op,
        "expected an array that is aligned in memory. Received: one that is not");
  return {x.shape(0), x.shape(1), x.shape(2), x.shape(3)};
}

// Makes an array of this shape and of the type of x, and calls run(from, to) without the GIL. `from` are the values of
// x, and `to` those of the new array.
template <class Run>
py::array map_images(const char* op, const py::array& x, const Shape& shape, Run&& run) {
  if (py::isinstance<py::array_t<uint8_t>>(x)) {
    py::array_t<uint8_t> y(shape);
    const auto* from = static_cast<const uint8_t*>(x.data());
    uint8_t* to = y.mutable_data();
    const py::gil_scoped_release release;
    run(from, to);
    return y;
  }
  if (!py::isinstance<py::array_t<float>>(x))
    throw py::type_error(std::string(op) +
                         "expected images of dtype uint8 or float32. Received: " + std::string(py::str(x.dtype())));
  Array y = empty(shape);
  const auto* from = static_cast<const float*>(x.data());
  float* to = y.mutable_data();
  const py::gil_scoped_release release;
  run(from, to);
  return y;
}

const Box* boxes_of(const char* op, const Boxes& boxes, int64_t samples) {
  check_shape(op, "boxes", boxes, {samples, 4});
  static_assert(sizeof(Box) == 4 * sizeof(int64_t));
  return reinterpret_cast<const Box*>(boxes.data());
}

py::array affine(const py::array& x, const Values<double>& matrices, Pair size, const std::string& edge, float fill,
                 bool bilinear) {
  constexpr const char* op = "[augment_affine] ";
  const AffineParams p{batch_of(op, x), size.first, size.second, parse_edge(edge), fill, bilinear};
  check_shape(op, "matrices", matrices, {p.images.samples, 6});
  check(size.first >= 1 && size.second >= 1, op, "expected a positive size. Received: ", size.first, "x", size.second);
  const double* m = matrices.data();
  return map_images(op, x, {p.images.samples, size.first, size.second, p.images.channels},
                    [&](const auto* from, auto* to) { augment_affine(p, m, from, to); });
}

using Range = std::pair<double, double>;

Values<double> shift_matrices(const Array& u, Pair size, Range down, Range right, bool whole_pixels) {
  check_rank("[augment_shift_matrices] ", "u", u, 2);
  check_shape("[augment_shift_matrices] ", "u", u, {u.shape(0), 2});
  Values<double> matrices({u.shape(0), py::ssize_t{6}});
  const ShiftParams p{size.first, size.second, {down.first, down.second}, {right.first, right.second}, whole_pixels};
  augment_shift_matrices(u.shape(0), p, u.data(), matrices.mutable_data());
  return matrices;
}

void flip_matrices(Values<double>& matrices, const Array& u, Pair size, bool rows, bool columns) {
  check_rank("[augment_flip_matrices] ", "u", u, 2);
  check_shape("[augment_flip_matrices] ", "u", u, {u.shape(0), 2});
  check_shape("[augment_flip_matrices] ", "matrices", matrices, {u.shape(0), 6});
  augment_flip_matrices(u.shape(0), {size.first, size.second, rows, columns}, u.data(), matrices.mutable_data());
}

using Key = std::pair<uint64_t, uint64_t>;

py::array flip_and_shift(const py::array& x, Key flip, bool rows, bool columns, Key shift, Range down, Range right,
                         const std::string& edge, float fill, bool bilinear) {
  constexpr const char* op = "[augment_flip_and_shift] ";
  const ImageBatch b = batch_of(op, x);
  const AffineParams p{b, b.height, b.width, parse_edge(edge), fill, bilinear};
  const ShiftParams moves{b.height, b.width, {down.first, down.second}, {right.first, right.second}, !bilinear};
  return map_images(op, x, shape_of(x), [&](const auto* from, auto* to) {
    std::vector<float> u(static_cast<size_t>(2 * b.samples));
    std::vector<double> matrices(static_cast<size_t>(6 * b.samples));
    augment_uniform(shift.first, shift.second, b.samples, 2, u.data());
    augment_shift_matrices(b.samples, moves, u.data(), matrices.data());
    augment_uniform(flip.first, flip.second, b.samples, 2, u.data());
    augment_flip_matrices(b.samples, {b.height, b.width, rows, columns}, u.data(), matrices.data());
    augment_affine(p, matrices.data(), from, to);
  });
}

Array channel_means(const py::array& x) {
  constexpr const char* op = "[augment_channel_means] ";
  const ImageBatch b = batch_of(op, x);
  Array means({b.samples, b.channels});
  if (py::isinstance<py::array_t<uint8_t>>(x))
    augment_channel_means(b, static_cast<const uint8_t*>(x.data()), means.mutable_data());
  else
    augment_channel_means(b, float32(op, "images", x).data(), means.mutable_data());
  return means;
}

py::array channels(const py::array& x, const Array& scale, const Array& offset, const Array& low, const Array& high) {
  constexpr const char* op = "[augment_channels] ";
  const ImageBatch b = batch_of(op, x);
  check_shape(op, "scale", scale, {b.samples, b.channels});
  check_shape(op, "offset", offset, {b.samples, b.channels});
  check_shape(op, "low", low, {b.samples});
  check_shape(op, "high", high, {b.samples});
  const float *s = scale.data(), *o = offset.data(), *l = low.data(), *h = high.data();
  return map_images(op, x, shape_of(x), [&](const auto* from, auto* to) { augment_channels(b, s, o, l, h, from, to); });
}

py::array erase(const py::array& x, const Boxes& boxes, const std::optional<Array>& fill, float noise, float low,
                float high, uint64_t seed, uint64_t step) {
  constexpr const char* op = "[augment_erase] ";
  EraseParams p{batch_of(op, x), nullptr, noise, low, high, seed, step};
  if (fill) {
    check_shape(op, "fill", *fill, {p.images.channels});
    p.fill = fill->data();
  }
  const Box* b = boxes_of(op, boxes, p.images.samples);
  return map_images(op, x, shape_of(x), [&](const auto* from, auto* to) { augment_erase(p, b, from, to); });
}

py::array mix(const py::array& x, const Values<int64_t>& order, const Array& weight) {
  constexpr const char* op = "[augment_mix] ";
  const ImageBatch b = batch_of(op, x);
  check_shape(op, "order", order, {b.samples});
  check_shape(op, "weight", weight, {b.samples});
  const int64_t* o = order.data();
  const float* w = weight.data();
  return map_images(op, x, shape_of(x), [&](const auto* from, auto* to) { augment_mix(b, o, w, from, to); });
}

py::array paste(const py::array& x, const Values<int64_t>& order, const Boxes& boxes) {
  constexpr const char* op = "[augment_paste] ";
  const ImageBatch b = batch_of(op, x);
  check_shape(op, "order", order, {b.samples});
  const int64_t* o = order.data();
  const Box* box = boxes_of(op, boxes, b.samples);
  return map_images(op, x, shape_of(x), [&](const auto* from, auto* to) { augment_paste(b, o, box, from, to); });
}

}  // namespace

void bind_augment(py::module_& m) {
  m.def("augment_affine", affine, py::arg("x"), py::arg("matrices"), py::arg("size"), py::arg("edge"), py::arg("fill"),
        py::arg("bilinear"));
  m.def("augment_shift_matrices", shift_matrices, py::arg("u"), py::arg("size"), py::arg("down"), py::arg("right"),
        py::arg("whole_pixels"));
  m.def("augment_flip_matrices", flip_matrices, py::arg("matrices").noconvert(), py::arg("u"), py::arg("size"),
        py::arg("rows"), py::arg("columns"));
  m.def("augment_flip_and_shift", flip_and_shift, py::arg("x"), py::arg("flip"), py::arg("rows"), py::arg("columns"),
        py::arg("shift"), py::arg("down"), py::arg("right"), py::arg("edge"), py::arg("fill"), py::arg("bilinear"));
  m.def("augment_channel_means", channel_means, py::arg("x"));
  m.def("augment_channels", channels, py::arg("x"), py::arg("scale"), py::arg("offset"), py::arg("low"),
        py::arg("high"));
  m.def("augment_erase", erase, py::arg("x"), py::arg("boxes"), py::arg("fill"), py::arg("noise"), py::arg("low"),
        py::arg("high"), py::arg("seed"), py::arg("step"));
  m.def("augment_mix", mix, py::arg("x"), py::arg("order"), py::arg("weight"));
  m.def("augment_paste", paste, py::arg("x"), py::arg("order"), py::arg("boxes"));
  m.def(
      "augment_uniform",
      [](uint64_t seed, uint64_t step, int64_t samples, int64_t count) {
        check(samples >= 0 && count >= 0, "[augment_uniform] expected sizes of at least 0. Received: ", samples, ", ",
              count);
        Array out({samples, count});
        augment_uniform(seed, step, samples, count, out.mutable_data());
        return out;
      },
      py::arg("seed"), py::arg("step"), py::arg("samples"), py::arg("count"));
  m.def("limit_augment_threads", limit_augment_threads, py::arg("threads"));
}

}  // namespace cnncore
