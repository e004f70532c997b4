// The algorithms that can compute each pass of a convolution, and the choice of one of them.
#pragma once

#include <memory>
#include <span>

#include "ops/conv2d/operands.h"

namespace cnncore {

/// One algorithm that can compute one pass.
template <class AnyPass>
struct Candidate {
  const char* name;
  /// How many times as fast as the direct sum the algorithm was measured to be (bench/bench_candidates.cpp), or 0 if it
  /// does not apply.
  double (*speed)(const Conv2dProblem& problem, const Kernels& kernels);
  OperandNeeds (*needs)(const Conv2dProblem& problem, const Kernels& kernels);
  std::unique_ptr<AnyPass> (*make)(Operands& operands);
};
using ForwardCandidate = Candidate<ForwardPass>;
using DataCandidate = Candidate<DataPass>;
using WeightsCandidate = Candidate<WeightsPass>;

/// All candidates of each pass. The direct sum, which applies to every convolution, is the last one.
std::span<const ForwardCandidate* const> forward_candidates();
std::span<const DataCandidate* const> data_candidates();
std::span<const WeightsCandidate* const> weights_candidates();

/// The names of candidates that must be taken instead of the fastest ones, for tests. Null stands for the fastest one.
struct Conv2dForced {
  const char* forward = nullptr;
  const char* data = nullptr;
  const char* weights = nullptr;
};

/// If `forced` is null, the fastest candidate that applies to the problem (the first of equally fast ones). Otherwise
/// the candidate of that name, and std::invalid_argument if there is none or it does not apply.
const ForwardCandidate& choose_forward(const Conv2dProblem& problem, const Kernels& kernels, const char* forced);
const DataCandidate& choose_data(const Conv2dProblem& problem, const Kernels& kernels, const char* forced);
const WeightsCandidate& choose_weights(const Conv2dProblem& problem, const Kernels& kernels, const char* forced);

}  // namespace cnncore
