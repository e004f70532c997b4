// The kernels that compute only with the winners of a fused max-pool, against kernels that read the whole gradient.
#include <array>

#include "arrays.h"
#include "isas.h"

using namespace cnncore;
using namespace testing;

namespace {

int64_t padded_to_16(int64_t size) { return (size + 15) / 16 * 16; }

// The gradient behind a 2x2 max-pool of rows x cols windows: dy, the winner of each window (4: none), and the places of
// the window's pixels.
struct PooledGradient {
  int64_t rows, cols, windows, padded, channels;
  Floats dy;
  Bytes winner;
  Ints candidate;

  PooledGradient(int64_t window_rows, int64_t window_cols, int64_t channel_count, int64_t pitch, int64_t pixel_size,
                 Random& random)
      : rows(window_rows),
        cols(window_cols),
        windows(rows * cols),
        padded(padded_to_16(windows)),
        channels(channel_count),
        dy(windows * channels, random),
        winner(windows * channels, random),
        candidate(4 * padded, random) {
    fill(dy, random);
    for (int64_t i = 0; i < winner.size(); ++i) winner[i] = static_cast<uint8_t>(random.integer(0, 4));
    for (int64_t i = 0; i < candidate.size(); ++i) candidate[i] = 0;
    for (int64_t q = 0; q < windows; ++q)
      for (int64_t i = 0; i < 4; ++i)
        candidate[i * padded + q] =
            static_cast<int32_t>(((2 * (q / cols) + i / 2) * pitch + 2 * (q % cols) + i % 2) * pixel_size);
  }
  int32_t place(int64_t q, int64_t c) const { return candidate[winner[q * channels + c] * padded + q]; }
  bool wins(int64_t q, int64_t c) const { return winner[q * channels + c] < 4; }
  bool intact() const { return dy.intact() && winner.intact() && candidate.intact(); }
};

struct Lists {
  int64_t capacity;
  Floats value;
  Ints offset, count;
  Floats scratch;

  Lists(const Kernels& k, PooledGradient& g, Random& random)
      : capacity(g.windows + 16),
        value(g.channels * capacity, random),
        offset(g.channels * capacity, random),
        count(g.channels, random),
        scratch(2 * g.padded * 16, random) {
    k.winner_lists({g.dy.data(), g.winner.data(), g.candidate.data(), g.windows, g.padded, g.channels, value.data(),
                    offset.data(), count.data(), capacity, scratch.data()});
  }
  bool intact() const { return value.intact() && offset.intact() && count.intact() && scratch.intact(); }
};

void check_lists(const Kernels& k, PooledGradient& g, Random& random) {
  const Lists lists(k, g, random);
  int64_t wrong = 0;
  for (int64_t c = 0; c < g.channels; ++c) {
    int32_t n = 0;
    for (int64_t q = 0; q < g.windows; ++q) {
      if (!g.wins(q, c)) continue;
      const int64_t at = c * lists.capacity + n++;
      wrong += lists.value[at] != g.dy[q * g.channels + c] || lists.offset[at] != g.place(q, c);
    }
    wrong += lists.count[c] != n;
  }
  CHECK(wrong == 0);
  CHECK((lists.intact() && g.intact()));
}

void check_unpool(const Kernels& k, PooledGradient& g, Random& random) {
  Floats full(largest(g.candidate) + g.channels, random);
  k.unpool({g.dy.data(), g.winner.data(), g.candidate.data(), g.windows, g.padded, g.channels, full.data()});
  int64_t wrong = 0;
  for (int64_t q = 0; q < g.windows; ++q)
    for (int64_t i = 0; i < 4; ++i)
      for (int64_t c = 0; c < g.channels; ++c)
        wrong += full[g.candidate[i * g.padded + q] + c] !=
                 (g.winner[q * g.channels + c] == i ? g.dy[q * g.channels + c] : 0.0f);
  CHECK(wrong == 0);
  CHECK(covered(full) == 4 * g.windows * g.channels);
  CHECK((full.intact() && g.intact()));
}

// Checks read_winners on the first row of windows: it must read the winner of each window, and 0 where there is none.
void check_read_winners(const Kernels& k, PooledGradient& g, Random& random) {
  const int64_t row = 2 * g.cols * g.channels + random.integer(0, 3);
  Floats x(2 * row, random), y(g.cols * g.channels, random);
  fill(x, random);
  k.read_winners({x.data(), row, g.winner.data(), g.cols, g.channels, y.data()});
  int64_t wrong = 0;
  for (int64_t q = 0; q < g.cols; ++q)
    for (int64_t c = 0; c < g.channels; ++c) {
      const int64_t i = g.winner[q * g.channels + c];
      wrong += y[q * g.channels + c] != (i < 4 ? x[i / 2 * row + (2 * q + i % 2) * g.channels + c] : 0.0f);
    }
  CHECK(wrong == 0);
  CHECK((x.intact() && y.intact() && g.intact()));
}

std::vector<std::array<int64_t, 2>> window_grids() {
  return {{1, 1}, {1, 2}, {2, 3}, {3, 5}, {4, 4}, {1, 17}, {5, 7}, {12, 4}};
}
std::vector<int64_t> channel_counts(int64_t width) {
  return {1, 2, 3, width - 1, width, width + 1, 2 * width, 2 * width + 3};
}

}  // namespace

