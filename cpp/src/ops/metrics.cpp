#include "cnncore/metrics.h"

#include <cmath>

namespace cnncore {
namespace {

int64_t argmax(int64_t cols, const float* x) {
  int64_t best = 0;
  for (int64_t c = 1; c < cols; ++c)
    if (x[c] > x[best] || (std::isnan(x[c]) && !std::isnan(x[best]))) best = c;
  return best;
}

bool in_top_k(int64_t cols, int64_t k, int64_t label, const float* x) {
  if (label < 0 || label >= cols) return false;
  int64_t greater = 0;
  bool numbers = true;
  for (int64_t c = 0; c < cols; ++c) {
    greater += x[c] > x[label];
    numbers &= !std::isnan(x[c]);
  }
  return numbers && greater < k;
}

}  // namespace

void argmax_rows(int64_t rows, int64_t cols, const float* x, int64_t* largest) {
  for (int64_t r = 0; r < rows; ++r) largest[r] = argmax(cols, x + r * cols);
}

int64_t count_hits(int64_t rows, int64_t cols, const int64_t* labels, const float* y_pred) {
  int64_t hits = 0;
  for (int64_t r = 0; r < rows; ++r) hits += argmax(cols, y_pred + r * cols) == labels[r];
  return hits;
}

void top_k_rows(int64_t rows, int64_t cols, int64_t k, const int64_t* labels, const float* y_pred, uint8_t* hits) {
  for (int64_t r = 0; r < rows; ++r) hits[r] = in_top_k(cols, k, labels[r], y_pred + r * cols);
}

}  // namespace cnncore
