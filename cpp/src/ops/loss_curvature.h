// Second derivatives of losses, on the calling thread.
#pragma once

#include "cnncore/curvature.h"
#include "ops/loss_rows.h"

namespace cnncore {

/// dy_tangent = scale * weight[r] * M_r y_tangent for each row r, where M_r is, by `kind`,
///   hessian       the second derivatives of the row's loss
///   gauss_newton  the same without what may be negative: those of a convex loss; of a loss that is a square of
///                 something, the square's; of crossentropies of values y, what is left of them where the rows sum to
///                 one; else, value by value, their positive part
///   fisher        their mean where the targets are drawn as y says
/// For Output::softmax and sigmoid the derivatives are those in the logits, whose tangent y_tangent is. Rows whose
/// label is ignored give zeros. check_loss_curvature has been called.
void loss_rows_curvature(const LossSpec& loss, CurvatureKind kind, Output meaning, int64_t rows, int64_t cols,
                         const float* y, const float* y_tangent, const Targets& targets, const float* row_weight,
                         float scale, float* dy_tangent);

/// Throws std::invalid_argument where the loss is no negative logarithm of a likelihood and so has no Fisher matrix.
void check_loss_curvature(const LossSpec& loss, CurvatureKind kind);

}  // namespace cnncore
