// Second derivatives of losses, computed on the calling thread.
#pragma once

#include "cnncore/curvature.h"
#include "ops/loss_rows.h"

namespace cnncore {

/// dy_tangent = scale * weight[r] * M_r y_tangent for each row r. The matrix M_r depends on `kind`:
///   hessian       the second derivatives of the loss of the row
///   gauss_newton  a matrix without negative eigenvalues. For a convex loss it is the Hessian. For a loss that is the
///                 square of something, it has the second derivatives of the square only. For crossentropies of values
///                 y, it is what the Hessian is for rows that sum to one. For other losses it has, value by value, the
///                 second derivative if that is positive and otherwise zero.
///   fisher        the mean of the Hessian over random targets, whose probabilities are y
/// For Output::softmax and sigmoid, derivatives are taken by the logits, and y_tangent is the tangent of the logits.
/// Rows whose label is ignored give zeros. check_loss_curvature must have been called before.
void loss_rows_curvature(const LossSpec& loss, CurvatureKind kind, const LossRows& of, const float* y_tangent,
                         float* dy_tangent);

/// Throws std::invalid_argument if `kind` is fisher and the loss is not the negative logarithm of a likelihood, because
/// then it has no Fisher matrix.
void check_loss_curvature(const LossSpec& loss, CurvatureKind kind);

}  // namespace cnncore
