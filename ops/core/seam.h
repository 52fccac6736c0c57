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

// What the op does, apart from the tensors it does it to.
struct Stages {
  bool relu = true;
  bool activation_first = true;  // false: normalisation comes before the ReLU
  Lrn lrn;
  Pool pool;
};

using Shape = std::vector<int64_t>;

// One call: N tensors of one tower each, or one tensor packing `towers` towers.
struct Request {
  DType dtype = DType::kFloat32;
  int64_t towers = 1;
  Stages stages;
  std::vector<Shape> maps;
};

// What is wrong, naming the argument and what came; empty if nothing is.
std::string fault_in(const Stages& stages);
std::string fault_in(const Request& request);
std::string fault_in_gradient(const Request& request, const Shape& gradient);

// The shape of the joined maps. The request must be free of faults.
Shape joined_shape(const Request& request);

// Both may throw std::bad_alloc for want of scratch memory. The request must be
// free of faults. `maps` holds one pointer a tensor.
void cross_connect(const Request& request, const void* const* maps,
                   void* joined);

// Writes one gradient a tensor, from the op's own inputs and the gradient of
// its output: whatever else it needs it computes again. An output may be the
// very memory of its map where gradient_works_in_place() says so.
void cross_connect_gradient(const Request& request, const void* const* maps,
                            const void* gradient, void* const* map_gradients);
bool gradient_works_in_place(const Request& request);

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_SEAM_H_
