#include "tests/cases.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/isa.h"
#include "core/planning.h"
#include "tests/check.h"

namespace keras_alexnet {
namespace testing {
namespace {

// Rounds to `bits` of fraction, exponents from `least` on, ties to even.
double round_to(double x, int bits, int least) {
  if (x == 0 || !std::isfinite(x)) return x;
  const int exponent = std::max(std::ilogb(x), least);
  return std::ldexp(std::nearbyint(std::ldexp(x, bits - exponent)),
                    exponent - bits);
}

uint16_t half_bits(double x) {
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  if (std::isnan(x)) return 0x7e00;
  x = std::fabs(round_to(x, 10, -14));
  if (x >= 65536) return sign | 0x7c00;
  if (x < std::ldexp(1, -14)) {
    return static_cast<uint16_t>(sign | static_cast<int>(std::ldexp(x, 24)));
  }
  const int exponent = std::ilogb(x);
  const int fraction = static_cast<int>(std::ldexp(x, 10 - exponent)) - 1024;
  return static_cast<uint16_t>(sign | (exponent + 15) << 10 | fraction);
}

double half_value(uint16_t bits) {
  const double sign = bits & 0x8000 ? -1 : 1;
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent == 31) return fraction ? std::nan("") : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

uint16_t bfloat16_bits(double x) {
  const float value = static_cast<float>(round_to(x, 7, -126));
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>(bits >> 16);
}

double bfloat16_value(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class T, class Convert>
Storage stored(const Numbers& numbers, Convert convert) {
  Storage storage(numbers.size() * sizeof(T));
  for (size_t i = 0; i < numbers.size(); ++i) {
    const T value = convert(numbers[i]);
    std::memcpy(&storage[i * sizeof(T)], &value, sizeof value);
  }
  return storage;
}

template <class T, class Convert>
Numbers unstored(const Storage& storage, Convert convert) {
  Numbers numbers(storage.size() / sizeof(T));
  for (size_t i = 0; i < numbers.size(); ++i) {
    T value;
    std::memcpy(&value, &storage[i * sizeof(T)], sizeof value);
    numbers[i] = convert(value);
  }
  return numbers;
}

bool coin(Random& random) { return between(random, 0, 1) == 1; }

Stages random_stages(Random& random) {
  Stages stages;
  stages.relu = coin(random);
  stages.activation_first = coin(random);
  stages.lrn.size = between(random, 0, 9);
  stages.lrn.mean = coin(random);
  const double betas[] = {0.75, 0.75, 0.5, 1.3};
  stages.lrn.beta = betas[between(random, 0, 3)];
  stages.lrn.k = coin(random) ? 2 : 1;
  stages.lrn.alpha = coin(random) ? 1e-4 : 0.02;
  if (coin(random)) return stages;
  stages.pool = {between(random, 1, 4), between(random, 1, 4),
                 between(random, 1, 3), between(random, 1, 3)};
  if (coin(random)) stages.pool = {3, 3, 2, 2};
  return stages;
}

std::vector<const void*> pointers(const std::vector<Storage>& tensors) {
  std::vector<const void*> data;
  for (const Storage& storage : tensors) data.push_back(storage.data());
  return data;
}

std::vector<Storage> encode_all(DType dtype, const std::vector<Numbers>& maps) {
  std::vector<Storage> tensors;
  for (const Numbers& numbers : maps) tensors.push_back(encode(dtype, numbers));
  return tensors;
}

}  // namespace

Storage encode(DType dtype, const Numbers& numbers) {
  switch (dtype) {
    case DType::kFloat64:
      return stored<double>(numbers, [](double x) { return x; });
    case DType::kFloat16: return stored<uint16_t>(numbers, half_bits);
    case DType::kBfloat16: return stored<uint16_t>(numbers, bfloat16_bits);
    default:
      return stored<float>(numbers,
                           [](double x) { return static_cast<float>(x); });
  }
}

Numbers decode(DType dtype, const Storage& storage) {
  switch (dtype) {
    case DType::kFloat64:
      return unstored<double>(storage, [](double x) { return x; });
    case DType::kFloat16: return unstored<uint16_t>(storage, half_value);
    case DType::kBfloat16: return unstored<uint16_t>(storage, bfloat16_value);
    default: return unstored<float>(storage, [](float x) { return double(x); });
  }
}

Numbers rounded(DType dtype, const Numbers& numbers) {
  return decode(dtype, encode(dtype, numbers));
}

std::string describe(const Request& request) {
  const Stages& s = request.stages;
  std::string text = "dtype " + std::to_string(static_cast<int>(request.dtype)) +
                     " towers " + std::to_string(request.towers) + " relu " +
                     std::to_string(s.relu) + " first " +
                     std::to_string(s.activation_first) + " lrn " +
                     std::to_string(s.lrn.size) + " k " +
                     std::to_string(s.lrn.k) + " alpha " +
                     std::to_string(s.lrn.alpha) + " beta " +
                     std::to_string(s.lrn.beta) + " mean " +
                     std::to_string(s.lrn.mean) + " pool " +
                     std::to_string(s.pool.height) + "x" +
                     std::to_string(s.pool.width) + "/" +
                     std::to_string(s.pool.stride_height) + "x" +
                     std::to_string(s.pool.stride_width) + " maps";
  for (const Shape& shape : request.maps) {
    text += " [";
    for (const int64_t extent : shape) text += " " + std::to_string(extent);
    text += " ]";
  }
  return text;
}

int64_t between(Random& random, int64_t least, int64_t most) {
  return std::uniform_int_distribution<int64_t>(least, most)(random);
}

Numbers normal_numbers(Random& random, int64_t count, double deviation) {
  std::normal_distribution<double> normal(0, deviation);
  Numbers numbers(static_cast<size_t>(count));
  for (double& number : numbers) number = normal(random);
  return numbers;
}

Request random_request(Random& random, DType dtype, int64_t most_channels) {
  Request request;
  request.dtype = dtype;
  request.stages = random_stages(random);
  request.towers = between(random, 1, 4);
  const Pool& pool = request.stages.pool;
  const Shape shape = {between(random, 0, 3),
                       between(random, std::max<int64_t>(pool.height, 1), 8),
                       between(random, std::max<int64_t>(pool.width, 1), 8), 0};
  const bool packed = coin(random);
  const int64_t channels = between(random, 1, most_channels);
  request.maps.assign(packed ? 1 : static_cast<size_t>(request.towers), shape);
  for (Shape& map : request.maps) {
    map[3] = packed ? channels / request.towers * request.towers
                    : between(random, 1, most_channels / request.towers + 1);
  }
  return request;
}

std::vector<Numbers> random_maps(Random& random, const Request& request,
                                 double deviation) {
  std::vector<Numbers> maps;
  for (const Shape& shape : request.maps) {
    maps.push_back(rounded(request.dtype,
                           normal_numbers(random, elements_in(shape), deviation)));
  }
  return maps;
}

Numbers run_forward(const Request& request, const std::vector<Numbers>& maps) {
  const std::vector<Storage> tensors = encode_all(request.dtype, maps);
  const int64_t elements = elements_in(joined_shape(request));
  Storage joined(static_cast<size_t>(elements) * bytes_of(request.dtype), 0xff);
  cross_connect(request, pointers(tensors).data(), joined.data());
  return decode(request.dtype, joined);
}

std::vector<Numbers> run_gradient(const Request& request,
                                  const std::vector<Numbers>& maps,
                                  const Numbers& gradient) {
  const std::vector<Storage> tensors = encode_all(request.dtype, maps);
  const Storage incoming = encode(request.dtype, gradient);
  std::vector<Storage> outputs;
  std::vector<void*> data;
  for (const Storage& tensor : tensors) outputs.emplace_back(tensor.size(), 0xff);
  for (Storage& output : outputs) data.push_back(output.data());
  cross_connect_gradient(request, pointers(tensors).data(), incoming.data(),
                         data.data());
  std::vector<Numbers> gradients;
  for (const Storage& output : outputs) {
    gradients.push_back(decode(request.dtype, output));
  }
  return gradients;
}

double relative_error(const Numbers& found, const Numbers& expected) {
  double largest = 0, worst = 0;
  if (found.size() != expected.size()) return INFINITY;
  for (size_t i = 0; i < found.size(); ++i) {
    if (std::isfinite(expected[i])) {
      largest = std::max(largest, std::fabs(expected[i]));
      const double difference = std::fabs(found[i] - expected[i]);
      worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
    } else if (std::isnan(expected[i]) ? !std::isnan(found[i])
                                       : found[i] != expected[i]) {
      return INFINITY;
    }
  }
  return worst == 0 ? 0 : worst / std::max(largest, 1e-30);
}

void on_every_level(const std::function<void()>& body) {
  for (const KernelTable* table : usable_kernels()) {
    const Context context(std::string("on ") + table->name);
    use_kernels(table->name);
    body();
  }
  use_kernels(usable_kernels().front()->name);
}

}  // namespace testing
}  // namespace keras_alexnet
