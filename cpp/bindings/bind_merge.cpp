// Ops with several inputs, which are lists of arrays. The first axis of each array is that of the batch.
#include "array.h"

namespace cnncore {
namespace {

// The values of the inputs and the shapes of their samples. All inputs have the same batch size.
struct Inputs {
  Inputs(const char* op, const std::vector<Array>& arrays) {
    check(!arrays.empty(), op, "expected at least one input");
    batch = arrays[0].ndim() ? arrays[0].shape(0) : 0;
    for (const Array& a : arrays) {
      shapes.push_back(sample_shape(op, "inputs", a));
      data.push_back(a.data());
      check(a.shape(0) == batch, op, "expected inputs of the same batch size. Received: shapes ", shape_of(arrays[0]),
            ", ", shape_of(a));
    }
  }
  int64_t batch;
  std::vector<Shape> shapes;
  std::vector<const float*> data;
};

// New arrays of the shapes of the inputs.
struct Gradients {
  explicit Gradients(const Inputs& inputs) {
    for (const Shape& shape : inputs.shapes) {
      arrays.push_back(empty(batched(inputs.batch, shape)));
      data.push_back(arrays.back().mutable_data());
    }
  }
  std::vector<Array> arrays;
  std::vector<float*> data;
};

void bind_elementwise(py::module_& m) {
  m.def(
      "merge",
      [](const std::vector<Array>& x, const std::string& kind) {
        const Merge op = parse_merge(kind);
        const Inputs in(("[" + kind + "] ").c_str(), x);
        Array y = empty(batched(in.batch, merge_output_shape(op, in.shapes)));
        float* to = y.mutable_data();
        {
          py::gil_scoped_release release;
          merge(op, in.shapes, in.batch, in.data.data(), to);
        }
        return y;
      },
      py::arg("x"), py::arg("kind"));
  m.def(
      "merge_backward",
      [](const std::vector<Array>& x, const Array& dy, const std::string& kind) {
        const Merge op = parse_merge(kind);
        const std::string prefix = "[" + kind + "_backward] ";
        const Inputs in(prefix.c_str(), x);
        check_shape(prefix.c_str(), "dy", dy, batched(in.batch, merge_output_shape(op, in.shapes)));
        Gradients dx(in);
        {
          py::gil_scoped_release release;
          merge_backward(op, in.shapes, in.batch, in.data.data(), dy.data(), dx.data.data());
        }
        return dx.arrays;
      },
      py::arg("x"), py::arg("dy").noconvert(), py::arg("kind"));
}

void bind_concatenate(py::module_& m) {
  m.def(
      "concatenate",
      [](const std::vector<Array>& x, int axis) {
        const Inputs in("[concatenate] ", x);
        Array y = empty(batched(in.batch, concatenate_output_shape(axis, in.shapes)));
        concatenate(axis, in.shapes, in.batch, in.data.data(), y.mutable_data());
        return y;
      },
      py::arg("x"), py::arg("axis"));
  m.def(
      "concatenate_backward",
      [](const std::vector<Array>& x, const Array& dy, int axis) {
        const Inputs in("[concatenate_backward] ", x);
        check_shape("[concatenate_backward] ", "dy", dy, batched(in.batch, concatenate_output_shape(axis, in.shapes)));
        Gradients dx(in);
        concatenate_backward(axis, in.shapes, in.batch, dy.data(), dx.data.data());
        return dx.arrays;
      },
      py::arg("x"), py::arg("dy").noconvert(), py::arg("axis"));
}

DotParams dot_params(const Inputs& in, int axis_1, int axis_2, bool normalize) {
  return {in.shapes[0], in.shapes[1], axis_1, axis_2, normalize};
}

void bind_dot(py::module_& m) {
  m.def(
      "dot",
      [](const Array& x1, const Array& x2, int axis_1, int axis_2, bool normalize) {
        const Inputs in("[dot] ", {x1, x2});
        const DotParams p = dot_params(in, axis_1, axis_2, normalize);
        Array y = empty(batched(in.batch, dot_output_shape(p)));
        float* to = y.mutable_data();
        {
          py::gil_scoped_release release;
          dot(p, in.batch, x1.data(), x2.data(), to);
        }
        return y;
      },
      py::arg("x1").noconvert(), py::arg("x2").noconvert(), py::arg("axis_1"), py::arg("axis_2"), py::arg("normalize"));
  m.def(
      "dot_backward",
      [](const Array& x1, const Array& x2, const Array& dy, int axis_1, int axis_2, bool normalize) {
        const Inputs in("[dot_backward] ", {x1, x2});
        const DotParams p = dot_params(in, axis_1, axis_2, normalize);
        check_shape("[dot_backward] ", "dy", dy, batched(in.batch, dot_output_shape(p)));
        Gradients dx(in);
        {
          py::gil_scoped_release release;
          dot_backward(p, in.batch, x1.data(), x2.data(), dy.data(), dx.data[0], dx.data[1]);
        }
        return py::make_tuple(dx.arrays[0], dx.arrays[1]);
      },
      py::arg("x1").noconvert(), py::arg("x2").noconvert(), py::arg("dy").noconvert(), py::arg("axis_1"),
      py::arg("axis_2"), py::arg("normalize"));
}

}  // namespace

void bind_merge(py::module_& m) {
  bind_elementwise(m);
  bind_concatenate(m);
  bind_dot(m);
}

}  // namespace cnncore
