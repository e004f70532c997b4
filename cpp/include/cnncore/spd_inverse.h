// Inverses of symmetric positive definite matrices, in double.
#pragma once

#include <cstdint>

namespace cnncore {

/// Replaces a symmetric positive definite matrix (size, size) by its inverse, by way of Cholesky's factor. What is
/// below its diagonal is not read. Throws std::invalid_argument where it is not positive definite. The same bits at any
/// number of threads.
void spd_inverse(int64_t size, double* matrix);

}  // namespace cnncore
