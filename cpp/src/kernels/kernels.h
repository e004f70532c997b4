// The table of function pointers through which every instruction set offers its kernels. contracts.h says what the
// functions with an Args struct compute.
#pragma once
#include <cstdint>

#include "cnncore/activation_kind.h"
#include "kernels/contracts.h"
#include "kernels/optimizer_contracts.h"

namespace cnncore {

struct Kernels {
  const char* name;
  int64_t width;  // how many floats a vector has

  void (*gemm)(const GemmArgs&);
  void (*gemm_skip)(const GemmSkipArgs&);
  void (*gemm_rows)(const GemmRowsArgs&);
  void (*gemm_pool)(const GemmPoolArgs&);
  void (*gemm_weights)(const GemmWeightsArgs&);
  void (*gemm_weights_skip)(const GemmWeightsArgs&);
  void (*gemm_rows_weights)(const GemmRowsWeightsArgs&);
  int (*nonzeros)(const NonzerosArgs&);
  void (*gemv)(const GemvArgs&);
  void (*planar)(const PlanarArgs&);
  void (*winograd)(const WinogradArgs&);
  void (*winograd_weights)(const WinogradWeightsArgs&);
  void (*winograd_gradient)(const WinogradGradientArgs&);
  void (*winograd_reduce)(const WinogradReduceArgs&);
  void (*depthwise)(const DepthwiseArgs&);
  void (*depthwise_nine)(const DepthwiseNineArgs&);
  void (*depthwise_weights)(const DepthwiseWeightsArgs&);

  void (*winner_lists)(const WinnerListArgs&);
  void (*unpool)(const UnpoolArgs&);
  void (*read_winners)(const WinnersArgs&);
  void (*sparse_weights)(const SparseArgs&);
  void (*sparse_data)(const SparseArgs&);
  void (*patch_weights)(const PatchWeightsArgs&);
  void (*patch_data)(const PatchDataArgs&);

  void (*max_pool)(const PoolArgs&);
  /// The tangent of max-pooling: y' = x' at the position of the maximum. x' is read from dx, and y' is written to y.
  void (*max_pool_tangent)(const PoolArgs&);
  void (*max_pool_backward)(const PoolArgs&);
  void (*avg_pool)(const PoolArgs&);
  void (*avg_pool_backward)(const PoolArgs&);

  /// Element by element y = f(x), dx = dy * f'(x) and d2 = f''(x). For softmax and log_softmax, which work on rows, y
  /// is a copy of x. `saved` is x if needs_input(spec), otherwise y. Input and output may be the same array.
  void (*activation)(const ActivationSpec&, const float* x, float* y, int64_t size);
  void (*activation_backward)(const ActivationSpec&, const float* saved, const float* dy, float* dx, int64_t size);
  void (*activation_second)(const ActivationSpec&, const float* saved, float* d2, int64_t size);
  /// For each row: y = exp(x - max) / sum(exp(x - max)). The gradient is dx = y * (dy - sum(dy * y)).
  void (*softmax_rows)(const float* x, float* y, int64_t rows, int64_t cols);
  void (*softmax_rows_backward)(const float* y, const float* dy, float* dx, int64_t rows, int64_t cols);
  /// For each row: y = x - max - log(sum(exp(x - max))). The gradient is dx = dy - exp(y) * sum(dy), and the tangent is
  /// y' = x' - sum(exp(y) * x').
  void (*log_softmax_rows)(const float* x, float* y, int64_t rows, int64_t cols);
  void (*log_softmax_rows_backward)(const float* y, const float* dy, float* dx, int64_t rows, int64_t cols);
  void (*log_softmax_rows_tangent)(const float* y, const float* x_tangent, float* y_tangent, int64_t rows,
                                   int64_t cols);

  void (*moments)(const MomentsArgs&);
  void (*gradient_moments)(const GradientMomentsArgs&);
  void (*normalize)(const NormalizeArgs&);
  void (*normalize_backward)(const NormalizeBackwardArgs&);
  void (*layer_norm)(const LayerNormArgs&);
  void (*layer_norm_backward)(const LayerNormBackwardArgs&);

