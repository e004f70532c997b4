// Every algorithm beside its file; choose.cpp lists them by pass.
#pragma once

#include "ops/conv2d/choose.h"

namespace cnncore {

extern const ForwardCandidate kDirectForward, kRowsForward, kDepthwiseForward, kWinogradForward, kTilesForward;
extern const DataCandidate kDirectData, kPlanesData, kDepthwiseData, kWinogradData, kTilesData, kWinnersData;
extern const WeightsCandidate kDirectWeights, kRowsWeights, kDepthwiseWeights, kWinogradWeights, kTilesWeights,
    kWinnersWeights, kPatchWeights;

/// A pass of its class, for the `make` of a candidate.
template <class AnyPass, class Algorithm>
std::unique_ptr<AnyPass> make_pass(Operands& operands) {
  return std::make_unique<Algorithm>(operands);
}

}  // namespace cnncore
