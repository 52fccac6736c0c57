// The seam between two layers of the two-tower network: ReLU, local response
// normalisation within each tower, overlapping max pooling and the joining of
// the towers, in one pass over maps laid out [batch, height, width, channels].
// Nothing here knows TensorFlow.

#ifndef KERAS_ALEXNET_CORE_SEAM_H_
#define KERAS_ALEXNET_CORE_SEAM_H_

#include <cstdint>
#include <string>
#include <vector>

namespace keras_alexnet {

enum class DType { kFloat32, kFloat64, kFloat16, kBfloat16 };

// Local response normalisation:
//   y_f = x_f * (k + a * sum over g in window(f) of x_g^2)^(-beta),
// window(f) = f - size/2 ... f - size/2 + size - 1, clipped to the tower.
// `a` is alpha, or alpha/size where `mean` is set; the divisor stays `size` at
// the clipped ends, as in the 2012 source.
struct Lrn {
  int64_t size = 0;  // 0 switches the stage off
  double k = 2.0;
  double alpha = 1e-4;
  double beta = 0.75;
  bool mean = false;
};

// VALID max pooling; all four zero switch the stage off.
struct Pool {
  int64_t height = 0;
  int64_t width = 0;
  int64_t stride_height = 0;
  int64_t stride_width = 0;

  bool on() const { return height || width || stride_height || stride_width; }
};

// The stages of the op, without the tensors.
struct Stages {
  bool relu = true;
  bool activation_first = true;  // false: normalisation comes before the ReLU
  Lrn lrn;
  Pool pool;
};

using Shape = std::vector<int64_t>;

// One call: N tensors of one tower each, or one packed tensor of `towers` towers.
struct Request {
  DType dtype = DType::kFloat32;
  int64_t towers = 1;
  Stages stages;
  std::vector<Shape> maps;
};

// What is wrong: the message names the argument and its value. Empty if nothing is.
std::string fault_in(const Stages& stages);
std::string fault_in(const Request& request);
std::string fault_in_gradient(const Request& request, const Shape& gradient);

// The shape of the joined maps. The request must have no fault.
Shape joined_shape(const Request& request);

// The tensors, window and pool of a request, for messages.
std::string described(const Request& request);

// Both functions throw std::bad_alloc if there is not enough scratch memory, and
// std::length_error, whose message names the shapes, if its size would be 2^63 bytes or
// more. The request must have no fault. `maps` holds one pointer for each tensor. With
// empty maps there is nothing to do, and nothing is read or written.
void cross_connect(const Request& request, const void* const* maps,
                   void* joined);

// Writes one gradient for each tensor, from the op's own inputs and the gradient of
// its output; everything else is computed again. A gradient may be written into the
// memory of its map if gradient_works_in_place() returns true.
void cross_connect_gradient(const Request& request, const void* const* maps,
                            const void* gradient, void* const* map_gradients);
bool gradient_works_in_place(const Request& request);

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_SEAM_H_
