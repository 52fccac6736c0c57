// Random requests, tensors in the four storage types, and the op run on them.

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

// Exactly as large as its numbers, so that AddressSanitizer finds reads beyond them.
using Storage = std::vector<unsigned char>;

Storage encode(DType dtype, const Numbers& numbers);
Numbers decode(DType dtype, const Storage& storage);

// The numbers after they were stored in `dtype` and read back.
Numbers rounded(DType dtype, const Numbers& numbers);

std::string describe(const Request& request);

using Random = std::mt19937;

int64_t between(Random& random, int64_t least, int64_t most);
Numbers normal_numbers(Random& random, int64_t count, double deviation);

// Any stages; 1 to 4 towers, packed or as separate maps of any widths; small maps.
Request random_request(Random& random, DType dtype, int64_t most_channels);
std::vector<Numbers> random_maps(Random& random, const Request& request,
                                 double deviation);

// Runs the op: takes and returns numbers, which are stored in the request's type.
Numbers run_forward(const Request& request, const std::vector<Numbers>& maps);
std::vector<Numbers> run_gradient(const Request& request,
                                  const std::vector<Numbers>& maps,
                                  const Numbers& gradient);

// The largest difference divided by the largest expected magnitude. It is infinite if
// NaN and infinities are not at the same positions in both.
double relative_error(const Numbers& found, const Numbers& expected);

// Calls the body once for each instruction set that this processor supports.
void on_every_level(const std::function<void()>& body);

}  // namespace testing
}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_TESTS_CASES_H_
