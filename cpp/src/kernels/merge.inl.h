// Element-wise operations on operands whose shapes are broadcast to rows x cols. Where an operand has a single value
// for a whole row, or a single row for all rows, a step of zero repeats it.
//   r row, c column

inline Vec read_operand(const Operand& o, int64_t r, int64_t c, int lanes) {
  const float* row = o.data + r * o.row;
  return o.step ? read_lanes(row + c, lanes) : set1(*row);
}

// Calls f(r, c, lanes) for every vector of the rows x cols elements.
template <class Function>
inline void for_elements(int64_t rows, int64_t cols, Function f) {
  for (int64_t r = 0; r < rows; ++r) for_vectors(cols, [&](int64_t c, int lanes) { f(r, c, lanes); });
}

template <bool kWholeA, bool kWholeB, class Function>
inline void merge_steps(const MergeArgs& a, Function f) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const float *p = a.a.data + r * a.a.row, *q = a.b.data + r * a.b.row;
    const Vec one_p = set1(*p), one_q = set1(*q);  // the values of operands that are the same along the row
    float* y = a.y + r * a.y_row;
    for_vectors(a.cols, [&](int64_t c, int lanes) {
      const Vec v = kWholeA ? read_lanes(p + c, lanes) : one_p, w = kWholeB ? read_lanes(q + c, lanes) : one_q;
      write_lanes(y + c, f(v, w), lanes);
    });
  }
}

template <class Function>
inline void merge_with(const MergeArgs& a, Function f) {
  if (a.a.step && a.b.step) return merge_steps<true, true>(a, f);
  if (a.a.step) return merge_steps<true, false>(a, f);
  a.b.step ? merge_steps<false, true>(a, f) : merge_steps<false, false>(a, f);
}

inline Mask beats(Vec a, Vec b, bool minimum) {
  return minimum ? greater_or_nan(negative(a), negative(b)) : greater_or_nan(a, b);
}

void merge(MergeOp op, const MergeArgs& a) {
  switch (op) {
    case MergeOp::add: return merge_with(a, [](Vec p, Vec q) { return add(p, q); });
    case MergeOp::subtract: return merge_with(a, [](Vec p, Vec q) { return sub(p, q); });
    case MergeOp::multiply: return merge_with(a, [](Vec p, Vec q) { return mul(p, q); });
    case MergeOp::maximum: return merge_with(a, [](Vec p, Vec q) { return select(beats(q, p, false), q, p); });
    case MergeOp::minimum: return merge_with(a, [](Vec p, Vec q) { return select(beats(q, p, true), q, p); });
  }
}

void merge_keep(const MergeKeepArgs& a) {
  for_elements(a.rows, a.cols, [&](int64_t r, int64_t c, int lanes) {
    float* t = a.t + r * a.cols + c;
    const Vec own = read_operand(a.own, r, c, lanes), other = read_operand(a.other, r, c, lanes);
    const Vec value = read_lanes(t, lanes);
    write_lanes(t,
                a.other_is_first ? select(beats(own, other, a.minimum), value, zero())
                                 : select(beats(other, own, a.minimum), zero(), value),
                lanes);
  });
}

void merge_reduce(const MergeReduceArgs& a) {
  const Vec scale = set1(a.scale);
  if (a.step && a.row) {  // no value is repeated
    return for_elements(a.rows, a.cols, [&](int64_t r, int64_t c, int lanes) {
      float* dx = a.dx + r * a.row + c;
      const Vec t = mul(read_lanes(a.t + r * a.t_row + c, lanes), scale);
      write_lanes(dx, a.accumulate ? add(read_lanes(dx, lanes), t) : t, lanes);
    });
  }
  if (a.step) {  // one row is repeated for all rows: sum each column
    return for_vectors(a.cols, [&](int64_t c, int lanes) {
      Vec sum = zero();
      for (int64_t r = 0; r < a.rows; ++r) sum = add(sum, read_lanes(a.t + r * a.t_row + c, lanes));
      write_lanes(a.dx + c, fmadd(sum, scale, read_lanes(a.dx + c, lanes)), lanes);
    });
  }
  for (int64_t r = 0; r < a.rows; ++r) {  // one value is repeated along each row: sum each row
    Vec sum = zero();
    for_vectors(a.cols, [&](int64_t c, int lanes) { sum = add(sum, read_lanes(a.t + r * a.t_row + c, lanes)); });
    a.dx[r * a.row] += a.scale * reduce_add(sum);
  }
}

void prelu(const PreluArgs& a) {
  for_elements(a.rows, a.cols, [&](int64_t r, int64_t c, int lanes) {
    const Vec x = read_lanes(a.x + r * a.cols + c, lanes);
    write_lanes(a.y + r * a.cols + c, select(greater(x, zero()), x, mul(x, read_operand(a.alpha, r, c, lanes))), lanes);
  });
}

void prelu_backward(const PreluBackwardArgs& a) {
  for_elements(a.rows, a.cols, [&](int64_t r, int64_t c, int lanes) {
    const int64_t at = r * a.cols + c;
    const Vec x = read_lanes(a.x + at, lanes), dy = read_lanes(a.dy + at, lanes);
    const Mask above = greater(x, zero());
    if (a.t) write_lanes(a.t + at, select(above, zero(), mul(x, dy)), lanes);
    if (a.dx) write_lanes(a.dx + at, select(above, dy, mul(dy, read_operand(a.alpha, r, c, lanes))), lanes);
  });
}
