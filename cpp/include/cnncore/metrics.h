// Counts for metrics of accuracy.
#pragma once

#include <cstdint>

namespace cnncore {

/// Writes the index of the largest value of each row r of x (rows, cols) to largest[r], the first one if there are
/// several. As in NumPy, NaN counts as larger than any number.
void argmax_rows(int64_t rows, int64_t cols, const float* x, int64_t* largest);

/// Returns the number of rows r of y_pred (rows, cols) whose largest value has the index labels[r].
int64_t count_hits(int64_t rows, int64_t cols, const int64_t* labels, const float* y_pred);

/// Writes 1 to hits[r] if fewer than k values of row r are greater than the one with the index labels[r], and 0
/// otherwise. It is also 0 if a value of the row is NaN or the label is out of range.
void top_k_rows(int64_t rows, int64_t cols, int64_t k, const int64_t* labels, const float* y_pred, uint8_t* hits);

}  // namespace cnncore
