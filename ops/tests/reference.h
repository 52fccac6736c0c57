// The op from its formula, in float64, one number at a time.

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

// For each output, whether the two largest different values of its window are
// closer than `tolerance` of the larger: there rounding decides who wins.
std::vector<bool> close_calls(const Request& request,
                              const std::vector<Numbers>& maps,
                              double tolerance);

}  // namespace testing
}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_TESTS_REFERENCE_H_
