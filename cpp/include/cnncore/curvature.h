// Products with matrices of second derivatives of a network's objective.
#pragma once

#include <string_view>

namespace cnncore {

/// With J the Jacobian of the outputs z, before a last softmax or sigmoid that the loss takes with it:
enum class CurvatureKind {
  hessian,       ///< the second derivatives of the objective (Pearlmutter, 1994)
  gauss_newton,  ///< J' H J, H the second derivatives of the loss in z as far as they are positive (Schraudolph, 2002)
  fisher,        ///< J' F J, F the mean of H over targets as the model expects them (Martens, 2014)
};

/// "hessian", "gauss_newton" or "fisher"; throws std::invalid_argument for another name.
CurvatureKind parse_curvature(std::string_view name);
const char* to_string(CurvatureKind kind);

}  // namespace cnncore
