// The convolutions of conv2d_shapes.csv, which bench/compare_ops.py reads too.
#pragma once

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "cnncore/conv2d.h"

namespace cnncore::bench {

struct Conv2dShape {
  std::string name;
  Conv2dParams params;

  int64_t in_size(int64_t batch) const { return batch * params.in_height * params.in_width * params.in_channels; }
  int64_t out_size(int64_t batch) const { return batch * element_count(conv2d_output_shape(params)); }
  int64_t kernel_size() const {
    return params.kernel_height * params.kernel_width * params.in_channels / params.groups * params.filters;
  }
  /// Multiplications and additions of one pass, forward or backward, including those with padding.
  double flops(int64_t batch) const {
    return 2.0 * static_cast<double>(out_size(batch)) * static_cast<double>(kernel_size() / params.filters);
  }
};

// CNNCORE_CONV2D_SHAPES is the path, set by CMake. Columns: name, then one number each for size, in_channels, filters,
// kernel, stride, padding, groups; images, kernels, strides and padding are square.
inline std::vector<Conv2dShape> conv2d_shapes() {
  std::ifstream file(CNNCORE_CONV2D_SHAPES);
  if (!file) throw std::runtime_error("cannot read " CNNCORE_CONV2D_SHAPES);
  std::vector<Conv2dShape> shapes;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    const size_t comma = line.find(',');
    std::string rest = line.substr(comma + 1);
    std::replace(rest.begin(), rest.end(), ',', ' ');
    std::istringstream numbers(rest);
    int64_t v[7];
    for (int64_t& value : v) numbers >> value;
    if (!numbers) throw std::runtime_error("conv2d_shapes.csv: expected a name and 7 numbers. Received: " + line);
    Conv2dParams p;
    p.in_height = p.in_width = v[0];
    p.in_channels = v[1], p.filters = v[2], p.groups = v[6];
    p.kernel_height = p.kernel_width = v[3];
    p.stride_height = p.stride_width = v[4];
    p.padding = {v[5], v[5], v[5], v[5]};
    shapes.push_back({line.substr(0, comma), p});
  }
  return shapes;
}

}  // namespace cnncore::bench
