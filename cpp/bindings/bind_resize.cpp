// Zero padding, cropping, permutation, upsampling, global pooling, dropout and noise of arrays.
#include "array.h"

namespace cnncore {
namespace {

Shape sample_of(const Shape& shape) { return Shape(shape.begin() + 1, shape.end()); }

ImageSize image_size(const char* op, const Shape& shape) {
  check(shape.size() == 4, op, "expected images (batch, height, width, channels). Received: shape ", shape);
  return {shape[1], shape[2], shape[3]};
}

// Makes an array of this shape, and calls compute(values) without the GIL to set its values.
template <class Function>
Array computed(const Shape& shape, Function compute) {
  Array y = empty(shape);
  float* to = y.mutable_data();
  {
    py::gil_scoped_release release;
    compute(to);
  }
  return y;
}

void bind_borders(py::module_& m) {
  const auto def = [&m](const char* name, auto output_shape, auto run) {
    m.def(
        name,
        [name, output_shape, run](const Array& x, const PaddingPairs& sides) {
          const std::string op = "[" + std::string(name) + "] ";
          const ImageSize in = image_size(op.c_str(), shape_of(x));
          const Padding padding = to_padding(sides);
          return computed(batched(x.shape(0), output_shape(in, padding)),
                          [&](float* y) { run(in, padding, x.shape(0), x.data(), y); });
        },
        py::arg("x").noconvert(), py::arg("sides"));
  };
  def("zero_padding2d", zero_padding2d_output_shape, zero_padding2d);
  def("cropping2d", cropping2d_output_shape, cropping2d);
}

void bind_permute(py::module_& m) {
  m.def(
      "permute",
      [](const Array& x, const std::vector<int>& dims) {
        check(x.ndim() >= 2, "[permute] expected x of rank 2 or more. Received: shape ", shape_of(x));
        const Shape in = sample_of(shape_of(x));
        return computed(batched(x.shape(0), permute_output_shape(in, dims)),
                        [&](float* y) { permute(in, dims, x.shape(0), x.data(), y); });
      },
      py::arg("x").noconvert(), py::arg("dims"));
}

void bind_upsampling(py::module_& m) {
  m.def(
      "upsampling2d",
      [](const Array& x, Pair size, bool bilinear) {
        const Upsampling2dParams p{image_size("[upsampling2d] ", shape_of(x)), size.first, size.second, bilinear};
        return computed(batched(x.shape(0), upsampling2d_output_shape(p)),
                        [&](float* y) { upsampling2d(p, x.shape(0), x.data(), y); });
      },
      py::arg("x").noconvert(), py::arg("size"), py::arg("bilinear"));
  m.def(
      "upsampling2d_backward",
      [](const Shape& x_shape, const Array& dy, Pair size, bool bilinear) {
        constexpr const char* op = "[upsampling2d_backward] ";
        const Upsampling2dParams p{image_size(op, x_shape), size.first, size.second, bilinear};
        check_shape(op, "dy", dy, batched(x_shape[0], upsampling2d_output_shape(p)));
        return computed(x_shape, [&](float* dx) { upsampling2d_backward(p, x_shape[0], dy.data(), dx); });
      },
      py::arg("x_shape"), py::arg("dy").noconvert(), py::arg("size"), py::arg("bilinear"));
}

void bind_global_pools(py::module_& m) {
  const auto def = [&m](const char* name, auto run) {
    m.def(
        name,
        [name, run](const Array& x) {
          const ImageSize in = image_size(("[" + std::string(name) + "] ").c_str(), shape_of(x));
          return computed({x.shape(0), in.channels},
                          [&](float* y) { run(in.height * in.width, in.channels, x.shape(0), x.data(), y); });
        },
        py::arg("x").noconvert());
  };
  def("global_avg_pool2d", global_avg_pool2d);
  def("global_max_pool2d", global_max_pool2d);
  m.def(
      "global_avg_pool2d_backward",
      [](const Shape& x_shape, const Array& dy) {
        constexpr const char* op = "[global_avg_pool2d_backward] ";
        const ImageSize in = image_size(op, x_shape);
        check_shape(op, "dy", dy, {x_shape[0], in.channels});
        return computed(x_shape, [&](float* dx) {
          global_avg_pool2d_backward(in.height * in.width, in.channels, x_shape[0], dy.data(), dx);
        });
      },
      py::arg("x_shape"), py::arg("dy").noconvert());
  m.def(
      "global_max_pool2d_backward",
      [](const Array& x, const Array& dy) {
        constexpr const char* op = "[global_max_pool2d_backward] ";
        const ImageSize in = image_size(op, shape_of(x));
        check_shape(op, "dy", dy, {x.shape(0), in.channels});
        return computed(shape_of(x), [&](float* dx) {
          global_max_pool2d_backward(in.height * in.width, in.channels, x.shape(0), x.data(), dy.data(), dx);
        });
      },
      py::arg("x").noconvert(), py::arg("dy").noconvert());
}

void bind_random(py::module_& m) {
  m.def(
      "dropout",
      [](const Array& x, float rate, uint64_t seed, uint64_t step, const Shape& noise_shape) {
        check(x.ndim() >= 2, "[dropout] expected x of rank 2 or more. Received: shape ", shape_of(x));
        const DropoutParams p{rate, seed, step, sample_of(shape_of(x)), noise_shape};
        return computed(shape_of(x), [&](float* y) { dropout(p, x.shape(0), x.data(), y); });
      },
      py::arg("x").noconvert(), py::arg("rate"), py::arg("seed"), py::arg("step"), py::arg("noise_shape"));
  m.def(
      "gaussian_noise",
      [](const Array& x, float stddev, uint64_t seed, uint64_t step) {
        check(x.ndim() >= 1, "[gaussian_noise] expected an array of rank 1 or more. Received: a scalar");
        const int64_t batch = x.shape(0);
        const GaussianNoiseParams p{stddev, seed, step, batch ? x.size() / batch : 0};
        return computed(shape_of(x), [&](float* y) { gaussian_noise(p, batch, x.data(), y); });
      },
      py::arg("x").noconvert(), py::arg("stddev"), py::arg("seed"), py::arg("step"));
}

}  // namespace

void bind_resize(py::module_& m) {
  bind_borders(m);
  bind_permute(m);
  bind_upsampling(m);
  bind_global_pools(m);
  bind_random(m);
}

}  // namespace cnncore
