// Every kernel, written once over the vector vocabulary (simd_<isa>.h) that is in scope where this is included.
#include "kernels/gemm.inl.h"
#include "kernels/winograd.inl.h"
#include "kernels/pool.inl.h"
#include "kernels/elementwise.inl.h"
#include "kernels/depthwise.inl.h"
#include "kernels/sparse.inl.h"
#include "kernels/optimizer.inl.h"
#include "kernels/table.inl.h"