  void (*merge)(MergeOp, const MergeArgs&);
  void (*merge_keep)(const MergeKeepArgs&);
  void (*merge_reduce)(const MergeReduceArgs&);
  void (*prelu)(const PreluArgs&);
  void (*prelu_backward)(const PreluBackwardArgs&);

  /// y[c] = max_r x[r * cols + c], or NaN if one of them is NaN. The gradient is dx = dy at the first r with the
  /// maximum, and zero at the others.
  void (*max_rows)(const float* x, int64_t rows, int64_t cols, float* y);
  void (*max_rows_backward)(const float* x, const float* y, const float* dy, int64_t rows, int64_t cols, float* dx);
  void (*bilinear)(const BilinearArgs&, const float* x, float* y);
  void (*bilinear_backward)(const BilinearArgs&, const float* dy, float* dx);

  /// dropout multiplies x by the factors of DropoutArgs, and dropout_mask writes the factors themselves. x and y may be
  /// the same array.
  void (*dropout)(const DropoutArgs&, const float* x, float* y);
  void (*dropout_mask)(const DropoutArgs&, float* mask);
  void (*gaussian_noise)(const GaussianArgs&, const float* x, float* y);

  void (*move_rows)(const MoveArgs&);

  /// y = x * scale + offset, where x are bytes or floats.
  void (*rescale_u8)(const uint8_t* x, float* y, int64_t size, float scale, float offset);
  void (*rescale_f32)(const float* x, float* y, int64_t size, float scale, float offset);
  /// sum[c] += sum_r x[r * cols + c]. The second one adds only the elements with winner[r * cols + c] < 4.
  void (*sum_rows)(const float* x, float* sum, int64_t rows, int64_t cols);
  void (*sum_winners)(const float* x, const uint8_t* winner, float* sum, int64_t rows, int64_t cols);
  /// Rounds x to a sum of `terms` bfloat16 values. One term has 8 bits of mantissa: y = bf16(x), the nearest bfloat16
  /// value, ties to even. Two terms have 16 bits: y = bf16(x) + bf16(x - bf16(x)). NaN stays NaN. x and y may be the
  /// same array.
  void (*round_bfloat16)(const float* x, float* y, int64_t size, int terms);
  /// The same, but the two terms are written as bfloat16 arrays. low may be null.
  void (*to_bfloat16)(const float* x, uint16_t* high, uint16_t* low, int64_t size);
  /// The same with a transposition: high[c * ldd + r] = src[r * lds + c] for r < rows and c < cols. Up to 31 values
  /// after the end of a row of high (and of low) may be overwritten.
  void (*transpose_bfloat16)(const float* src, int64_t lds, uint16_t* high, uint16_t* low, int64_t ldd, int64_t rows,
                             int64_t cols);
  void (*pack_tiles)(const PackTilesArgs&);
  void (*tile_store)(const TileStoreArgs&);
  void (*tile_pool)(const TilePoolArgs&);
  /// y[i] += x[i] for i < size.
  void (*accumulate)(const float* x, float* y, int64_t size);
  /// Whether none of the floats is NaN or infinite.
  bool (*all_finite)(const float* x, int64_t size);
  /// dst[c * ldd + r] = src[r * lds + c]      r < rows, c < cols
  void (*transpose)(const float* src, int64_t lds, float* dst, int64_t ldd, int64_t rows, int64_t cols);

  OptimizerKernels optimizer;

  /// Null if this instruction set has no unit for products of bfloat16 values. tile_gain says how many times as fast as
  /// products of the float32 kernels the unit is.
  void (*tile_product)(const TileProductArgs&);
  double tile_gain;

  /// From then on, operations of this thread treat denormal numbers as zero. Returns the state before, which
  /// restore_denormals takes.
  uint32_t (*flush_denormals)();
  void (*restore_denormals)(uint32_t);
};

/// There is one table for each instruction set that this build contains (see isa_*.cpp).
const Kernels& kernels_scalar() noexcept;
const Kernels& kernels_avx2() noexcept;
const Kernels& kernels_avx512() noexcept;
const Kernels& kernels_avx512_bf16() noexcept;  // avx512 with conversions and a tile_product of its own
const Kernels& kernels_amx() noexcept;          // avx512_bf16 with another tile_product
const Kernels& kernels_neon() noexcept;

}  // namespace cnncore
