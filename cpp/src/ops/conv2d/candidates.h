// The candidates of all algorithms, grouped by the file that has them. choose.cpp lists them by pass.
#pragma once

#include "ops/conv2d/choose.h"

namespace cnncore {

extern const ForwardCandidate kDirectForward, kRowsForward, kDepthwiseForward, kPointwiseForward, kWinogradForward,
    kLargeWinogradForward, kStridedWinogradForward, kTilesForward, kInsideForward;
extern const DataCandidate kDirectData, kPlanesData, kDepthwiseData, kWinogradData, kLargeWinogradData, kTilesData,
    kWinnersData, kInsideData, kPatchData;
extern const WeightsCandidate kDirectWeights, kRowsWeights, kDepthwiseWeights, kWinogradWeights, kLargeWinogradWeights,
    kTilesWeights, kWinnersWeights, kPatchWeights, kInsideWeights, kPointwiseWeights;

/// Makes a pass of the class Algorithm. It is used as the `make` of a candidate.
template <class AnyPass, class Algorithm>
std::unique_ptr<AnyPass> make_pass(Operands& operands) {
  return std::make_unique<Algorithm>(operands);
}

}  // namespace cnncore
