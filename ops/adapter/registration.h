// What the library has registered with TensorFlow.

#ifndef KERAS_ALEXNET_ADAPTER_REGISTRATION_H_
#define KERAS_ALEXNET_ADAPTER_REGISTRATION_H_

#include <string>
#include <vector>

namespace keras_alexnet {

struct Registration {
  std::vector<std::string> ops;
  std::string error;  // empty if all went well
};

// The result of the registration when the library was loaded.
const Registration& registration();

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_ADAPTER_REGISTRATION_H_
