// Few planes of pixels to pixels of few values and back, through memory: part of the vector vocabulary of every ISA
// that has nothing better (simd_avx512.h has).

// y[i * N + n] = planes[n][i]      i < lanes
template <int N>
inline void store_interleaved(float* y, const Vec (&planes)[N], int lanes) {
  float plane[N][kWidth];
  for (int n = 0; n < N; ++n) store(plane[n], planes[n]);
  for (int i = 0; i < lanes; ++i)
    for (int n = 0; n < N; ++n) y[i * N + n] = plane[n][i];
}
// The inverse: planes[n][i] = y[i * N + n], zero from `lanes` on.
template <int N>
inline void load_interleaved(const float* y, Vec (&planes)[N], int lanes) {
  float plane[N][kWidth];
  for (int i = 0; i < kWidth; ++i)
    for (int n = 0; n < N; ++n) plane[n][i] = i < lanes ? y[i * N + n] : 0.0f;
  for (int n = 0; n < N; ++n) planes[n] = load(plane[n]);
}
