// The ops of a graph that a plan runs, after fusion: the first half of planning.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cnncore/network.h"

namespace cnncore {

/// One op or several fused ones, with the sizes that are really needed.
struct Step {
  std::string name;
  Op op;
  size_t graph_node;      // whose weights it uses
  bool max_pool = false;  // convolution fused with the 2x2 max-pool that follows
  Shape input, output;    // of one sample; images may have lost rows and columns that nothing reads
};

struct Steps {
  std::vector<Step> list;
  RescalingOp load{1.0f, 0.0f};  // folded into reading the samples
  Shape input;                   // the part of a sample that is read
};

/// The steps from the input to `output`. Rescaling of the input is folded into the load, an activation into the
/// convolution or dense layer before it, a 2x2 max-pool into the convolution before it; Flatten costs nothing;
/// inference drops Dropout. What no later step reads is not computed: a floor pooling or a stride that leaves the last
/// rows or columns out shrinks what comes before.
Steps plan_steps(const Graph& graph, int output, bool training, Precision precision);

}  // namespace cnncore
