// Computes M = U^T U, then R = U^-1, and then M^-1 = R R^T. All inner loops run along rows, in a fixed order, so that
// compilers can turn them into vector instructions.
#include "cnncore/spd_inverse.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/check.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

constexpr int64_t kBlock = 32;    // how many rows of U are subtracted at a time
constexpr int64_t kColumns = 64;  // how many columns of R a task computes

// y[j] += sum_k factor(k) * x[k * pitch + j] for begin <= k < end and j < count.
template <class Factor>
void add_rows(double* y, const double* x, int64_t pitch, int64_t begin, int64_t end, int64_t count, Factor factor) {
  int64_t k = begin;
  for (; k + 4 <= end; k += 4) {
    const double a = factor(k), b = factor(k + 1), c = factor(k + 2), d = factor(k + 3);
    const double *p = x + k * pitch, *q = p + pitch, *r = q + pitch, *s = r + pitch;
    for (int64_t j = 0; j < count; ++j) y[j] += (a * p[j] + b * q[j]) + (c * r[j] + d * s[j]);
  }
  for (; k < end; ++k) {
    const double a = factor(k);
    const double* p = x + k * pitch;
    for (int64_t j = 0; j < count; ++j) y[j] += a * p[j];
  }
}

// Replaces the upper half of m, with the diagonal, by U.
void factorize(int64_t n, double* m) {
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t last = std::min(first + kBlock, n);
    for (int64_t i = first; i < last; ++i) {
      double* row = m + i * n;
      add_rows(row + i, m + i, n, first, i, n - i, [&](int64_t k) { return -m[k * n + i]; });
      check(row[i] > 0 && std::isfinite(row[i]), "[spd_inverse] expected a positive definite matrix");
      const double scale = 1 / std::sqrt(row[i]);
      for (int64_t j = i; j < n; ++j) row[j] *= scale;
    }
    parallel_for(n - last, 2 * kBlock * (n - last) * (n - last) / 2, [&](int64_t task, int) {
      const int64_t i = last + task;
      add_rows(m + i * n + i, m + i, n, first, last, n - i, [&](int64_t k) { return -m[k * n + i]; });
    });
  }
}

// Writes U^-1 to r, which must hold zeros at first.
void invert_upper(int64_t n, const double* u, double* r) {
  const int64_t tasks = (n + kColumns - 1) / kColumns;
  parallel_for(tasks, n * n * n / 3, [&](int64_t task, int) {
    const int64_t begin = task * kColumns, end = std::min(begin + kColumns, n);
    for (int64_t i = end; i-- > 0;) {
      double* row = r + i * n + begin;
      add_rows(row, r + begin, n, i + 1, end, end - begin, [&](int64_t k) { return -u[i * n + k]; });
      if (i >= begin) row[i - begin] = 1;
      const double scale = 1 / u[i * n + i];
      for (int64_t j = 0; j < end - begin; ++j) row[j] *= scale;
    }
  });
}

}  // namespace

void spd_inverse(int64_t n, double* matrix) {
  factorize(n, matrix);
  std::vector<double> inverse(static_cast<size_t>(n * n));
  double* r = inverse.data();
  invert_upper(n, matrix, r);
  double* turned = matrix;
  parallel_for(n, n * n, [&](int64_t i, int) {
    for (int64_t k = 0; k < n; ++k) turned[i * n + k] = r[k * n + i];
  });
  parallel_for(n, n * n * n / 3, [&](int64_t i, int) {  // the lower half, which held zeros, is filled in
    double* row = r + i * n;
    const double diagonal = row[i];
    row[i] = 0;
    add_rows(row, turned, n, i, n, i + 1, [&](int64_t k) { return k == i ? diagonal : row[k]; });
  });
  parallel_for(n, n * n, [&](int64_t i, int) {
    for (int64_t k = 0; k < n; ++k) matrix[i * n + k] = k <= i ? r[i * n + k] : r[k * n + i];
  });
}

}  // namespace cnncore
