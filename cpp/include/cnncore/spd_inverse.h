// Inverses of symmetric positive definite matrices, in double precision.
#pragma once

#include <cstdint>

namespace cnncore {

/// Replaces a symmetric positive definite matrix (size, size) by its inverse, which is computed from its Cholesky
/// factor. Values below the diagonal are not read. Throws std::invalid_argument if the matrix is not positive definite.
/// The result has the same bits at any number of threads.
void spd_inverse(int64_t size, double* matrix);

}  // namespace cnncore
