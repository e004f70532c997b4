// The table of this ISA's kernels; included last, with CNNCORE_ISA_NAME set.
constexpr Kernels kTable = {
    CNNCORE_ISA_NAME, kWidth,
    gemm, gemm_pool, gemm_weights, planar, winograd, winograd_weights, winograd_gradient, winograd_reduce, depthwise, depthwise_weights,
    winner_lists, unpool, sparse_weights, sparse_data, patch_weights,
    max_pool, max_pool_backward, avg_pool, avg_pool_backward,
    activation, activation_backward, softmax_rows, softmax_rows_backward,
    rescale_u8, rescale_f32, sum_rows, sum_winners, accumulate, all_finite, transpose,
    adam, sgd,
    flush_denormals, restore_denormals,
};
