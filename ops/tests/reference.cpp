#include "tests/reference.h"

#include <algorithm>
#include <cmath>

namespace keras_alexnet {
namespace testing {
namespace {

// Numbers with their shape: [batch, height, width, channels].
struct Array {
  Shape shape;
  Numbers numbers;

  explicit Array(const Shape& shape)
      : shape(shape), numbers(static_cast<size_t>(elements_in(shape))) {}

  double& at(int64_t b, int64_t h, int64_t w, int64_t c) {
    return numbers[static_cast<size_t>(
        ((b * shape[1] + h) * shape[2] + w) * shape[3] + c)];
  }
};

Shape whole_shape(const Request& request) {
  Shape shape = request.maps[0];
  for (size_t i = 1; i < request.maps.size(); ++i) shape[3] += request.maps[i][3];
  return shape;
}

std::vector<int64_t> towers_in(const Request& request) {
  std::vector<int64_t> channels;
  for (const Shape& shape : request.maps) channels.push_back(shape[3]);
  if (request.maps.size() > 1) return channels;
  return std::vector<int64_t>(static_cast<size_t>(request.towers),
                              channels[0] / request.towers);
}

// Calls visit(b, h, w) for every pixel of a shape.
template <class Visit>
void for_pixels(const Shape& shape, Visit visit) {
  for (int64_t b = 0; b < shape[0]; ++b)
    for (int64_t h = 0; h < shape[1]; ++h)
      for (int64_t w = 0; w < shape[2]; ++w) visit(b, h, w);
}

Array join(const Request& request, const std::vector<Numbers>& maps) {
  Array whole(whole_shape(request));
  int64_t offset = 0;
  for (size_t t = 0; t < maps.size(); ++t) {
    size_t next = 0;
    const int64_t channels = request.maps[t][3];
    for_pixels(request.maps[t], [&](int64_t b, int64_t h, int64_t w) {
      for (int64_t c = 0; c < channels; ++c)
        whole.at(b, h, w, offset + c) = maps[t][next++];
    });
    offset += channels;
  }
  return whole;
}

std::vector<Numbers> split(const Request& request, Array& whole) {
  std::vector<Numbers> maps;
  int64_t offset = 0;
  for (const Shape& shape : request.maps) {
    Numbers numbers;
    for_pixels(shape, [&](int64_t b, int64_t h, int64_t w) {
      for (int64_t c = 0; c < shape[3]; ++c)
        numbers.push_back(whole.at(b, h, w, offset + c));
    });
    maps.push_back(numbers);
    offset += shape[3];
  }
  return maps;
}

void relu(Array& x) {
  for (double& value : x.numbers) value = value < 0 ? 0 : value;
}

void mask(const Array& output, Array& gradient) {
  for (size_t i = 0; i < output.numbers.size(); ++i)
    if (!(output.numbers[i] > 0)) gradient.numbers[i] = 0;
}

double scale_of(const Lrn& lrn) {
  return lrn.mean ? lrn.alpha / static_cast<double>(lrn.size) : lrn.alpha;
}

// Calls visit(f, g) for each pair of channels with g in the window of f.
template <class Visit>
void for_windows(const Request& request, Visit visit) {
  const int64_t size = request.stages.lrn.size;
  int64_t start = 0;
  for (const int64_t channels : towers_in(request)) {
    const int64_t end = start + channels;
    for (int64_t f = start; f < end; ++f)
      for (int64_t g = std::max(start, f - size / 2);
           g < std::min(end, f - size / 2 + size); ++g)
        visit(f, g);
    start = end;
  }
}

Array denominators(const Request& request, Array& x) {
  const Lrn& lrn = request.stages.lrn;
  Array d(x.shape);
  for (double& value : d.numbers) value = lrn.k;
  for_pixels(x.shape, [&](int64_t b, int64_t h, int64_t w) {
    for_windows(request, [&](int64_t f, int64_t g) {
      d.at(b, h, w, f) += scale_of(lrn) * x.at(b, h, w, g) * x.at(b, h, w, g);
    });
  });
  return d;
}

Array normalised(const Request& request, Array x) {
  const Lrn& lrn = request.stages.lrn;
  if (lrn.size == 0) return x;
  const Array d = denominators(request, x);
  for (size_t i = 0; i < d.numbers.size(); ++i)
    x.numbers[i] *= std::pow(d.numbers[i], -lrn.beta);
  return x;
}

Array norm_gradient(const Request& request, Array& x, Array& dy) {
  const Lrn& lrn = request.stages.lrn;
  if (lrn.size == 0) return dy;
  Array d = denominators(request, x), dx(x.shape);
  for (size_t i = 0; i < d.numbers.size(); ++i)
    dx.numbers[i] = dy.numbers[i] * std::pow(d.numbers[i], -lrn.beta);
  for_pixels(x.shape, [&](int64_t b, int64_t h, int64_t w) {
    for_windows(request, [&](int64_t f, int64_t g) {
      dx.at(b, h, w, g) -= 2 * scale_of(lrn) * lrn.beta * x.at(b, h, w, g) *
                           dy.at(b, h, w, f) * x.at(b, h, w, f) *
                           std::pow(d.at(b, h, w, f), -lrn.beta - 1);
    });
  });
  return dx;
}

// Calls visit(b, h, w, c, inputs), the inputs in row-major order of the window.
template <class Visit>
void for_pools(const Request& request, Array& y, Visit visit) {
  Pool pool = request.stages.pool;
  if (!pool.on()) pool = {1, 1, 1, 1};
  const Shape out = joined_shape(request);
  for_pixels(out, [&](int64_t b, int64_t h, int64_t w) {
    for (int64_t c = 0; c < out[3]; ++c) {
      std::vector<double*> window;
      for (int64_t i = 0; i < pool.height; ++i)
        for (int64_t j = 0; j < pool.width; ++j)
          window.push_back(&y.at(b, h * pool.stride_height + i,
                                 w * pool.stride_width + j, c));
      visit(b, h, w, c, window);
    }
  });
}

size_t first_largest(const std::vector<double*>& window) {
  size_t best = 0;
  for (size_t i = 1; i < window.size(); ++i) {
    const bool replaces_nan = std::isnan(*window[best]) && !std::isnan(*window[i]);
    if (*window[i] > *window[best] || replaces_nan) best = i;
  }
  return best;
}

// The input of the normalisation, and (before_pool) the input of the pooling.
Array before_norm(const Request& request, const std::vector<Numbers>& maps) {
  Array x = join(request, maps);
  if (request.stages.relu && request.stages.activation_first) relu(x);
  return x;
}

Array before_pool(const Request& request, const Array& x) {
  Array y = normalised(request, x);
  if (request.stages.relu) relu(y);
  return y;
}

}  // namespace

int64_t elements_in(const Shape& shape) {
  int64_t elements = 1;
  for (const int64_t extent : shape) elements *= extent;
  return elements;
}

Numbers reference_forward(const Request& request,
                          const std::vector<Numbers>& maps) {
  Array y = before_pool(request, before_norm(request, maps));
  Array joined(joined_shape(request));
  for_pools(request, y, [&](int64_t b, int64_t h, int64_t w, int64_t c,
                            const std::vector<double*>& window) {
    joined.at(b, h, w, c) = *window[first_largest(window)];
  });
  return joined.numbers;
}

std::vector<Numbers> reference_gradient(const Request& request,
                                        const std::vector<Numbers>& maps,
                                        const Numbers& gradient) {
  Array x = before_norm(request, maps);
  Array y = before_pool(request, x);
  Array dy(y.shape);
  size_t next = 0;
  for_pools(request, y, [&](int64_t, int64_t, int64_t, int64_t,
                            const std::vector<double*>& window) {
    const double* winner = window[first_largest(window)];
    dy.numbers[static_cast<size_t>(winner - y.numbers.data())] +=
        gradient[next++];
  });
  if (request.stages.relu) mask(y, dy);
  Array dx = norm_gradient(request, x, dy);
  if (request.stages.relu && request.stages.activation_first) mask(x, dx);
  return split(request, dx);
}

std::vector<bool> close_calls(const Request& request,
                              const std::vector<Numbers>& maps,
                              double tolerance) {
  Array y = before_pool(request, before_norm(request, maps));
  std::vector<bool> close;
  for_pools(request, y, [&](int64_t, int64_t, int64_t, int64_t,
                            const std::vector<double*>& window) {
    const double most = *window[first_largest(window)];
    bool near = false;
    for (const double* value : window)
      near |= *value != most && most - *value <= tolerance * std::fabs(most);
    close.push_back(near);
  });
  return close;
}

}  // namespace testing
}  // namespace keras_alexnet
