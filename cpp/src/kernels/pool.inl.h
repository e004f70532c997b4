// Pooling with windows of any size. The lanes of a vector are neighbouring channels, and a window is a list of
// positions.
//   q window, i position in it, c channel

inline Vec read_lanes(const float* p, int lanes) { return lanes == kWidth ? load(p) : load_n(p, lanes); }
inline void write_lanes(float* p, Vec a, int lanes) { lanes == kWidth ? store(p, a) : store_n(p, a, lanes); }

// Calls f(q, c, lanes, first, last) for every window q and every vector of channels, which begins at channel c. The
// positions of the window are window_offset[i] for first <= i < last.
template <class Function>
inline void for_windows(const PoolArgs& a, Function f) {
  for (int64_t q = 0; q < a.windows; ++q) {
    const int32_t* first = a.window_offset + a.window_begin[q];
    const int32_t* last = a.window_offset + a.window_begin[q + 1];
    for (int64_t c = 0; c < a.channels; c += kWidth)
      f(q, c, static_cast<int>(a.channels - c < kWidth ? a.channels - c : kWidth), first, last);
  }
}

void max_pool(const PoolArgs& a) {
  for_windows(a, [&](int64_t q, int64_t c, int lanes, const int32_t* first, const int32_t* last) {
    Vec best = read_lanes(a.x + *first + c, lanes);
    for (const int32_t* i = first + 1; i < last; ++i) {
      const Vec x = read_lanes(a.x + *i + c, lanes);
      best = select(greater_or_nan(x, best), x, best);
    }
    write_lanes(a.y + q * a.channels + c, best, lanes);
  });
}

void max_pool_tangent(const PoolArgs& a) {
  for_windows(a, [&](int64_t q, int64_t c, int lanes, const int32_t* first, const int32_t* last) {
    Vec best = read_lanes(a.x + *first + c, lanes), tangent = read_lanes(a.dx + *first + c, lanes);
    for (const int32_t* i = first + 1; i < last; ++i) {
      const Vec x = read_lanes(a.x + *i + c, lanes);
      const Mask above = greater_or_nan(x, best);
      best = select(above, x, best);
      tangent = select(above, read_lanes(a.dx + *i + c, lanes), tangent);
    }
    write_lanes(a.y + q * a.channels + c, tangent, lanes);
  });
}

// Adds to dx, or sets it. Where a window has fewer channels than a vector has lanes, a sum would wait until the store
// for the position before it has reached the cache.
inline void write_gradient(const PoolArgs& a, float* dx, Vec gradient, int lanes) {
  const Vec before = a.overwrite ? zero() : read_lanes(dx, lanes);
  write_lanes(dx, add(before, gradient), lanes);  // adding zero turns -0 into 0
}

void max_pool_backward(const PoolArgs& a) {
  for_windows(a, [&](int64_t q, int64_t c, int lanes, const int32_t* first, const int32_t* last) {
    Vec best = read_lanes(a.x + *first + c, lanes), index = zero();
    float number = 0.0f;
    for (const int32_t* i = first + 1; i < last; ++i) {
      const Vec x = read_lanes(a.x + *i + c, lanes);
      const Mask above = greater_or_nan(x, best);
      number += 1.0f;
      best = select(above, x, best);
      index = select(above, set1(number), index);
    }
    const Vec dy = read_lanes(a.dy + q * a.channels + c, lanes);
    number = 0.0f;
    for (const int32_t* i = first; i < last; ++i, number += 1.0f)
      write_gradient(a, a.dx + *i + c, select(equal(index, set1(number)), dy, zero()), lanes);
  });
}

void avg_pool(const PoolArgs& a) {
  for_windows(a, [&](int64_t q, int64_t c, int lanes, const int32_t* first, const int32_t* last) {
    Vec sum = zero();
    for (const int32_t* i = first; i < last; ++i) sum = add(sum, read_lanes(a.x + *i + c, lanes));
    write_lanes(a.y + q * a.channels + c, mul(sum, set1(1.0f / static_cast<float>(last - first))), lanes);
  });
}

void avg_pool_backward(const PoolArgs& a) {
  for_windows(a, [&](int64_t q, int64_t c, int lanes, const int32_t* first, const int32_t* last) {
    const Vec share = mul(read_lanes(a.dy + q * a.channels + c, lanes), set1(1.0f / static_cast<float>(last - first)));
    for (const int32_t* i = first; i < last; ++i) write_gradient(a, a.dx + *i + c, share, lanes);
  });
}
