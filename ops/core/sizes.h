// Sums and products of sizes. A caller chooses shapes and windows, and memory is
// allocated by what is computed from them, so nothing here may wrap.

#ifndef KERAS_ALEXNET_CORE_SIZES_H_
#define KERAS_ALEXNET_CORE_SIZES_H_

#include <cstdint>
#include <stdexcept>
#include <vector>

namespace keras_alexnet {

// A size of 2^63 or more. It is a std::length_error, like that of a std::vector which
// would be too long.
class TooLarge : public std::length_error {
 public:
  using std::length_error::length_error;
};

inline int64_t sum(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) throw TooLarge("a sum of sizes");
  return result;
}

inline int64_t product(int64_t a, int64_t b) {
  int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) {
    throw TooLarge("a product of sizes");
  }
  return result;
}

inline int64_t ceiling(int64_t a, int64_t b) { return a / b + (a % b != 0); }

// The smallest multiple of `b` that is not below `a`.
inline int64_t rounded_up(int64_t a, int64_t b) {
  return product(ceiling(a, b), b);
}

// Where one extent is 0 the others may be of any size, and their product too.
inline int64_t elements_in(const std::vector<int64_t>& shape) {
  int64_t elements = 1;
  for (const int64_t extent : shape) {
    if (extent == 0) return 0;
  }
  for (const int64_t extent : shape) elements = product(elements, extent);
  return elements;
}

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_SIZES_H_
