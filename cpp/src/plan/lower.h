// Turns a graph into the ops that a plan runs. Ops that the outputs do not need are left out, ops are fused where that
// is possible, and ops compute only the rows and columns that are needed.
#pragma once

#include <string>
#include <vector>

#include "cnncore/network.h"
#include "graph/op.h"

namespace cnncore {

/// An op, or several ops that are fused.
struct LoweredNode {
  std::string name;  ///< the name of the layer, or the names of fused layers
  OpPtr op;
  std::vector<int> inputs;  ///< ids of tensors
  int output;
  std::vector<int> slots;  ///< slots of the network, in the order of the op's parameters
};

/// How the samples of one input are read.
struct LoweredInput {
  int tensor;
  Shape whole, used;  ///< the shape of a sample of the caller, and the shape of the part of it that is read
  Scaling scaling;
};

struct Lowered {
  std::vector<LoweredNode> nodes;  ///< in topological order
  std::vector<LoweredInput> inputs;
  std::vector<int> outputs;   ///< ids of tensors
  std::vector<Shape> shapes;  ///< the shape of every tensor
};

/// Lowers a graph. slots[i] are the slots of node i of the graph.
Lowered lower(const Graph& graph, const std::vector<int>& outputs, const std::vector<std::vector<int>>& slots,
              Purpose purpose);

/// Makes ops compute only the rows and columns that are needed. lower() calls this.
void cut_regions(Lowered& lowered);

}  // namespace cnncore
