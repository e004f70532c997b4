#include "network/check_batch.h"

#include "ops/loss_curvature.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

constexpr const char* kTrainStep = "[train_step] ";

void check_output(const Shape& shape, const TrainBatch& batch, size_t o) {
  const OutputLoss& y = batch.y[o];
  if (!y.loss) return;
  check_loss(*y.loss, last_size(shape));
  const bool sparse = y.loss->kind == LossKind::sparse_categorical_crossentropy;
  check(sparse == (y.y.labels != nullptr) && sparse != (y.y.values != nullptr), kTrainStep,
        "expected labels for sparse_categorical_crossentropy, and values for all other losses. Received: ",
        y.y.labels ? (y.y.values ? "both" : "labels") : (y.y.values ? "values" : "neither"), " for output ", o);
  if (!sparse) return;
  const int64_t rows = element_count(shape) / last_size(shape);
  for (int64_t n = 0; n < batch.size; ++n) {
    const int64_t sample = batch.indices ? batch.indices[n] : n;
    for (int64_t r = 0; r < rows; ++r) check_label(*y.loss, y.y.labels[sample * rows + r], last_size(shape));
  }
}

}  // namespace

int64_t check_inputs(const char* op, const Graph& graph, std::span<const Images> x, std::span<float* const> y,
                     size_t outputs) {
  check(x.size() == graph.inputs().size(), op, "expected ", graph.inputs().size(), " inputs. Received: ", x.size());
  const int64_t samples = x.front().samples;
  for (const Images& images : x) {
    check(images.samples == samples && samples >= 0, op,
          "expected the same number of samples in every input. Received: ", samples, " and ", images.samples);
    check(samples == 0 || (images.bytes == nullptr) != (images.floats == nullptr), op,
          "expected either bytes or floats as samples. Received: ", images.bytes ? "both" : "neither");
  }
  check(y.size() == outputs, op, "expected ", outputs, " outputs. Received: ", y.size());
  for (const float* output : y)
    check(samples == 0 || output != nullptr, op, "expected memory for every output. Received: null");
  return samples;
}

void check_batch(const Graph& graph, const std::vector<int>& outputs, const TrainBatch& batch) {
  check(batch.size >= 1, kTrainStep, "expected a batch of at least one sample. Received: ", batch.size);
  const int64_t samples = check_inputs(kTrainStep, graph, batch.x, {}, 0);
  check(batch.y.size() == outputs.size(), kTrainStep, "expected ", outputs.size(),
        " targets, one for each output. Received: ", batch.y.size());
  check(batch.outputs.empty() || batch.outputs.size() == outputs.size(), kTrainStep, "expected memory for ",
        outputs.size(), " outputs, or for none. Received: memory for ", batch.outputs.size());
  check(batch.indices || batch.size <= samples, kTrainStep, "expected a batch of at most ", samples,
        " samples. Received: ", batch.size);
  for (int64_t n = 0; batch.indices && n < batch.size; ++n)
    check(batch.indices[n] >= 0 && batch.indices[n] < samples, kTrainStep, "expected indices in [0, ", samples,
          "). Received: ", batch.indices[n]);
  for (size_t o = 0; o < outputs.size(); ++o) check_output(graph.shape(outputs[o]), batch, o);
}

void check_curvature(CurvatureKind kind, const TrainBatch& batch) {
  for (const OutputLoss& y : batch.y) {
    check(!y.batch_loss, "[", to_string(kind),
          "] expected losses of this library, whose second derivatives are known. Received: a loss of the caller");
    if (y.loss) check_loss_curvature(*y.loss, kind);
  }
}

}  // namespace cnncore