TEST_CASE("winner_lists and unpool put the gradient where the winners are") {
  for_each_isa([](const Kernels& k) {
    Random random(21);
    for (const auto& [rows, cols] : window_grids()) {
      for (const int64_t channels : channel_counts(k.width)) {
        PooledGradient g(rows, cols, channels, 2 * cols + random.integer(0, 3), channels + random.integer(0, 2),
                         random);
        check_lists(k, g, random);
        check_unpool(k, g, random);
        check_read_winners(k, g, random);
      }
    }
  });
}

namespace {

// A kernel of height x row floats over an image, as sparse_weights and sparse_data see it.
struct Sparse {
  int64_t height, row, vectors, channels, ld;
  PooledGradient g;
  Lists lists;
  Ints run_offset;
  Floats x, dwt, wt, dx;

  // The rows of the image are `pitch` pixels apart, and a pixel has `pixel` floats.
  Sparse(const Kernels& k, int64_t kernel_height, int64_t row_floats, const std::array<int64_t, 2>& grid,
         int64_t filters, int64_t pixel, Random& random)
      : height(kernel_height),
        row(row_floats),
        vectors(height * ((row + k.width - 1) / k.width)),
        channels(filters),
        ld(vectors * k.width),
        g(grid[0], grid[1], filters, 2 * grid[1] + row / pixel, pixel, random),
        lists(k, g, random),
        run_offset(vectors, random),
        x(fill_runs(k.width, (2 * grid[1] + row / pixel) * pixel), random),
        dwt(channels * ld, random),
        wt(channels * ld, random),
        dx(x.size(), random) {
    fill(x, random), fill(dwt, random), fill(dx, random), fill(wt, random);
    const int64_t padded_row = ld / height;
    for (int64_t i = 0; i < wt.size(); ++i)
      if (i % padded_row >= row) wt[i] = 0.0f;
  }
  // Sets the offsets of the runs. Returns the number of floats of x, which ends with the last run of the last winner.
  int64_t fill_runs(int64_t width, int64_t pitch) {
    const int64_t per_row = vectors / height;
    for (int64_t j = 0; j < vectors; ++j)
      run_offset[j] = static_cast<int32_t>(j / per_row * pitch + j % per_row * width);
    int64_t last = 0;
    for (int64_t q = 0; q < g.windows; ++q)
      for (int64_t c = 0; c < channels; ++c)
        if (g.wins(q, c)) last = std::max<int64_t>(last, g.place(q, c));
    return last + run_offset[vectors - 1] + width;
  }
  SparseArgs args() {
    return {lists.value.data(),
            lists.offset.data(),
            lists.count.data(),
            channels,
            lists.capacity,
            run_offset.data(),
            vectors,
            x.data(),
            dwt.data(),
            wt.data(),
            dx.data()};
  }
  bool intact() const {
    return g.intact() && lists.intact() && run_offset.intact() && x.intact() && dwt.intact() && wt.intact() &&
           dx.intact();
  }
};

void check_sparse(const Kernels& k, Sparse& s) {
  const std::vector<float> dwt = s.dwt.copy(), dx = s.dx.copy();
  k.sparse_weights(s.args());
  k.sparse_data(s.args());

  Mismatches wrong;
  std::vector<Sum> data(dx.size());
  for (size_t i = 0; i < dx.size(); ++i) data[i].add(dx[i]);
  const int64_t padded_row = s.ld / s.height;
  for (int64_t c = 0; c < s.channels; ++c) {
    for (int64_t i = 0; i < s.ld; ++i) {
      Sum weight;
      weight.add(dwt[static_cast<size_t>(c * s.ld + i)]);
      const int64_t in_window = s.run_offset[i / k.width] + i % k.width;
      for (int64_t q = 0; q < s.g.windows; ++q) {
        if (!s.g.wins(q, c)) continue;
        const float dy = s.g.dy[q * s.channels + c];
        weight.add(dy, s.x[s.g.place(q, c) + in_window]);
        data[static_cast<size_t>(s.g.place(q, c) + in_window)].add(dy, s.wt[c * s.ld + i]);
      }
      if (i % padded_row < s.row) wrong.expect(s.dwt[c * s.ld + i], weight);
    }
  }
  for (size_t i = 0; i < dx.size(); ++i) wrong.expect(s.dx[static_cast<int64_t>(i)], data[i]);
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK(s.intact());
}

}  // namespace

