#include "adapter/shapes.h"

#include "adapter/handles.h"
#include "core/sizes.h"

namespace keras_alexnet {
namespace {

constexpr int64_t kRank = 4;
constexpr int64_t kUnknown = -1;  // InferenceContext::kUnknownDim

// The C API's functions on shapes. Each call may fail: check good() after it.
class Shapes {
 public:
  Shapes(TF_ShapeInferenceContext* context, TF_Status* status)
      : context_(context), status_(status) {}

  bool good() const { return TF_GetCode(status_) == TF_OK; }

  ShapeHandle maps(int index) const { return input(index, kRank); }

  ShapeHandle input(int index, int64_t rank) const {
    ShapeHandle any(TF_NewShapeHandle()), shape(TF_NewShapeHandle());
    TF_ShapeInferenceContextGetInput(context_, index, any.get(), status_);
    if (good()) {
      TF_ShapeInferenceContextWithRank(context_, any.get(), rank, shape.get(),
                                       status_);
    }
    return shape;
  }

  ShapeHandle batch(const ShapeHandle& shape) const { return axis(shape, 0); }

  // One axis, as a shape.
  ShapeHandle axis(const ShapeHandle& shape, int64_t index) const {
    ShapeHandle only(TF_NewShapeHandle());
    TF_ShapeInferenceContextSubshape(context_, shape.get(), index, index + 1,
                                     only.get(), status_);
    return only;
  }

  ShapeHandle appended(const ShapeHandle& shape, int64_t extent) const {
    return appended(shape, ShapeHandle(TF_ShapeInferenceContextVectorFromSize(
                               context_, static_cast<size_t>(extent))));
  }

  ShapeHandle appended(const ShapeHandle& shape, const ShapeHandle& last) const {
    ShapeHandle longer(TF_NewShapeHandle());
    TF_ShapeInferenceContextConcatenateShapes(
        context_, shape.get(), last.get(), longer.get(), status_);
    return longer;
  }

  int64_t channels(const ShapeHandle& shape) const {
    const DimensionHandle extent(TF_NewDimensionHandle());
    TF_ShapeInferenceContextDim(context_, shape.get(), kRank - 1, extent.get());
    const bool known = TF_DimensionHandleValueKnown(extent.get());
    return known ? TF_DimensionHandleValue(extent.get()) : kUnknown;
  }

  int64_t added(int64_t channels, int64_t own) const {
    if (channels == kUnknown || own == kUnknown) return kUnknown;
    try {
      return sum(channels, own);
    } catch (const TooLarge&) {
      const std::string fault = "maps must have fewer than 2^63 channels together, got " +
                                std::to_string(channels) + " and " +
                                std::to_string(own);
      TF_SetStatus(status_, TF_INVALID_ARGUMENT, fault.c_str());
      return kUnknown;
    }
  }

 private:
  TF_ShapeInferenceContext* context_;
  TF_Status* status_;
};

}  // namespace

// Height and width depend on the pool, whose attributes are integers; here the C API
// can read only attributes that are types. So height and width stay unknown, and the
// Python function adds them with an EnsureShape op.
void infer_joined_shape(TF_ShapeInferenceContext* context, TF_Status* status) {
  const Shapes shapes(context, status);
  const int64_t inputs = TF_ShapeInferenceContextNumInputs(context);
  int64_t channels = 0;
  ShapeHandle joined;
  for (int i = 0; i < inputs; ++i) {
    const ShapeHandle maps = shapes.maps(i);
    if (!shapes.good()) return;
    const int64_t own = shapes.channels(maps);
    channels = shapes.added(channels, own);
    if (!shapes.good()) return;
    if (i == 0) joined = shapes.batch(maps);
  }
  for (const int64_t extent : {kUnknown, kUnknown, channels}) {
    if (!shapes.good()) return;
    joined = shapes.appended(joined, extent);
  }
  if (!shapes.good()) return;
  TF_ShapeInferenceContextSetOutput(context, 0, joined.get(), status);
}

// [batch, in] and [in, out] give [batch, out].
void infer_dense_shape(TF_ShapeInferenceContext* context, TF_Status* status) {
  const Shapes shapes(context, status);
  const ShapeHandle x = shapes.input(0, 2);
  if (!shapes.good()) return;
  const ShapeHandle kernel = shapes.input(1, 2);
  if (!shapes.good()) return;
  const ShapeHandle batch = shapes.batch(x);
  if (!shapes.good()) return;
  const ShapeHandle out = shapes.axis(kernel, 1);
  if (!shapes.good()) return;
  const ShapeHandle y = shapes.appended(batch, out);
  if (!shapes.good()) return;
  TF_ShapeInferenceContextSetOutput(context, 0, y.get(), status);
}

// Each of the state keeps its shape. After it come what is beside, the gradient and the
// numbers.
void infer_state_shapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  const int64_t state = TF_ShapeInferenceContextNumInputs(context) - 3;
  for (int i = 0; i < state; ++i) {
    const ShapeHandle shape(TF_NewShapeHandle());
    TF_ShapeInferenceContextGetInput(context, i, shape.get(), status);
    if (TF_GetCode(status) != TF_OK) return;
    TF_ShapeInferenceContextSetOutput(context, i, shape.get(), status);
    if (TF_GetCode(status) != TF_OK) return;
  }
}

// The gradient of each map has the map's shape.
void infer_map_shapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  const Shapes shapes(context, status);
  const int64_t maps = TF_ShapeInferenceContextNumInputs(context) - 1;
  for (int i = 0; i < maps; ++i) {
    const ShapeHandle shape = shapes.maps(i);
    if (!shapes.good()) return;
    TF_ShapeInferenceContextSetOutput(context, i, shape.get(), status);
    if (!shapes.good()) return;
  }
}

}  // namespace keras_alexnet
