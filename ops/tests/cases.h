// Random requests, tensors in the four storage types, and the ops run on them.

#ifndef KERAS_ALEXNET_TESTS_CASES_H_
#define KERAS_ALEXNET_TESTS_CASES_H_

#include <functional>
#include <random>
#include <string>

#include "tests/reference.h"

namespace keras_alexnet {
namespace testing {

constexpr DType kDTypes[] = {DType::kFloat32, DType::kFloat64, DType::kFloat16,
                             DType::kBfloat16};

// Storage just as large as its numbers, for AddressSanitizer's sake.
using Storage = std::vector<unsigned char>;

Storage encode(DType dtype, const Numbers& numbers);
Numbers decode(DType dtype, const Storage& storage);

// As they are once stored.
Numbers rounded(DType dtype, const Numbers& numbers);

std::string describe(const Request& request);

using Random = std::mt19937;

int64_t between(Random& random, int64_t least, int64_t most);
Numbers normal_numbers(Random& random, int64_t count, double deviation);

// Any stages, towers 1 to 4, even and uneven, packed or apart; not a large map.
Request random_request(Random& random, DType dtype, int64_t most_channels);
std::vector<Numbers> random_maps(Random& random, const Request& request,
                                 double deviation);

// The op itself, numbers in and numbers out.
Numbers run_forward(const Request& request, const std::vector<Numbers>& maps);
std::vector<Numbers> run_gradient(const Request& request,
                                  const std::vector<Numbers>& maps,
                                  const Numbers& gradient);

// The largest difference over the largest expected magnitude; NaN and infinities
// must stand in the same places, or it is infinite.
double relative_error(const Numbers& found, const Numbers& expected);

// Calls the body once on each set of kernels that this processor can run.
void on_every_level(const std::function<void()>& body);

}  // namespace testing
}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_TESTS_CASES_H_
