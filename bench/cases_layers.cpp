#include <array>

#include "cases.h"

namespace cnncore::bench {
namespace {

// --- pooling ---------------------------------------------------------------------------------------------------------

struct PoolSizes {
  Pool2dParams params;
  int64_t in, out;
  explicit PoolSizes(const Pool2dParams& p)
      : params(p),
        in(kBatch * p.in_height * p.in_width * p.channels),
        out(kBatch * element_count(pool2d_output_shape(p))) {}
};

Case max_pool(const PoolSizes& s) {
  auto a = random_arrays({s.in, s.out});
  return {[=] { max_pool2d(s.params, kBatch, (*a)[0], (*a)[1]); },
          [=] {
            const Pool2dReference reference(s.params, kBatch);
            return check_elements("y", (*a)[1], s.out, [&](int64_t i) { return reference.max(i, (*a)[0]); });
          },
          0.0, bytes_of({s.in, s.out})};
}

Case max_pool_backward(const PoolSizes& s) {
  auto a = random_arrays({s.in, s.out, s.in});
  return {[=] { max_pool2d_backward(s.params, kBatch, (*a)[0], (*a)[1], (*a)[2]); },
          [=] {
            const Pool2dReference reference(s.params, kBatch);
            return check_elements("dx", (*a)[2], s.in,
                                  [&](int64_t i) { return reference.max_backward(i, (*a)[0], (*a)[1]); });
          },
          0.0, bytes_of({s.in, s.out, s.in})};
}

Case avg_pool(const PoolSizes& s) {
  auto a = random_arrays({s.in, s.out});
  return {[=] { avg_pool2d(s.params, kBatch, (*a)[0], (*a)[1]); },
          [=] {
            const Pool2dReference reference(s.params, kBatch);
            return check_elements("y", (*a)[1], s.out, [&](int64_t i) { return reference.average(i, (*a)[0]); });
          },
          0.0, bytes_of({s.in, s.out})};
}

Case avg_pool_backward(const PoolSizes& s) {
  auto a = random_arrays({s.out, s.in});
  return {[=] { avg_pool2d_backward(s.params, kBatch, (*a)[0], (*a)[1]); },
          [=] {
            const Pool2dReference reference(s.params, kBatch);
            return check_elements("dx", (*a)[1], s.in,
                                  [&](int64_t i) { return reference.average_backward(i, (*a)[0]); });
          },
          0.0, bytes_of({s.out, s.in})};
}

std::string pool_name(const Pool2dParams& p) {
  const auto text = [](int64_t value) { return std::to_string(value); };
  return text(p.in_height) + "x" + text(p.in_width) + "x" + text(p.channels) + " " + text(p.pool_height) + "x" +
         text(p.pool_width) + " stride " + text(p.stride_height);
}

// --- dense -----------------------------------------------------------------------------------------------------------

struct DenseSizes {
  DenseParams params;
  int64_t batch;
  int64_t x() const { return batch * params.features; }
  int64_t y() const { return batch * params.units; }
  int64_t kernel() const { return params.features * params.units; }
  double flops() const { return 2.0 * static_cast<double>(batch * kernel()); }
};

// The element (row, column) of a product: the sum over k of a[row * a_row + k * a_step] * b[column * b_column + k *
// b_step].
struct Factor {
  const float* data;
  int64_t line, step;
};
Sum product(int64_t index, int64_t columns, int64_t depth, const Factor& a, const Factor& b) {
  const int64_t row = index / columns, column = index % columns;
  Sum sum;
  for (int64_t k = 0; k < depth; ++k) sum.add(a.data[row * a.line + k * a.step], b.data[column * b.line + k * b.step]);
  return sum;
}

Case dense_forward(const DenseSizes& s) {
  const int64_t features = s.params.features, units = s.params.units;
  auto a = random_arrays({s.x(), s.kernel(), units, s.y()});
  return {[=] { dense(s.params, s.batch, (*a)[0], (*a)[1], (*a)[2], (*a)[3]); },
          [=] {
            return check_elements("y", (*a)[3], s.y(), [&](int64_t i) {
              Sum sum = product(i, units, features, {(*a)[0], features, 1}, {(*a)[1], 1, units});
              sum.add((*a)[2][i % units]);
              return sum;
            });
          },
          s.flops(), bytes_of({s.x(), s.kernel(), units, s.y()})};
}

Case dense_dx(const DenseSizes& s) {
  const int64_t features = s.params.features, units = s.params.units;
  auto a = random_arrays({s.x(), s.kernel(), s.y(), s.x()});
  return {[=] { dense_backward(s.params, s.batch, (*a)[0], (*a)[1], (*a)[2], (*a)[3], nullptr, nullptr); },
          [=] {
            return check_elements("dx", (*a)[3], s.x(), [&](int64_t i) {
              return product(i, features, units, {(*a)[2], units, 1}, {(*a)[1], units, 1});
            });
          },
          s.flops(), bytes_of({s.kernel(), s.y(), s.x()})};
}

Case dense_dw(const DenseSizes& s) {
  const int64_t features = s.params.features, units = s.params.units;
  auto a = random_arrays({s.x(), s.kernel(), s.y(), s.kernel(), units});
  return {[=] { dense_backward(s.params, s.batch, (*a)[0], (*a)[1], (*a)[2], nullptr, (*a)[3], (*a)[4]); },
          [=] {
            return check_elements("dkernel", (*a)[3], s.kernel(), [&](int64_t i) {
              return product(i, units, s.batch, {(*a)[0], 1, features}, {(*a)[2], 1, units});
            });
          },
          s.flops(), bytes_of({s.x(), s.y(), s.kernel(), units})};
}

}  // namespace

std::vector<NamedCase> layer_cases() {
  std::vector<NamedCase> cases;
  // The pools of the usual MNIST network, of LeNet-5, and overlapping windows.
  for (const auto& [size, channels, window] :
       {std::array<int64_t, 3>{26, 32, 2}, {11, 64, 2}, {28, 6, 2}, {10, 16, 2}, {32, 32, 3}}) {
    const PoolSizes s({.in_height = size,
                       .in_width = size,
                       .channels = channels,
                       .pool_height = window,
                       .pool_width = window,
                       .padding = {}});
    const std::string name = pool_name(s.params);
    cases.push_back({"max_pool2d/forward/" + name, [s] { return max_pool(s); }});
    cases.push_back({"max_pool2d/backward/" + name, [s] { return max_pool_backward(s); }});
    cases.push_back({"avg_pool2d/forward/" + name, [s] { return avg_pool(s); }});
    cases.push_back({"avg_pool2d/backward/" + name, [s] { return avg_pool_backward(s); }});
  }
  for (const DenseParams& params : {DenseParams{1600, 128}, DenseParams{128, 10}})
    for (const int64_t batch : {1, 32, 128, 1024}) {
      const DenseSizes s{params, batch};
      const std::string name =
          std::to_string(params.features) + "x" + std::to_string(params.units) + " batch " + std::to_string(batch);
      cases.push_back({"dense/forward/" + name, [s] { return dense_forward(s); }});
      cases.push_back({"dense/dx/" + name, [s] { return dense_dx(s); }});
      cases.push_back({"dense/dw/" + name, [s] { return dense_dw(s); }});
    }
  return cases;
}

}  // namespace cnncore::bench
