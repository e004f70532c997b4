#include "ops/dense/one_sample.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "ops/rounding.h"

namespace cnncore {
namespace {

constexpr int64_t kFeaturesPerPiece = 64;

}  // namespace

FeaturePieces::FeaturePieces(int64_t feature_count)
    : features(feature_count), count(std::clamp<int64_t>(feature_count / kFeaturesPerPiece, 1, kMost)) {}

OneSample::OneSample(const DenseProblem& problem, const Kernels& kernels)
    : p_(problem), k_(kernels), pieces_(problem.params.features) {
  // The kernel `nonzeros` may overwrite some places after the lists.
  value_ = layout_.take<float>(p_.params.features + kAlignment / 4);
  row_ = layout_.take<int32_t>(p_.params.features + kAlignment / 4);
  sums_ = layout_.take<float>(pieces_.count * aligned_count<float>(p_.params.units));
}

void OneSample::part(int64_t part, int64_t parts, const DenseRun& r, float* common) const {
  float* value = value_.in(r.scratch);
  int32_t* row = row_.in(r.scratch);
  int64_t terms = p_.params.features;
  if (r.finite_kernel) {
    terms = k_.nonzeros({.x = r.x, .size = terms, .value = value, .index = row});
  } else {
    std::copy_n(r.x, terms, value);
    std::iota(row, row + terms, 0);
  }
  if (p_.reduced()) round_operand(k_, p_.params.precision, value, value, terms);
  std::array<int64_t, FeaturePieces::kMost + 1> bound;
  for (int64_t i = 0; i <= pieces_.count; ++i)
    bound[static_cast<size_t>(i)] = std::lower_bound(row, row + terms, pieces_.begin(i)) - row;
  // A piece belongs to the part whose share of all terms contains the middle of the piece.
  const auto first_piece = [&](int64_t of) {
    if (of == parts) return pieces_.count;
    int64_t i = 0;
    while (i < pieces_.count &&
           (bound[static_cast<size_t>(i)] + bound[static_cast<size_t>(i + 1)]) * parts < 2 * terms * of)
      ++i;
    return i;
  };
  const int64_t begin = first_piece(part), end = first_piece(part + 1), pitch = aligned_count<float>(p_.params.units);
  k_.gemv({.x = value,
           .row = row,
           .bound = bound.data() + begin,
           .pieces = end - begin,
           .cols = p_.params.units,
           .w = p_.reduced() ? r.packed : r.kernel,
           .ldw = p_.params.units,
           .y = sums_.in(common) + begin * pitch,
           .y_pitch = pitch});
}

void OneSample::join(const DenseRun& r, const float* common) const {
  const int64_t units = p_.params.units;
  r.bias ? std::copy_n(r.bias, units, r.y) : std::fill_n(r.y, units, 0.0f);
  for (int64_t i = 0; i < pieces_.count; ++i)
    k_.accumulate(sums_.in(common) + i * aligned_count<float>(units), r.y, units);
}

}  // namespace cnncore
