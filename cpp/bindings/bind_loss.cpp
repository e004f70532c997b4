// The class Loss: a LossSpec with methods that compute its values and gradients for arrays.
#include "array.h"

namespace cnncore {
namespace {

using std::optional;

struct NamedReduction {
  const char* name;
  Reduction reduction;
};
constexpr NamedReduction kReductions[] = {{"sum_over_batch_size", Reduction::mean},
                                          {"sum", Reduction::sum},
                                          {"mean_with_sample_weight", Reduction::weighted_mean}};

Reduction parse_reduction(const std::string& name) {
  for (const NamedReduction& known : kReductions)
    if (name == known.name) return known.reduction;
  fail("[loss] expected reduction to be sum_over_batch_size, sum or mean_with_sample_weight. Received: '", name, "'");
}

std::string name_of(Reduction reduction) {
  for (const NamedReduction& known : kReductions)
    if (reduction == known.reduction) return known.name;
  return "";
}

// The arrays that a loss compares. Their last axis is a row.
struct Compared {
  Shape shape;  // that of an array with one value for each row
  int64_t rows, cols;
  Array y_pred;
  Targets targets;
  std::vector<float> weights;  // one for each row, or empty

  const float* row_weight() const { return weights.empty() ? nullptr : weights.data(); }
};

Targets row_targets(const LossSpec& loss, const py::array& y_true, const Compared& c) {
  const bool sparse = loss.kind == LossKind::sparse_categorical_crossentropy;
  Shape expected = sparse ? c.shape : shape_of(c.y_pred);
  if (sparse && y_true.ndim() == c.y_pred.ndim() && y_true.shape(y_true.ndim() - 1) == 1) expected.push_back(1);
  const std::string op = std::string("[") + to_string(loss.kind) + "] ";
  check_shape(op.c_str(), "y_true", y_true, expected);
  check(y_true.flags() & py::array::c_style, op, "expected y_true to be C-contiguous. Received: another order");
  if (!sparse) return {nullptr, float32(op.c_str(), "y_true", y_true).data()};
  if (!py::isinstance<py::array_t<int64_t>>(y_true))
    throw py::type_error(op + "expected labels of dtype int64. Received: " + std::string(py::str(y_true.dtype())));
  return {static_cast<const int64_t*>(y_true.data()), nullptr};
}

// Returns the weights of rows. `sample_weight` may have fewer axes, such as a weight for each sample, which is then
// that of all rows of the sample.
std::vector<float> row_weights(const py::array& sample_weight, const Compared& c) {
  const Array w = float32("[loss] ", "sample_weight", sample_weight);
  const Shape shape = shape_of(w);
  check(shape.size() <= c.shape.size() && std::equal(shape.begin(), shape.end(), c.shape.begin()),
        "[loss] expected sample_weight of shape ", c.shape, ", or of its first axes. Received: shape ", shape);
  std::vector<float> weights(static_cast<size_t>(c.rows));
  const int64_t each = w.size() > 0 ? c.rows / w.size() : 1;
  for (int64_t r = 0; r < c.rows; ++r) weights[static_cast<size_t>(r)] = w.data()[r / each];
  return weights;
}

Compared compared(const LossSpec& loss, const py::array& y_true, const Array& y_pred,
                  const optional<py::array>& sample_weight) {
  check(y_pred.ndim() >= 1, "[", to_string(loss.kind), "] expected y_pred of rank 1 or more. Received: a scalar");
  Compared c{shape_of(y_pred), 0, y_pred.shape(y_pred.ndim() - 1), y_pred, {}, {}};
  c.shape.pop_back();
  c.rows = element_count(c.shape);
  check_loss(loss, c.cols);
  c.targets = row_targets(loss, y_true, c);
  if (sample_weight) c.weights = row_weights(*sample_weight, c);
  return c;
}

double reduced(const LossSpec& loss, const Compared& c, float* dy) {
  py::gil_scoped_release release;
  return reduced_loss(loss, c.rows, c.cols, c.y_pred.data(), c.targets, c.row_weight(), dy);
}

LossSpec make_loss(const std::string& kind, bool from_logits, double label_smoothing, optional<int64_t> ignore_class,
                   const std::variant<double, std::vector<double>>& alpha, double gamma, bool class_balancing,
                   double delta, const std::string& reduction) {
  LossSpec loss{.kind = parse_loss(kind)};
  loss.from_logits = from_logits, loss.label_smoothing = label_smoothing, loss.ignore_class = ignore_class;
  if (const double* number = std::get_if<double>(&alpha))
    loss.alpha = *number;
  else
    loss.class_alpha = std::get<std::vector<double>>(alpha);
  loss.gamma = gamma, loss.class_balancing = class_balancing, loss.delta = delta;
  loss.reduction = parse_reduction(reduction);
  check_loss(loss, std::max<int64_t>(1, static_cast<int64_t>(loss.class_alpha.size())));
  return loss;
}

}  // namespace

void bind_loss(py::module_& m) {
  py::class_<LossSpec>(m, "Loss")
      .def(py::init(&make_loss), py::arg("kind"), py::kw_only(), py::arg("from_logits") = false,
           py::arg("label_smoothing") = 0.0, py::arg("ignore_class") = py::none(), py::arg("alpha") = 0.25,
           py::arg("gamma") = 2.0, py::arg("class_balancing") = false, py::arg("delta") = 1.0,
           py::arg("reduction") = "sum_over_batch_size")
      .def_property_readonly("kind", [](const LossSpec& loss) { return std::string(to_string(loss.kind)); })
      .def_property_readonly("reduction", [](const LossSpec& loss) { return name_of(loss.reduction); })
      .def_readonly("from_logits", &LossSpec::from_logits)
      .def_readonly("ignore_class", &LossSpec::ignore_class)
      .def(
          "values",
          [](const LossSpec& loss, const py::array& y_true, const Array& y_pred) {
            const Compared c = compared(loss, y_true, y_pred, std::nullopt);
            py::array_t<double> values(c.shape);
            double* to = values.mutable_data();
            {
              py::gil_scoped_release release;
              loss_values(loss, c.rows, c.cols, c.y_pred.data(), c.targets, to);
            }
            return values;
          },
          py::arg("y_true"), py::arg("y_pred").noconvert())
      .def(
          "__call__",
          [](const LossSpec& loss, const py::array& y_true, const Array& y_pred,
             const optional<py::array>& sample_weight) {
            return reduced(loss, compared(loss, y_true, y_pred, sample_weight), nullptr);
          },
          py::arg("y_true"), py::arg("y_pred").noconvert(), py::arg("sample_weight") = py::none())
      .def(
          "value_and_gradient",
          [](const LossSpec& loss, const py::array& y_true, const Array& y_pred,
             const optional<py::array>& sample_weight) {
            const Compared c = compared(loss, y_true, y_pred, sample_weight);
            Array dy = empty(shape_of(y_pred));
            const double value = reduced(loss, c, dy.mutable_data());
            return py::make_tuple(value, dy);
          },
          py::arg("y_true"), py::arg("y_pred").noconvert(), py::arg("sample_weight") = py::none());
}

}  // namespace cnncore
