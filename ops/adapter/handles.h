// Owning pointers to objects of TensorFlow's C API, and errors reported to it.

#ifndef KERAS_ALEXNET_ADAPTER_HANDLES_H_
#define KERAS_ALEXNET_ADAPTER_HANDLES_H_

#include <memory>
#include <stdexcept>
#include <string>

#include "adapter/tensorflow_c_api.h"

namespace keras_alexnet {

struct Deleter {
  void operator()(TF_Status* status) const { TF_DeleteStatus(status); }
  void operator()(TF_Tensor* tensor) const { TF_DeleteTensor(tensor); }
  void operator()(TF_ShapeHandle* shape) const { TF_DeleteShapeHandle(shape); }
  void operator()(TF_DimensionHandle* dimension) const {
    TF_DeleteDimensionHandle(dimension);
  }
};

using Status = std::unique_ptr<TF_Status, Deleter>;
using Tensor = std::unique_ptr<TF_Tensor, Deleter>;
using ShapeHandle = std::unique_ptr<TF_ShapeHandle, Deleter>;
using DimensionHandle = std::unique_ptr<TF_DimensionHandle, Deleter>;

// Exceptions stay inside the library: report_failure() catches them before control
// returns to TensorFlow.
class Failure : public std::runtime_error {
 public:
  Failure(TF_Code code, const std::string& message)
      : std::runtime_error(message), code(code) {}
  const TF_Code code;
};

inline void throw_if_bad(const Status& status) {
  const TF_Code code = TF_GetCode(status.get());
  if (code != TF_OK) throw Failure(code, TF_Message(status.get()));
}

inline void refuse_if(const std::string& fault) {
  if (!fault.empty()) throw Failure(TF_INVALID_ARGUMENT, fault);
}

// Calls `work`; if that throws, calls `report(status)` with the error.
template <class Work, class Report>
void report_failure(Work work, Report report) noexcept {
  const Status status(TF_NewStatus());
  try {
    return work();
  } catch (const Failure& failure) {
    TF_SetStatus(status.get(), failure.code, failure.what());
  } catch (const std::length_error& error) {
    TF_SetStatus(status.get(), TF_INVALID_ARGUMENT, error.what());
  } catch (const std::bad_alloc&) {
    TF_SetStatus(status.get(), TF_RESOURCE_EXHAUSTED,
                 "out of memory for scratch rows");
  } catch (const std::exception& error) {
    TF_SetStatus(status.get(), TF_INTERNAL, error.what());
  }
  report(status.get());
}

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_ADAPTER_HANDLES_H_
