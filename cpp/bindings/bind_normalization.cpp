// Batch, layer and group normalization of arrays of any rank.
#include <optional>

#include "array.h"

namespace cnncore {
namespace {

using Optional = std::optional<Array>;

const float* per_channel(const char* op, const char* name, const Optional& a, int64_t size) {
  if (!a) return nullptr;
  check_shape(op, name, *a, {size});
  return a->data();
}

BatchNormParams batch_params(const char* op, const Array& x, float epsilon) {
  check(x.ndim() >= 2 && x.size() > 0, op, "expected x of rank 2 or more with at least one row. Received: shape ",
        shape_of(x));
  const int64_t channels = x.shape(x.ndim() - 1);
  return {x.size() / channels, channels, epsilon};
}

void bind_batch(py::module_& m) {
  m.def(
      "batch_normalization",
      [](const Array& x, const Optional& gamma, const Optional& beta, float epsilon) {
        constexpr const char* op = "[batch_normalization] ";
        const BatchNormParams p = batch_params(op, x, epsilon);
        const float *g = per_channel(op, "gamma", gamma, p.channels), *b = per_channel(op, "beta", beta, p.channels);
        Array y = empty(shape_of(x)), mean = empty({p.channels}), variance = empty({p.channels});
        float *to = y.mutable_data(), *mean_to = mean.mutable_data(), *variance_to = variance.mutable_data();
        {
          py::gil_scoped_release release;
          batch_normalization(p, x.data(), g, b, to, mean_to, variance_to);
        }
        return py::make_tuple(y, mean, variance);
      },
      py::arg("x").noconvert(), py::arg("gamma").noconvert(), py::arg("beta").noconvert(), py::arg("epsilon"));
  m.def(
      "batch_normalization_inference",
      [](const Array& x, const Array& mean, const Array& variance, const Optional& gamma, const Optional& beta,
         float epsilon) {
        constexpr const char* op = "[batch_normalization] ";
        const BatchNormParams p = batch_params(op, x, epsilon);
        check_shape(op, "mean", mean, {p.channels}), check_shape(op, "variance", variance, {p.channels});
        const float *g = per_channel(op, "gamma", gamma, p.channels), *b = per_channel(op, "beta", beta, p.channels);
        Array y = empty(shape_of(x));
        float* to = y.mutable_data();
        {
          py::gil_scoped_release release;
          batch_normalization_inference(p, x.data(), g, b, mean.data(), variance.data(), to);
        }
        return y;
      },
      py::arg("x").noconvert(), py::arg("mean").noconvert(), py::arg("variance").noconvert(),
      py::arg("gamma").noconvert(), py::arg("beta").noconvert(), py::arg("epsilon"));
  m.def(
      "batch_normalization_backward",
      [](const Array& x, const Array& mean, const Array& variance, const Array& dy, const Optional& gamma,
         float epsilon) {
        constexpr const char* op = "[batch_normalization_backward] ";
        const BatchNormParams p = batch_params(op, x, epsilon);
        check_shape(op, "mean", mean, {p.channels}), check_shape(op, "variance", variance, {p.channels});
        check_shape(op, "dy", dy, shape_of(x));
        const float* g = per_channel(op, "gamma", gamma, p.channels);
        Array dx = empty(shape_of(x)), dgamma = empty({p.channels}), dbeta = empty({p.channels});
        float *to = dx.mutable_data(), *dgamma_to = dgamma.mutable_data(), *dbeta_to = dbeta.mutable_data();
        {
          py::gil_scoped_release release;
          batch_normalization_backward(p, {.x = x.data(),
                                           .gamma = g,
                                           .mean = mean.data(),
                                           .variance = variance.data(),
                                           .dy = dy.data(),
                                           .dx = to,
                                           .dgamma = dgamma_to,
                                           .dbeta = dbeta_to});
        }
        return py::make_tuple(dx, dgamma, dbeta);
      },
      py::arg("x").noconvert(), py::arg("mean").noconvert(), py::arg("variance").noconvert(), py::arg("dy").noconvert(),
      py::arg("gamma").noconvert(), py::arg("epsilon"));
}

// Returns the sizes of x as a matrix: a row has the values along the last `axes` axes. gamma and beta have the size of
// a row.
LayerNormParams layer_params(const char* op, const Array& x, int64_t axes, float epsilon) {
  check(axes >= 1 && axes <= x.ndim(), op, "expected a number of axes between 1 and the rank of x, ", x.ndim(),
        ". Received: ", axes);
  int64_t cols = 1;
  for (int64_t a = x.ndim() - axes; a < x.ndim(); ++a) cols *= x.shape(a);
  return {cols ? x.size() / cols : 0, cols, epsilon};
}

void bind_layer(py::module_& m) {
  m.def(
      "layer_normalization",
      [](const Array& x, const Optional& gamma, const Optional& beta, int64_t axes, float epsilon) {
        constexpr const char* op = "[layer_normalization] ";
        const LayerNormParams p = layer_params(op, x, axes, epsilon);
        const float *g = per_channel(op, "gamma", gamma, p.cols), *b = per_channel(op, "beta", beta, p.cols);
        Array y = empty(shape_of(x)), mean = empty({p.rows}), inverse = empty({p.rows});
        float *to = y.mutable_data(), *mean_to = mean.mutable_data(), *inverse_to = inverse.mutable_data();
        {
          py::gil_scoped_release release;
          layer_normalization(p, x.data(), g, b, to, mean_to, inverse_to);
        }
        return py::make_tuple(y, mean, inverse);
      },
      py::arg("x").noconvert(), py::arg("gamma").noconvert(), py::arg("beta").noconvert(), py::arg("axes"),
      py::arg("epsilon"));
  m.def(
      "layer_normalization_backward",
      [](const Array& x, const Array& mean, const Array& inverse, const Array& dy, const Optional& gamma,
         int64_t axes) {
        constexpr const char* op = "[layer_normalization_backward] ";
        const LayerNormParams p = layer_params(op, x, axes, 0.0f);
        check_shape(op, "mean", mean, {p.rows}), check_shape(op, "inverse", inverse, {p.rows});
        check_shape(op, "dy", dy, shape_of(x));
        const float* g = per_channel(op, "gamma", gamma, p.cols);
        Array dx = empty(shape_of(x)), dgamma = empty({p.cols}), dbeta = empty({p.cols});
        float *to = dx.mutable_data(), *dgamma_to = dgamma.mutable_data(), *dbeta_to = dbeta.mutable_data();
        {
          py::gil_scoped_release release;
          layer_normalization_backward(p, {.x = x.data(),
                                           .gamma = g,
                                           .mean = mean.data(),
                                           .inverse = inverse.data(),
                                           .dy = dy.data(),
                                           .dx = to,
                                           .dgamma = dgamma_to,
                                           .dbeta = dbeta_to});
        }
        return py::make_tuple(dx, dgamma, dbeta);
      },
      py::arg("x").noconvert(), py::arg("mean").noconvert(), py::arg("inverse").noconvert(), py::arg("dy").noconvert(),
      py::arg("gamma").noconvert(), py::arg("axes"));
}

GroupNormParams group_params(const char* op, const Array& x, int64_t groups, float epsilon) {
  check(x.ndim() >= 2 && x.size() > 0, op, "expected x of rank 2 or more that is not empty. Received: shape ",
        shape_of(x));
  const int64_t batch = x.shape(0), channels = x.shape(x.ndim() - 1);
  return {batch, x.size() / batch / channels, channels, groups, epsilon};
}

void bind_group(py::module_& m) {
  m.def(
      "group_normalization",
      [](const Array& x, const Optional& gamma, const Optional& beta, int64_t groups, float epsilon) {
        constexpr const char* op = "[group_normalization] ";
        const GroupNormParams p = group_params(op, x, groups, epsilon);
        const float *g = per_channel(op, "gamma", gamma, p.channels), *b = per_channel(op, "beta", beta, p.channels);
        Array y = empty(shape_of(x)), mean = empty({p.batch, groups}), inverse = empty({p.batch, groups});
        float *to = y.mutable_data(), *mean_to = mean.mutable_data(), *inverse_to = inverse.mutable_data();
        {
          py::gil_scoped_release release;
          group_normalization(p, x.data(), g, b, to, mean_to, inverse_to);
        }
        return py::make_tuple(y, mean, inverse);
      },
      py::arg("x").noconvert(), py::arg("gamma").noconvert(), py::arg("beta").noconvert(), py::arg("groups"),
      py::arg("epsilon"));
  m.def(
      "group_normalization_backward",
      [](const Array& x, const Array& mean, const Array& inverse, const Array& dy, const Optional& gamma,
         int64_t groups) {
        constexpr const char* op = "[group_normalization_backward] ";
        const GroupNormParams p = group_params(op, x, groups, 0.0f);
        check_shape(op, "mean", mean, {p.batch, groups}), check_shape(op, "inverse", inverse, {p.batch, groups});
        check_shape(op, "dy", dy, shape_of(x));
        const float* g = per_channel(op, "gamma", gamma, p.channels);
        Array dx = empty(shape_of(x)), dgamma = empty({p.channels}), dbeta = empty({p.channels});
        float *to = dx.mutable_data(), *dgamma_to = dgamma.mutable_data(), *dbeta_to = dbeta.mutable_data();
        {
          py::gil_scoped_release release;
          group_normalization_backward(p, {.x = x.data(),
                                           .gamma = g,
                                           .mean = mean.data(),
                                           .inverse = inverse.data(),
                                           .dy = dy.data(),
                                           .dx = to,
                                           .dgamma = dgamma_to,
                                           .dbeta = dbeta_to});
        }
        return py::make_tuple(dx, dgamma, dbeta);
      },
      py::arg("x").noconvert(), py::arg("mean").noconvert(), py::arg("inverse").noconvert(), py::arg("dy").noconvert(),
      py::arg("gamma").noconvert(), py::arg("groups"));
}

}  // namespace

void bind_normalization(py::module_& m) {
  bind_batch(m);
  bind_layer(m);
  bind_group(m);
}

}  // namespace cnncore
