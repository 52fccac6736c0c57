// The gradient of the op over one band: the forward pass again, as far as the gradient
// needs it, and then the gradient through pooling, normalisation and ReLU. A row of
// maps is first opened (loaded and normalised), then receives the gradients of the
// windows that touch it, and is at last retired (its own gradient computed and stored).

#ifndef KERAS_ALEXNET_CORE_KERNELS_GRADIENT_H_
#define KERAS_ALEXNET_CORE_KERNELS_GRADIENT_H_

#include "core/kernels/forward.h"

namespace keras_alexnet {
namespace KERAS_ALEXNET_LEVEL {

// The last vector of a block reaches into the next block. What is there is masked
// twice, which changes nothing.
template <class A>
void mask(const A* output, int64_t count, A* gradient) {
  for (int64_t i = 0; i < count; i += kLanes<A>) {
    const Pack<A> masked =
        relu_gradient<Pack<A>>(load(output + i), load(gradient + i));
    store(gradient + i, masked);
  }
}

template <class S, class NormType, class Extent>
class Gradient {
  using A = Accumulator<S>;

 public:
  Gradient(const Plan& plan, const void* const* maps, const void* joined,
           void* const* map_gradients, void* scratch)
      : plan_(plan), maps_(maps), joined_(joined), gradients_(map_gradients),
        rows_(plan, scratch), v_(ring(true)), dy_(ring(false)) {
    y_ = NormType::kOn ? ring(false) : v_;
    if (NormType::kOn) powers_ = ring(false);
    if (NormType::kOn) slopes_ = ring(false);
    if (NormType::kOn) u_ = rows_.take_zeroed(), dx_ = rows_.take();
    incoming_ = rows_.take();
  }

  // Without pooling: pixels are independent.
  void pixels(int64_t begin, int64_t end) {
    for_blocks(plan_, end - begin, [&](int64_t first, int64_t pixels) {
      const int64_t pixel = begin + first;
      open_block(pixel, pixels, 0, 0);
      load_row<false, &Tower::joined, S>(plan_, &joined_, pixel, pixels, dy_[0]);
      retire_block(pixel, pixels, 0, 0);
    });
  }

  // With pooling: rows of the maps. Every window that touches them is routed, so rows
  // of neighbouring bands may be opened too, but only the band's own rows are stored.
  void map_rows(int64_t image, int64_t first, int64_t last) {
    image_ = image, first_ = first, last_ = last;
    const int64_t begin = first_window(), end = last_window();
    const int64_t top = begin * plan_.stride_height;
    opened_ = retired_ = begin < end && top < first ? top : first;
    for (int64_t out = begin; out < end; ++out) {
      const int64_t window = out * plan_.stride_height;
      retire_until(window);
      open_until(window + plan_.pool_height);
      route_row(out, window);
    }
    retire_until(last);
  }

 private:
  Ring<A> ring(bool zeroed) {
    const int64_t size = plan_.pooling ? plan_.pool_height : 1;
    Ring<A> ring{nullptr, plan_.row_stride, size};
    for (int64_t row = 0; row < size; ++row) {
      A* taken = zeroed ? rows_.take_zeroed() : rows_.take();
      if (row == 0) ring.first = taken;
    }
    return ring;
  }

  // The windows that touch rows first_ ... last_ - 1. Window `out` covers pool_height
  // rows from out * stride_height on.
  int64_t first_window() const {
    const int64_t before = first_ - plan_.pool_height;
    return before < 0 ? 0 : before / plan_.stride_height + 1;
  }
  int64_t last_window() const {
    const int64_t end = (last_ - 1) / plan_.stride_height + 1;
    return end < plan_.out_height ? end : plan_.out_height;
  }

  int64_t pixel_of(int64_t row) const {
    return (image_ * plan_.height + row) * plan_.width;
  }

