// All reasons to refuse a call. Each message names the argument and its value.

#include <cmath>
#include <cstdio>

#include "core/dense.h"
#include "core/planning.h"
#include "core/isa.h"
#include "core/seam.h"
#include "core/sizes.h"
#include "core/update.h"

namespace keras_alexnet {
namespace {

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

std::string number(int64_t value) { return std::to_string(value); }

std::string shape_text(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + std::to_string(shape[i]);
  }
  return text + "]";
}

std::string fault_in_constant(const char* name, double value) {
  if (std::isfinite(value)) return "";
  return std::string(name) + " must be a finite number, got " + number(value);
}

std::string fault_in_lrn(const Lrn& lrn) {
  if (lrn.size < 0) {
    return "lrn_size must be 0 (off) or at least 1, got " + number(lrn.size);
  }
  if (lrn.size == 0) return "";
  std::string fault = fault_in_constant("lrn_k", lrn.k);
  if (fault.empty()) fault = fault_in_constant("lrn_alpha", lrn.alpha);
  if (fault.empty()) fault = fault_in_constant("lrn_beta", lrn.beta);
  return fault;
}

std::string fault_in_extent(const char* name, int64_t value) {
  if (value >= 1) return "";
  return std::string(name) + " must be at least 1 where pooling is on, got " +
         number(value);
}

std::string fault_in_pool(const Pool& pool) {
  if (!pool.on()) return "";
  std::string fault = fault_in_extent("pool_height", pool.height);
  if (fault.empty()) fault = fault_in_extent("pool_width", pool.width);
  if (fault.empty()) fault = fault_in_extent("stride_height", pool.stride_height);
  if (fault.empty()) fault = fault_in_extent("stride_width", pool.stride_width);
  return fault;
}

std::string fault_in_rank(size_t index, const Shape& shape) {
  if (shape.size() == 4) return "";
  return "maps[" + std::to_string(index) +
         "] must have rank 4 (batch, height, width, channels), got rank " +
         std::to_string(shape.size()) + ", shape " + shape_text(shape);
}

std::string fault_in_agreement(const std::vector<Shape>& maps, size_t index) {
  const char* axes[] = {"batch", "height", "width"};
  for (int axis = 0; axis < 3; ++axis) {
    if (maps[index][axis] == maps[0][axis]) continue;
    return "maps must agree in batch, height and width; maps[" +
           std::to_string(index) + "] has " + axes[axis] + " " +
           number(maps[index][axis]) + ", maps[0] has " +
           number(maps[0][axis]);
  }
  return "";
}

std::string fault_in_maps(const std::vector<Shape>& maps) {
  if (maps.empty()) return "maps must hold at least one tensor, got none";
  for (size_t i = 0; i < maps.size(); ++i) {
    const std::string fault = fault_in_rank(i, maps[i]);
    if (!fault.empty()) return fault;
  }
  for (size_t i = 1; i < maps.size(); ++i) {
    const std::string fault = fault_in_agreement(maps, i);
    if (!fault.empty()) return fault;
  }
  return "";
}

std::string fault_in_towers(const Request& request) {
  const int64_t tensors = static_cast<int64_t>(request.maps.size());
  if (request.towers < 1) {
    return "towers must be at least 1, got " + number(request.towers);
  }
  if (tensors > 1 && request.towers != tensors) {
    return "towers must equal the number of maps where several are given, got " +
           number(request.towers) + " for " + number(tensors) + " maps";
  }
  const int64_t channels = request.maps[0][3];
  if (tensors == 1 && channels % request.towers != 0) {
    return "towers must divide the channels of the packed maps, got towers=" +
           number(request.towers) + " for " + number(channels) + " channels";
  }
  return "";
}

std::string fault_in_fit(const char* axis, int64_t window, int64_t extent) {
  if (window <= extent) return "";
  return std::string("pool_") + axis + " must not exceed the maps' " + axis +
         ", got " + number(window) + " for maps of " + axis + " " +
         number(extent);
}

std::string fault_in_fit(const Request& request) {
  const Pool& pool = request.stages.pool;
  if (!pool.on()) return "";
  const Shape& shape = request.maps[0];
  const std::string fault = fault_in_fit("height", pool.height, shape[1]);
  return fault.empty() ? fault_in_fit("width", pool.width, shape[2]) : fault;
}

std::string described(const DenseRequest& request) {
  return "x " + shape_text(request.x) + ", kernel " + shape_text(request.kernel) +
         ", bias " + shape_text(request.bias);
}

std::string described(const UpdateRequest& request) {
  std::string text = "state";
  for (const Shape& shape : request.state) text += " " + shape_text(shape);
  return text + ", beside " + shape_text(request.beside) + ", gradient " +
         shape_text(request.gradient) + ", numbers " + shape_text(request.numbers);
}

}  // namespace

