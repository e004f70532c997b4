// Converts a few planes of pixels into pixels of a few values each, and back. This version goes through memory, and is
// part of the vector functions of every instruction set without a faster version of its own (simd_avx512.h has one).

// y[i * N + n] = planes[n][i]      i < lanes
template <int N>
inline void store_interleaved(float* y, const Vec (&planes)[N], int lanes) {
  float plane[N][kWidth];
  for (int n = 0; n < N; ++n) store(plane[n], planes[n]);
  for (int i = 0; i < lanes; ++i)
    for (int n = 0; n < N; ++n) y[i * N + n] = plane[n][i];
}
// The inverse: planes[n][i] = y[i * N + n] for i < lanes, and zero for the others.
template <int N>
inline void load_interleaved(const float* y, Vec (&planes)[N], int lanes) {
  float plane[N][kWidth];
  for (int i = 0; i < kWidth; ++i)
    for (int n = 0; n < N; ++n) plane[n][i] = i < lanes ? y[i * N + n] : 0.0f;
  for (int n = 0; n < N; ++n) planes[n] = load(plane[n]);
}