  // The forward pass over `count` pixels, stored from element `at` of ring row `row`.
  void open_block(int64_t pixel, int64_t count, int64_t row, int64_t at) {
    load_maps<S>(plan_, maps_, pixel, count, v_[row] + at);
    if constexpr (NormType::kOn) {
      for_tensors<S>(plan_, maps_, pixel + count, count * plan_.pixel,
                     [&](int64_t first, int64_t elements, const S* upcoming) {
                       const int64_t i = at + first;
                       normalise_keeping<A, typename NormType::Power,
                                         typename NormType::Window>(
                           plan_, v_[row] + i, elements, y_[row] + i,
                           powers_[row] + i, slopes_[row] + i, upcoming);
                     });
    }
  }

  void open_row(int64_t row) {
    for_blocks(plan_, plan_.width, [&](int64_t first, int64_t pixels) {
      open_block(pixel_of(row) + first, pixels, row, first * plan_.pixel);
    });
    memset(dy_[row], 0,
           static_cast<size_t>(plan_.width * plan_.pixel) * sizeof(A));
  }

  void open_until(int64_t end) {
    for (; opened_ < end; ++opened_) open_row(opened_);
  }

  void route_row(int64_t out, int64_t window) {
    const int64_t pixel = (image_ * plan_.out_height + out) * plan_.out_width;
    load_row<false, &Tower::joined, S>(plan_, &joined_, pixel, plan_.out_width,
                                       incoming_);
    route<A, Extent>(plan_, y_, incoming_, window, dy_);
  }

  // Computes the gradient of the maps from the gradient of y, and stores it.
  void retire_block(int64_t pixel, int64_t count, int64_t row, int64_t at) {
    const int64_t elements = count * plan_.pixel;
    A* dy = dy_[row] + at;
    if (plan_.relu_last) mask(y_[row] + at, elements, dy);
    if constexpr (NormType::kOn) {
      flow(v_[row] + at, slopes_[row] + at, dy, elements, u_);
      for_tensors<S>(plan_, gradients_, pixel, elements,
                     [&](int64_t first, int64_t part, const S* upcoming) {
                       through_norm(row, at, first, part, upcoming);
                     });
      dy = dx_;
    } else if (plan_.relu_first) {
      mask(v_[row] + at, elements, dy);
    }
    store_row<false, &Tower::map, S>(plan_, dy, pixel, count, gradients_);
  }

  // The result goes to dx_ and not over dy, because the last vector reaches into the
  // next block.
  void through_norm(int64_t row, int64_t at, int64_t first, int64_t elements,
                    const S* upcoming) {
    using Window = typename NormType::Window;
    const A* v = v_[row] + at + first;
    const A* powers = powers_[row] + at + first;
    const A* dy = dy_[row] + at + first;
    const auto gather_it =
        plan_.relu_first ? gather<true, A, Window, S> : gather<false, A, Window, S>;
    gather_it(plan_, v, powers, u_ + first, dy, elements, dx_ + first, upcoming);
  }

  void retire_row(int64_t row) {
    for_blocks(plan_, plan_.width, [&](int64_t first, int64_t pixels) {
      retire_block(pixel_of(row) + first, pixels, row, first * plan_.pixel);
    });
  }

  void retire_until(int64_t end) {
    for (; retired_ < end; ++retired_) {
      open_until(retired_ + 1);
      if (retired_ >= first_ && retired_ < last_) retire_row(retired_);
    }
  }

  const Plan& plan_;
  const void* const* maps_;
  const void* joined_;
  void* const* gradients_;
  Rows<A> rows_;
  Ring<A> v_, dy_, y_, powers_, slopes_;
  A *u_, *dx_;
  A* incoming_;
  int64_t image_, first_, last_, opened_, retired_;
};

template <class S, class NormType, class Extent>
void gradient_band(const Plan& plan, const void* const* maps, const void* joined,
                   void* const* map_gradients, const Band& band, void* scratch) {
  Gradient<S, NormType, Extent> gradient(plan, maps, joined, map_gradients,
                                         scratch);
  if (plan.pooling) {
    gradient.map_rows(band.image, band.first, band.last);
  } else {
    gradient.pixels(band.first, band.last);
  }
}

}  // namespace KERAS_ALEXNET_LEVEL
}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_KERNELS_GRADIENT_H_
