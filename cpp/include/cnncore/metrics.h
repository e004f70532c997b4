// What accuracy counts: the largest value of each row.
#pragma once

#include <cstdint>

namespace cnncore {

/// largest[r] = the first c with the largest x[r * cols + c], where NaN is larger than any number, as in NumPy.
void argmax_rows(int64_t rows, int64_t cols, const float* x, int64_t* largest);

/// The number of rows of y_pred (rows, cols) whose largest value is at labels[r].
int64_t count_hits(int64_t rows, int64_t cols, const int64_t* labels, const float* y_pred);

/// hits[r] = 1 where fewer than k values of row r are greater than the one at labels[r] and none is NaN, else 0; a
/// label out of range is no hit.
void top_k_rows(int64_t rows, int64_t cols, int64_t k, const int64_t* labels, const float* y_pred, uint8_t* hits);

}  // namespace cnncore
