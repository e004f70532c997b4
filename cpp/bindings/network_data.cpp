#include "network_data.h"

#include <algorithm>

#include "array.h"

namespace cnncore {
namespace {

// Makes a loss that calls a Python function with a whole batch.
BatchLoss python_loss(const py::object& function, const py::object& y, const py::object& sample_weight,
                      const std::optional<Indices>& indices, const Shape& output) {
  return [function, y, sample_weight, indices, output](int64_t size, const float* y_pred, float* dy_pred) {
    const py::gil_scoped_acquire gil;
    const auto of_batch = [&](const py::object& all) -> py::object {
      if (all.is_none()) return all;
      return indices ? py::object(all[*indices]) : py::object(all[py::slice(0, size, 1)]);
    };
    Array predictions = empty(batched(size, output));
    std::copy_n(y_pred, predictions.size(), predictions.mutable_data());
    const py::object result = function(of_batch(y), predictions, of_batch(sample_weight));
    if (!py::isinstance<py::tuple>(result) || py::len(result) != 2)  // the text is made only if it is needed
      throw std::invalid_argument("[train_step] expected a loss function to return (loss, gradient). Received: " +
                                  std::string(py::str(py::type::of(result))));
    const py::tuple pair = result;
    const auto gradient = py::array_t<float, py::array::c_style | py::array::forcecast>::ensure(pair[1]);
    if (!gradient) throw py::error_already_set();
    check(gradient.size() == predictions.size(), "[train_step] expected a gradient of shape ", shape_of(predictions),
          " from a loss function. Received: ", shape_of(gradient));
    std::copy_n(gradient.data(), gradient.size(), dy_pred);
    return py::float_(pair[0]).cast<double>();
  };
}

OutputLoss output_loss(const Shape& output, int64_t samples, const py::object& loss, const py::object& y,
                       const py::object& weight, float loss_weight, const std::optional<Indices>& indices) {
  constexpr const char* op = "[train_step] ";
  OutputLoss wanted;
  wanted.weight = loss_weight;
  if (loss.is_none()) return wanted;
  if (!py::isinstance<LossSpec>(loss)) {
    wanted.batch_loss = python_loss(loss, y, weight, indices, output);
    return wanted;
  }
  wanted.loss = loss.cast<LossSpec>();
  wanted.y = to_targets(op, y.cast<py::array>(), samples, output);
  if (!weight.is_none()) {
    const py::array array = weight.cast<py::array>();
    wanted.row_weights = array.ndim() > 1;
    Shape rows = batched(samples, output);
    rows.pop_back();
    check_shape(op, "sample_weight", array, wanted.row_weights ? rows : Shape{samples});
    wanted.sample_weight = float32(op, "sample_weight", array).data();
  }
  return wanted;
}

template <class T>
T item_of(const std::optional<std::vector<T>>& list, size_t index, const T& fallback, const char* name,
          size_t expected) {
  if (!list) return fallback;
  check(list->size() == expected, "[train_step] expected ", expected, " ", name,
        ", one for each output. Received: ", list->size());
  return (*list)[index];
}

}  // namespace

Images to_images(const char* op, const py::array& x, const Shape& sample) {
  const auto rank = static_cast<py::ssize_t>(sample.size()) + 1;
  if (x.ndim() != rank || !std::equal(sample.begin(), sample.end(), x.shape() + 1))
    check_shape(op, "x", x, batched(x.ndim() ? x.shape(0) : 0, sample));
  check(x.flags() & py::array::c_style, op, "expected x to be C-contiguous. Received: an array in another order");
  check(x.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_, op,
        "expected x to be aligned in memory. Received: an array that is not");
  if (py::isinstance<py::array_t<uint8_t>>(x)) return {static_cast<const uint8_t*>(x.data()), nullptr, x.shape(0)};
  if (py::isinstance<py::array_t<float>>(x)) return {nullptr, static_cast<const float*>(x.data()), x.shape(0)};
  throw py::type_error(std::string(op) +
                       "expected x of dtype uint8 or float32. Received: " + std::string(py::str(x.dtype())));
}

std::vector<py::array> to_arrays(const char* op, const py::object& x) {
  std::vector<py::array> arrays;
  if (py::isinstance<py::list>(x) || py::isinstance<py::tuple>(x)) {
    arrays.reserve(py::len(x));
    for (const py::handle item : x) {
      if (!py::isinstance<py::array>(item))
        throw py::type_error(std::string(op) + "expected a list of arrays. Received: a list with a " + type_name(item));
      arrays.push_back(py::reinterpret_borrow<py::array>(item));
    }
    return arrays;
  }
  throw py::type_error(std::string(op) + "expected a list of arrays. Received: a " + type_name(x));
}

std::vector<Images> to_inputs(const char* op, const Network& net, const std::vector<py::array>& x) {
  check(x.size() == net.input_count(), op, "expected ", net.input_count(), " inputs. Received: ", x.size());
  std::vector<Images> inputs;
  inputs.reserve(x.size());
  for (size_t i = 0; i < x.size(); ++i) inputs.push_back(to_images(op, x[i], net.input_shape(i)));
  return inputs;
}

TrainBatch to_batch(const Network& net, const std::vector<py::array>& x, const Objects& y, const Objects& losses,
                    const std::optional<std::vector<float>>& loss_weights, const Objects& sample_weight,
                    const std::optional<Indices>& indices) {
  constexpr const char* op = "[train_step] ";
  TrainBatch batch;
  batch.x = to_inputs(op, net, x);
  const int64_t samples = batch.size = batch.x.front().samples;
  if (indices) {
    check_rank(op, "indices", *indices, 1);
    batch.indices = indices->data();
    batch.size = indices->size();
  }
  const size_t count = net.output_count();
  for (size_t o = 0; o < count; ++o) {
    batch.y.push_back(output_loss(net.output_shape(o), samples,
                                  item_of<py::object>(losses, o, py::none(), "losses", count),
                                  item_of<py::object>(y, o, py::none(), "targets", count),
                                  item_of<py::object>(sample_weight, o, py::none(), "sample weights", count),
                                  item_of(loss_weights, o, 1.0f, "loss weights", count), indices));
  }
  return batch;
}

float* output_memory(const py::object& outputs, size_t o, int64_t size, const Shape& sample) {
  constexpr const char* op = "[train_step] ";
  if (outputs.is_none()) return nullptr;
  if (!py::isinstance<py::sequence>(outputs) || o >= py::len(outputs))  // the text is made only if it is needed
    throw std::invalid_argument(std::string(op) + "expected a list of an array or None for each output. Received: " +
                                std::string(py::repr(outputs)));
  const py::object item = outputs[py::int_(o)];
  if (item.is_none()) return nullptr;
  const Array array = float32(op, "outputs", item.cast<py::array>());
  const Shape expected = batched(size, sample), received = shape_of(array);
  check(received.size() == expected.size() && received[0] >= size &&
            std::equal(expected.begin() + 1, expected.end(), received.begin() + 1),
        op, "expected outputs of shape ", expected, ". Received: ", received);
  return writable(op, "outputs", array);
}

}  // namespace cnncore