TEST_CASE("sparse_weights and sparse_data are the dense gradients without their zero terms") {
  for_each_isa([](const Kernels& k) {
    Random random(22);
    for (const auto& grid : window_grids()) {
      for (const int64_t pixel : {int64_t{1}, int64_t{3}, k.width, 2 * k.width}) {
        for (const int64_t kernel : {1, 2, 3, 5}) {
          Sparse s(k, kernel, kernel * pixel, grid, random.pick<int64_t>({1, 3, 7}), pixel, random);
          check_sparse(k, s);
        }
      }
    }
  });
}

TEST_CASE("sparse_weights is gemm_weights of the unpooled gradient") {
  for_each_isa([](const Kernels& k) {
    Random random(23);
    constexpr int64_t kKernel = 3;
    const int64_t pixel = k.width, filters = k.width + 1, grid = 4, pitch = 2 * grid + kKernel;
    Sparse s(k, kKernel, kKernel * pixel, {grid, grid}, filters, pixel, random);
    std::fill_n(s.dwt.data(), s.dwt.size(), NAN);
    SparseArgs set = s.args();
    set.overwrite = true;
    k.sparse_weights(set);

    PooledGradient& g = s.g;
    Ints at_dy(4 * g.padded, random), all(4 * g.windows, random), x_offset(4 * g.windows, random);
    for (int64_t i = 0; i < at_dy.size(); ++i)
      at_dy[i] = g.candidate[i] / static_cast<int32_t>(pixel) * static_cast<int32_t>(filters);
    for (int64_t q = 0; q < g.windows; ++q) {
      for (int64_t i = 0; i < 4; ++i) {
        all[4 * q + i] = at_dy[i * g.padded + q];
        x_offset[4 * q + i] = g.candidate[i * g.padded + q];
      }
    }
    Floats full(largest(at_dy) + filters, random), dw(s.ld * filters, random);
    Ints k_offset(s.ld, random);
    for (int64_t ky = 0; ky < kKernel; ++ky)
      for (int64_t i = 0; i < kKernel * pixel; ++i)
        k_offset[ky * kKernel * pixel + i] = static_cast<int32_t>(ky * pitch * pixel + i);
    // the other kernel also reads pixels that never win
    Floats x(largest(x_offset) + largest(k_offset) + 1, random);
    fill(x, random);
    std::copy_n(s.x.data(), std::min(s.x.size(), x.size()), x.data());
    std::fill_n(dw.data(), dw.size(), 0.0f);
    k.unpool({g.dy.data(), g.winner.data(), at_dy.data(), g.windows, g.padded, filters, full.data()});
    k.gemm_weights({x.data(), x_offset.data(), k_offset.data(), 4 * g.windows, s.ld, filters, full.data(), all.data(),
                    dw.data(), filters});

    Mismatches wrong;
    for (int64_t c = 0; c < filters; ++c) {
      for (int64_t i = 0; i < s.ld; ++i) {
        Sum bound;  // the bound of each of the two results, which may therefore differ by twice the bound
        for (int64_t q = 0; q < g.windows; ++q)
          if (g.wins(q, c)) bound.add(g.dy[q * filters + c], s.x[g.place(q, c) + k_offset[i]]);
        wrong.expect(s.dwt[c * s.ld + i], dw[i * filters + c], 2 * bound.bound());
      }
    }
    CAPTURE(wrong.worst);
    CHECK(wrong.count == 0);
  });
}

