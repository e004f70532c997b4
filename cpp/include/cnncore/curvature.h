// The matrices of second derivatives of a network's loss with which Network::curvature_product multiplies.
#pragma once

#include <string_view>

namespace cnncore {

/// The kinds of matrices. z are the outputs of the network (without a last softmax or sigmoid, if the loss computes it
/// together with the crossentropy), J is the matrix of the derivatives of z with respect to the weights, and J' its
/// transpose.
enum class CurvatureKind {
  hessian,       ///< the second derivatives of the loss with respect to the weights (Pearlmutter, 1994)
  gauss_newton,  ///< J' H J, where H is the positive part of the second derivatives of the loss with respect to z
                 ///< (Schraudolph, 2002)
  fisher,        ///< J' F J, where F is the mean of H over targets that are drawn as the model predicts (Martens, 2014)
};

/// Returns the kind with the name "hessian", "gauss_newton" or "fisher". Throws std::invalid_argument for another name.
CurvatureKind parse_curvature(std::string_view name);
const char* to_string(CurvatureKind kind);

}  // namespace cnncore
