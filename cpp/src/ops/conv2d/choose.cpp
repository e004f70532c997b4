#include "ops/conv2d/choose.h"

#include <cstring>

#include "ops/conv2d/candidates.h"
#include "runtime/check.h"

namespace cnncore {
namespace {

constexpr const ForwardCandidate* kForward[] = {&kDepthwiseForward, &kRowsForward,          &kPointwiseForward,
                                                &kWinogradForward,  &kLargeWinogradForward, &kStridedWinogradForward,
                                                &kTilesForward,     &kInsideForward,        &kDirectForward};
constexpr const DataCandidate* kData[] = {&kDepthwiseData,     &kPatchData, &kWinnersData, &kPlanesData, &kWinogradData,
                                          &kLargeWinogradData, &kTilesData, &kInsideData,  &kDirectData};
constexpr const WeightsCandidate* kWeights[] = {
    &kDepthwiseWeights,     &kRowsWeights,  &kPatchWeights,  &kWinnersWeights,   &kWinogradWeights,
    &kLargeWinogradWeights, &kTilesWeights, &kInsideWeights, &kPointwiseWeights, &kDirectWeights};

template <class AnyPass>
const Candidate<AnyPass>& choose(std::span<const Candidate<AnyPass>* const> candidates, const Conv2dProblem& problem,
                                 const Kernels& kernels, const char* forced) {
  const Candidate<AnyPass>* best = candidates.back();
  double best_speed = best->speed(problem, kernels);
  for (const Candidate<AnyPass>* candidate : candidates) {
    const double speed = candidate->speed(problem, kernels);
    if (forced && !std::strcmp(forced, candidate->name)) {
      check(speed > 0, "[conv2d] expected an algorithm that applies to this convolution. Received: ", forced);
      return *candidate;
    }
    if (speed > best_speed) best = candidate, best_speed = speed;
  }
  check(!forced, "[conv2d] expected the name of an algorithm. Received: ", forced ? forced : "");
  return *best;
}

}  // namespace

std::span<const ForwardCandidate* const> forward_candidates() { return kForward; }
std::span<const DataCandidate* const> data_candidates() { return kData; }
std::span<const WeightsCandidate* const> weights_candidates() { return kWeights; }

const ForwardCandidate& choose_forward(const Conv2dProblem& problem, const Kernels& kernels, const char* forced) {
  return choose(forward_candidates(), problem, kernels, forced);
}
const DataCandidate& choose_data(const Conv2dProblem& problem, const Kernels& kernels, const char* forced) {
  return choose(data_candidates(), problem, kernels, forced);
}
const WeightsCandidate& choose_weights(const Conv2dProblem& problem, const Kernels& kernels, const char* forced) {
  return choose(weights_candidates(), problem, kernels, forced);
}

}  // namespace cnncore
