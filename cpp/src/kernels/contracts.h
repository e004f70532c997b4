// The contracts of the kernels, as maths: one header for each family. kernels.h has the table through which every
// instruction set offers its kernels.
//
// All arithmetic is float32, and activations are NHWC, with the channels innermost. A convolution is computed as a
// matrix product without rearranging the input: two small tables of offsets say where the operands are in memory.
//   x_offset[p]  where the window of pixel p begins in x       (p < pixels)
//   k_offset[k]  where term k is within that window            (k < depth = kernel_height * kernel_width * channels)
// So element (p, k) of the "im2col" matrix is x[x_offset[p] + k_offset[k]]. A dense layer is the same product with one
// pixel for each sample, and the gradient of the input is the same product over dy inside a border of zeros.
//
// Kernels check nothing: the ops in src/ops check once, before they call them. Kernels never read outside the arrays
// that their contract names, and the order in which an output element is summed depends on the shape of the problem
// only, never on threads.
#pragma once
#include "kernels/contracts/depthwise.h"
#include "kernels/contracts/elementwise.h"
#include "kernels/contracts/gemm.h"
#include "kernels/contracts/normalization.h"
#include "kernels/contracts/pixels.h"
#include "kernels/contracts/pool.h"
#include "kernels/contracts/range.h"
#include "kernels/contracts/tiles.h"
#include "kernels/contracts/winners.h"
#include "kernels/contracts/winograd.h"