std::string described(const Request& request) {
  std::string text = "maps of shape";
  for (const Shape& shape : request.maps) text += " " + shape_text(shape);
  const Pool& pool = request.stages.pool;
  text += ", lrn_size " + number(request.stages.lrn.size) + ", pool " +
          number(pool.height) + "x" + number(pool.width);
  return text;
}

std::string fault_in(const Stages& stages) {
  const std::string fault = fault_in_lrn(stages.lrn);
  return fault.empty() ? fault_in_pool(stages.pool) : fault;
}

std::string fault_in(const Request& request) {
  std::string fault = fault_in(request.stages);
  if (fault.empty()) fault = fault_in_maps(request.maps);
  if (fault.empty()) fault = fault_in_towers(request);
  if (fault.empty()) fault = fault_in_fit(request);
  if (fault.empty()) fault = fault_in_sizes(request);
  return fault;
}

std::string fault_in_gradient(const Request& request, const Shape& gradient) {
  const Shape expected = joined_shape(request);
  if (gradient == expected) return "";
  return "gradient must have the shape of the joined maps, " +
         shape_text(expected) + ", got " + shape_text(gradient);
}

std::string fault_in(const DenseRequest& request) {
  const Shape &x = request.x, &kernel = request.kernel, &bias = request.bias;
  if (x.size() != 2 || kernel.size() != 2 || bias.size() != 1 ||
      x[1] != kernel[0] || bias[0] != kernel[1]) {
    return "x must be [batch, in], kernel [in, out] and bias [out], got " +
           described(request);
  }
  const int64_t element = static_cast<int64_t>(bytes_of(request.dtype));
  try {
    for (const Shape& shape : {x, kernel, bias, dense_shape(request)}) {
      product(elements_in(shape), element);
    }
  } catch (const TooLarge&) {
    return "x, kernel, bias and their product must have fewer than 2^63 bytes, got " +
           described(request);
  }
  return "";
}

std::string fault_in(const UpdateRequest& request) {
  if (request.type != DType::kFloat32 && request.type != DType::kBfloat16) {
    return "gradient must be float32 or bfloat16";
  }
  const UpdateKernel& kernel =
      active_kernels().updates[static_cast<int>(request.rule)];
  bool fit = static_cast<int64_t>(request.state.size()) == kernel.state &&
             request.beside == request.gradient &&
             request.numbers == Shape{kernel.numbers};
  for (const Shape& shape : request.state) fit = fit && shape == request.gradient;
  if (!fit) {
    return "state must hold " + number(kernel.state) +
           " tensors of the gradient's shape, beside must have it too, and numbers "
           "must hold " +
           number(kernel.numbers) + ", got " + described(request);
  }
  try {
    product(elements_in(request.gradient), int64_t{sizeof(float)});
  } catch (const TooLarge&) {
    return "a gradient must have fewer than 2^63 bytes, got " + described(request);
  }
  return "";
}

}  // namespace keras_alexnet
