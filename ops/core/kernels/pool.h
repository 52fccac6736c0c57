// VALID max pooling over rows of scratch memory. Of equal maxima the first in
// row-major order gets the gradient, as in TensorFlow's own CPU kernels.

#ifndef KERAS_ALEXNET_CORE_KERNELS_POOL_H_
#define KERAS_ALEXNET_CORE_KERNELS_POOL_H_

#include "core/kernels/pack.h"
#include "core/kernels/plan.h"

namespace keras_alexnet {
namespace KERAS_ALEXNET_LEVEL {

// A ring buffer of rows: row r is stored at r modulo the ring's size.
template <class A>
struct Ring {
  A* first;
  int64_t stride, size;

  A* operator[](int64_t row) const { return first + (row % size) * stride; }

  // The row `j` rows below the one at `start`. `start` is already modulo the size,
  // because divisions are too slow for inner loops.
  A* below(int64_t start, int64_t j) const {
    const int64_t row = start + j;
    return first + (row < size ? row : row - size) * stride;
  }
};

// A window that is known at compile time is unrolled; kSize 0 means any size.
template <int kSize>
struct Extent {
  explicit Extent(const Plan& plan)
      : height(kSize ? kSize : plan.pool_height),
        width(kSize ? kSize : plan.pool_width) {}
  const int64_t height, width;
};

// The largest value along each window's width: from a row of maps to a row of the
// output's width.
template <class A, class Extent>
void pool_along_row(const Plan& plan, const A* y, A* pooled) {
  const Extent extent(plan);
  for (int64_t o = 0; o < plan.out_width; ++o) {
    const A* window = y + o * plan.stride_width * plan.pixel;
    A* out = pooled + o * plan.pixel;
    for (int64_t i = 0; i < plan.pixel; i += kLanes<A>) {
      Pack<A> most = load(window + i);
      for (int64_t j = 1; j < extent.width; ++j) {
        most = larger<Pack<A>>(most, load(window + j * plan.pixel + i));
      }
      store(out + i, most);
    }
  }
}

// The largest value along the windows' height, over the rows from `top` on.
template <class A, class Extent>
void pool_rows(const Plan& plan, const Ring<A>& rows, int64_t top, A* joined) {
  const Extent extent(plan);
  const int64_t start = top % rows.size;
  for (int64_t i = 0; i < plan.out_width * plan.pixel; i += kLanes<A>) {
    Pack<A> most = load(rows.below(start, 0) + i);
    for (int64_t j = 1; j < extent.height; ++j) {
      most = larger<Pack<A>>(most, load(rows.below(start, j) + i));
    }
    store(joined + i, most);
  }
}

// The position of each lane's maximum in its window, counted in row-major order.
template <class A, class Extent>
KERAS_ALEXNET_INLINE Bits<A> first_largest(const Extent& extent, int64_t pixel,
                                           const Ring<A>& y, int64_t start,
                                           int64_t at) {
  Pack<A> most = load(y.below(start, 0) + at);
  Bits<A> position{};
  Bits<A> here{};
  for (int64_t row = 0; row < extent.height; ++row) {
    const A* from = y.below(start, row) + at;
    for (int64_t column = 0; column < extent.width; ++column) {
      const Pack<A> value = load(from + column * pixel);
      const auto larger_here = exceeds<Pack<A>>(value, most);
      most = larger_here ? value : most;
      position = larger_here ? here : position;
      here += 1;
    }
  }
  return position;
}

template <class A, class Extent>
KERAS_ALEXNET_INLINE void add_at_position(const Extent& extent, int64_t pixel,
                                          const Ring<A>& dy, int64_t start,
                                          int64_t at, Bits<A> position,
                                          Pack<A> gradient) {
  Bits<A> here{};
  for (int64_t row = 0; row < extent.height; ++row) {
    A* to = dy.below(start, row) + at;
    for (int64_t column = 0; column < extent.width; ++column) {
      A* cell = to + column * pixel;
      store(cell, load(cell) + (position == here ? gradient : Pack<A>{}));
      here += 1;
    }
  }
}

// The lanes of a pixel's last vector that belong to the pixel.
template <class A>
Bits<A> lanes_within(int64_t pixel) {
  const int64_t left = (pixel - 1) % kLanes<A> + 1;
  Bits<A> within{};
  for (int lane = 0; lane < kLanes<A>; ++lane) within[lane] = -(lane < left);
  return within;
}

// Adds a row of output gradients to dy at the maxima of their windows.
template <class A, class Extent>
void route(const Plan& plan, const Ring<A>& y, const A* gradient, int64_t top,
           const Ring<A>& dy) {
  const Extent extent(plan);
  const int64_t start = top % y.size;
  const Bits<A> within = lanes_within<A>(plan.pixel);
  for (int64_t o = 0; o < plan.out_width; ++o) {
    const int64_t window = o * plan.stride_width * plan.pixel;
    for (int64_t i = 0; i < plan.pixel; i += kLanes<A>) {
      Pack<A> incoming = load(gradient + o * plan.pixel + i);
      const bool last = i + kLanes<A> >= plan.pixel;
      if (last) incoming = within ? incoming : Pack<A>{};
      const Bits<A> position =
          first_largest(extent, plan.pixel, y, start, window + i);
      add_at_position(extent, plan.pixel, dy, start, window + i, position,
                      incoming);
    }
  }
}

}  // namespace KERAS_ALEXNET_LEVEL
}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_KERNELS_POOL_H_
