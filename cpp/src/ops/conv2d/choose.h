// The algorithms that a pass can take, and which one it takes.
#pragma once

#include <memory>
#include <span>

#include "ops/conv2d/operands.h"

namespace cnncore {

/// One algorithm for one pass.
template <class AnyPass>
struct Candidate {
  const char* name;
  /// How many times as fast as the direct sum it was measured to be (bench/bench_candidates.cpp); 0 where it does not
  /// apply.
  double (*speed)(const Conv2dProblem& problem, const Kernels& kernels);
  OperandNeeds (*needs)(const Conv2dProblem& problem, const Kernels& kernels);
  std::unique_ptr<AnyPass> (*make)(Operands& operands);
};
using ForwardCandidate = Candidate<ForwardPass>;
using DataCandidate = Candidate<DataPass>;
using WeightsCandidate = Candidate<WeightsPass>;

/// All of them, the direct sum last: it always applies.
std::span<const ForwardCandidate* const> forward_candidates();
std::span<const DataCandidate* const> data_candidates();
std::span<const WeightsCandidate* const> weights_candidates();

/// The names of candidates to take instead of the fastest ones, for tests; null: the fastest.
struct Conv2dForced {
  const char* forward = nullptr;
  const char* data = nullptr;
  const char* weights = nullptr;
};

/// The fastest that applies, of equal ones the first; or the one with the given name, which must apply.
const ForwardCandidate& choose_forward(const Conv2dProblem& problem, const Kernels& kernels, const char* forced);
const DataCandidate& choose_data(const Conv2dProblem& problem, const Kernels& kernels, const char* forced);
const WeightsCandidate& choose_weights(const Conv2dProblem& problem, const Kernels& kernels, const char* forced);

}  // namespace cnncore
