// A node's attributes, read once when its kernel is made.

#ifndef KERAS_ALEXNET_ADAPTER_ATTRIBUTES_H_
#define KERAS_ALEXNET_ADAPTER_ATTRIBUTES_H_

#include <vector>

#include "adapter/handles.h"
#include "core/seam.h"
#include "core/update.h"

namespace keras_alexnet {

constexpr char kTypeSpec[] = "T: {half, bfloat16, float, double}";

// The attribute of `kTypeSpec`, which is the dense op's only one.
DType read_type(TF_OpKernelConstruction* construction);

// The attributes of the update: a request without shapes. Throws Failure if there is no
// such rule.
UpdateRequest read_update(TF_OpKernelConstruction* construction);

// The attributes of both ops of the seam, in the syntax of op definitions. TensorFlow's
// float attributes are float32, too coarse for float64 maps, so the three constants are
// decimal text: "0.0001". Python's repr() of a float can be read back exactly.
const std::vector<const char*>& attribute_specs();

// A request without its maps. Throws Failure if an attribute is wrong.
Request read_attributes(TF_OpKernelConstruction* construction);

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_ADAPTER_ATTRIBUTES_H_