namespace {

void check_patch(const Kernels& k, const std::array<int64_t, 2>& grid, int64_t channels, Random& random) {
  const int64_t pitch = 2 * grid[1] + 2 + random.integer(0, 3);
  PooledGradient g(grid[0], grid[1], channels, pitch, 1, random);
  Floats x((2 * grid[0] + 1) * pitch + 2 * grid[1] + 2, random), dw(9 * channels, random);
  fill(x, random), fill(dw, random);
  const std::vector<float> before = dw.copy();
  k.patch_weights({x.data(), g.candidate.data(), pitch, g.windows, channels, g.dy.data(), g.winner.data(), dw.data()});
  Mismatches wrong;
  for (int64_t t = 0; t < 9; ++t) {
    for (int64_t c = 0; c < channels; ++c) {
      Sum s;
      s.add(before[static_cast<size_t>(t * channels + c)]);
      for (int64_t q = 0; q < g.windows; ++q)
        if (g.wins(q, c)) s.add(g.dy[q * channels + c], x[g.place(q, c) + t / 3 * pitch + t % 3]);
      wrong.expect(dw[t * channels + c], s);
    }
  }
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK((g.intact() && x.intact() && dw.intact()));
}

}  // namespace

TEST_CASE("patch_weights is the gradient of a 3x3 kernel of one channel behind a max-pool") {
  for_each_isa([](const Kernels& k) {
    Random random(24);
    for (const auto& grid : window_grids())
      for (const int64_t channels : channel_counts(k.width)) check_patch(k, grid, channels, random);
  });
}

namespace {

void check_patch_data(const Kernels& k, const std::array<int64_t, 2>& grid, int64_t channels, int64_t filters,
                      Random& random) {
  const int64_t pitch = 2 * grid[1] + 2 + random.integer(0, 3), row = pitch * channels, block = 9 * k.width;
  PooledGradient g(grid[0], grid[1], filters, pitch, channels, random);
  Floats kernel(9 * channels * filters, random), dx(((2 * grid[0] + 1) * pitch + 2 * grid[1] + 2) * channels, random);
  Ints kernel_offset(filters, random);
  fill(kernel, random), fill(dx, random);
  for (int64_t f = 0; f < filters; ++f) kernel_offset[f] = static_cast<int32_t>(block * f);
  std::vector<Sum> expected(static_cast<size_t>(dx.size()));
  for (size_t i = 0; i < expected.size(); ++i) expected[i].add(dx[static_cast<int64_t>(i)]);
  for (int64_t q = 0; q < g.windows; ++q)
    for (int64_t f = 0; f < filters; ++f)
      for (int64_t t = 0; t < 9 && g.wins(q, f); ++t)
        for (int64_t c = 0; c < channels; ++c)
          expected[static_cast<size_t>(g.place(q, f) + t / 3 * row + t % 3 * channels + c)].add(
              g.dy[q * filters + f], kernel[c / k.width * block * filters + block * f + t * k.width + c % k.width]);
  k.patch_data({g.dy.data(), g.winner.data(), g.windows, filters, channels, g.candidate.data(), row, kernel.data(),
                kernel_offset.data(), dx.data()});
  Mismatches wrong;
  for (size_t i = 0; i < expected.size(); ++i) wrong.expect(dx[static_cast<int64_t>(i)], expected[i]);
  CAPTURE(wrong.worst);
  CHECK(wrong.count == 0);
  CHECK((g.intact() && kernel.intact() && kernel_offset.intact() && dx.intact()));
}

}  // namespace

TEST_CASE("patch_data is the gradient of the input of a 3x3 convolution behind a max-pool") {
  for_each_isa([](const Kernels& k) {
    Random random(25);
    for (const auto& grid : window_grids())
      check_patch_data(k, grid, random.integer(1, 3) * k.width, random.integer(1, 5) * k.width, random);
  });
}
