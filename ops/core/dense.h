// A dense layer for few rows: y = x · kernel + bias. Nothing here knows TensorFlow.

#ifndef KERAS_ALEXNET_CORE_DENSE_H_
#define KERAS_ALEXNET_CORE_DENSE_H_

#include <utility>

#include "core/seam.h"

namespace keras_alexnet {

// One call: x [rows, in], kernel [in, out], bias [out].
struct DenseRequest {
  DType dtype = DType::kFloat32;
  Shape x, kernel, bias;
};

// What is wrong: the message names the shapes. Empty if nothing is.
std::string fault_in(const DenseRequest& request);

// The shape of y. The request must have no fault.
Shape dense_shape(const DenseRequest& request);

// Reads the kernel once for each 16 rows of x. Sums are computed in float32 (float64 for
// float64), in an order that depends on nothing but the instruction set. The request must
// have no fault. Throws std::bad_alloc if there is not enough scratch memory.
void dense(const DenseRequest& request, const void* x, const void* kernel,
           const void* bias, void* y);

// The first column and the end of each band of columns, for tests.
std::vector<std::pair<int64_t, int64_t>> dense_bands(const DenseRequest& request,
                                                     int64_t width, int threads);

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_DENSE_H_
