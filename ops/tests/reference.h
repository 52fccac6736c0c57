// The op computed from its formula, in float64, one number at a time.

#ifndef KERAS_ALEXNET_TESTS_REFERENCE_H_
#define KERAS_ALEXNET_TESTS_REFERENCE_H_

#include <vector>

#include "core/seam.h"

namespace keras_alexnet {
namespace testing {

using Numbers = std::vector<double>;

int64_t elements_in(const Shape& shape);

Numbers reference_forward(const Request& request,
                          const std::vector<Numbers>& maps);

std::vector<Numbers> reference_gradient(const Request& request,
                                        const std::vector<Numbers>& maps,
                                        const Numbers& gradient);

// For each output, whether the two largest different values of its window differ by at
// most `tolerance` times the larger: there rounding decides which is the maximum.
std::vector<bool> close_calls(const Request& request,
                              const std::vector<Numbers>& maps,
                              double tolerance);

}  // namespace testing
}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_TESTS_REFERENCE_H_
