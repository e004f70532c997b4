// Muon moves matrices by their momentum M, after it has been made orthogonal. The iteration starts from X = M / (|M| +
// 1e-7), where X has n rows and at least as many columns, and repeats a few times:
//   A = X X^T;   X <- a X + (b A + c A A) X
#include <algorithm>
#include <cmath>

#include "cnncore/optimizer_rules.h"
#include "runtime/check.h"
#include "runtime/dispatch.h"
#include "runtime/threads.h"

namespace cnncore {
namespace {

constexpr int64_t kMuonRowsPerTask = 48;

// y += x w, where x is (rows, depth) and w is (depth, cols). x_offset and y_offset say where the rows of x and of y
// begin.
struct Product {
  int64_t rows, depth, cols;
  const float* x;
  const int32_t* x_offset;
  const float* w;
  float* y;
  const int32_t* y_offset;
};

void add_product(const Product& p, const int32_t* term) {
  const Kernels& k = kernels();
  const int64_t tasks = (p.rows + kMuonRowsPerTask - 1) / kMuonRowsPerTask;
  parallel_for(tasks, 2 * p.rows * p.depth * p.cols, [&](int64_t task, int) {
    const int64_t begin = task * kMuonRowsPerTask;
    GemmArgs a{};
    a.x = p.x, a.x_offset = p.x_offset + begin, a.k_offset = term;
    a.pixels = std::min(kMuonRowsPerTask, p.rows - begin), a.depth = p.depth, a.cols = p.cols;
    a.w = p.w, a.ldw = p.cols;
    a.y = p.y, a.y_offset = p.y_offset + begin, a.accumulate = true;
    k.gemm(a);
  });
}

void fill_offsets(std::vector<int32_t>& offsets, int64_t count, int64_t stride) {
  for (int64_t i = 0; i < count; ++i) offsets[static_cast<size_t>(i)] = static_cast<int32_t>(i * stride);
}

}  // namespace

Muon::Muon(int64_t size, const MuonParams& params)
    : Optimizer(size), params_(params), momentum_(add_state("momentum")), velocity_(add_state("velocity")) {
  learning_rate = 0.001f;
  for (const double beta : {params.adam_beta_1, params.adam_beta_2})
    check(beta >= 0 && beta < 1, "[optimizer] expected adam_beta_1 and adam_beta_2 in [0, 1). Received: ", beta);
  check(params.epsilon >= 0, "[optimizer] expected epsilon >= 0. Received: ", params.epsilon);
  check(params.momentum >= 0 && params.momentum <= 1,
        "[optimizer] expected momentum in [0, 1]. Received: ", params.momentum);
  check(params.ns_steps >= 1, "[optimizer] expected ns_steps >= 1. Received: ", params.ns_steps);
}

void Muon::set_matrices(std::vector<std::array<int64_t, 2>> matrices) {
  check(matrices.size() == variables_.size(), "[optimizer] expected as many matrices as variables, ", variables_.size(),
        ". Received: ", matrices.size());
  int64_t largest = 0, rows = 0, cols = 0;
  for (size_t i = 0; i < matrices.size(); ++i) {
    const auto [r, c] = matrices[i];
    if (r == 0) continue;
    check(r > 0 && c > 0 && r * c == variables_[i].size && r * c <= INT32_MAX,
          "[optimizer] expected a matrix of the size of its variable. Received: ", r, " x ", c, " for ",
          variables_[i].name);
    largest = std::max(largest, r * c);
    rows = std::max(rows, std::min(r, c));
    cols = std::max(cols, std::max(r, c));
  }
  matrices_ = std::move(matrices);
  moved_.assign(variables_.size(), 0);
  direction_.assign(static_cast<size_t>(largest ? size_ : 0), 0.0f);
  for (auto* buffer : {&x_, &x_transposed_}) buffer->assign(static_cast<size_t>(largest), 0.0f);
  for (auto* buffer : {&gram_, &polynomial_}) buffer->assign(static_cast<size_t>(rows * rows), 0.0f);
  for (auto* offsets : {&row_offset_, &gram_offset_}) offsets->assign(static_cast<size_t>(rows), 0);
  term_.resize(static_cast<size_t>(cols));
  fill_offsets(term_, cols, 1);
}

void Muon::begin_step(int64_t update) {
  const double t = static_cast<double>(update);
  alpha_ = static_cast<float>(static_cast<double>(learning_rate) * params_.adam_lr_ratio *
                              std::sqrt(1 - std::pow(params_.adam_beta_2, t)) / (1 - std::pow(params_.adam_beta_1, t)));
}

double Muon::weight_decay(const VariableRange& variable) const {
  const auto index = static_cast<size_t>(&variable - variables_.data());
  return variable.decays ? is_matrix(index) ? options().weight_decay : params_.adam_weight_decay : 0.0;
}

size_t Muon::variable_at(int64_t offset) const {
  const auto after = std::partition_point(variables_.begin(), variables_.end(),
                                          [&](const VariableRange& v) { return v.offset <= offset; });
  return static_cast<size_t>(after - variables_.begin()) - 1;
}

void Muon::prepare(std::span<const Piece> pieces) {
  const Kernels& k = kernels();
  std::fill(moved_.begin(), moved_.end(), 0);
  int64_t floats = 0;
  for (const Piece& piece : pieces)
    if (is_matrix(piece.variable)) moved_[piece.variable] = 1, floats += piece.size;
  parallel_for(static_cast<int64_t>(pieces.size()), 8 * floats, [&](int64_t i, int) {
    const Piece& piece = pieces[static_cast<size_t>(i)];
    if (!is_matrix(piece.variable)) return;
    float scratch[kPieceSize];
    const float* g = gradient(piece, scratch);
    float *m = momentum_ + piece.offset, *direction = direction_.data() + piece.offset;
    k.optimizer.blend(g, m, piece.size, params_.momentum, 1.0f);
    std::copy_n(m, piece.size, direction);
    if (params_.nesterov) k.optimizer.blend(g, direction, piece.size, params_.momentum, 1.0f);
  });
  for (size_t v = 0; v < matrices_.size(); ++v)
    if (moved_[v]) orthogonalize(matrices_[v][0], matrices_[v][1], direction_.data() + variables_[v].offset);
}

// Replaces x by the orthogonal matrix near it, multiplied by the factor of Liu et al.
void Muon::orthogonalize(int64_t rows, int64_t cols, float* x) {
  const Kernels& k = kernels();
  const int64_t n = std::min(rows, cols), length = std::max(rows, cols), size = rows * cols;
  float *matrix = x_.data(), *transposed = x_transposed_.data(), *gram = gram_.data(), *polynomial = polynomial_.data();
  double squares = 0;
  for (int64_t at = 0; at < size; at += kPieceSize)
    squares += static_cast<double>(k.optimizer.sum_squares(x + at, std::min(kPieceSize, size - at)));
  const float scale = static_cast<float>(1.0 / (std::sqrt(squares) + 1e-7));
  k.rescale_f32(x, x, size, scale, 0.0f);
  if (rows > cols)
    k.transpose(x, cols, matrix, rows, rows, cols);
  else
    std::copy_n(x, size, matrix);
  fill_offsets(row_offset_, n, length);
  fill_offsets(gram_offset_, n, n);
  for (int i = 0; i < params_.ns_steps; ++i) {
    k.transpose(matrix, length, transposed, n, n, length);
    std::fill_n(gram, n * n, 0.0f);
    add_product({.rows = n,
                 .depth = length,
                 .cols = n,
                 .x = matrix,
                 .x_offset = row_offset_.data(),
                 .w = transposed,
                 .y = gram,
                 .y_offset = gram_offset_.data()},
                term_.data());
    // b A + c A A = (b I + c A) A. The factor b I + c A is written over the transposed matrix, which is not read again.
    k.rescale_f32(gram, transposed, n * n, params_.c, 0.0f);
    for (int64_t j = 0; j < n; ++j) transposed[j * n + j] += params_.b;
    std::fill_n(polynomial, n * n, 0.0f);
    add_product({.rows = n,
                 .depth = n,
                 .cols = n,
                 .x = transposed,
                 .x_offset = gram_offset_.data(),
                 .w = gram,
                 .y = polynomial,
                 .y_offset = gram_offset_.data()},
                term_.data());
    for (int64_t j = 0; j < n; ++j) polynomial[j * n + j] += params_.a;
    std::fill_n(transposed, size, 0.0f);
    add_product({.rows = n,
                 .depth = n,
                 .cols = length,
                 .x = polynomial,
                 .x_offset = gram_offset_.data(),
                 .w = matrix,
                 .y = transposed,
                 .y_offset = row_offset_.data()},
                term_.data());
    std::copy_n(transposed, size, matrix);
  }
  const float factor =
      params_.rms_rate > 0 ? params_.rms_rate * std::sqrt(static_cast<float>(std::max(rows, cols))) : 1.0f;
  k.rescale_f32(matrix, matrix, size, factor, 0.0f);
  if (rows > cols)
    k.transpose(matrix, rows, x, cols, cols, rows);
  else
    std::copy_n(matrix, size, x);
}

bool Muon::update(int64_t offset, int64_t size, float* params, const float* grads) {
  const OptimizerKernels& k = kernels().optimizer;
  if (is_matrix(variable_at(offset)))
    return k.sgd({.params = params,
                  .grads = direction_.data() + offset,
                  .velocity = nullptr,
                  .size = size,
                  .learning_rate = learning_rate,
                  .momentum = 0.0f,
                  .nesterov = false});
  return k.adam({.params = params,
                 .grads = grads,
                 .m = momentum_ + offset,
                 .v = velocity_ + offset,
                 .largest = nullptr,
                 .size = size,
                 .beta_1 = static_cast<float>(params_.adam_beta_1),
                 .rest_1 = static_cast<float>(1.0 - params_.adam_beta_1),
                 .beta_2 = static_cast<float>(params_.adam_beta_2),
                 .rest_2 = static_cast<float>(1.0 - params_.adam_beta_2),
                 .epsilon = params_.epsilon,
                 .alpha = alpha_});
}

}  // namespace cnncore
