// The outputs' shapes, as far as they are known before the op runs.

#ifndef KERAS_ALEXNET_ADAPTER_SHAPES_H_
#define KERAS_ALEXNET_ADAPTER_SHAPES_H_

#include "adapter/tensorflow_c_api.h"

namespace keras_alexnet {

void infer_joined_shape(TF_ShapeInferenceContext* context, TF_Status* status);
void infer_map_shapes(TF_ShapeInferenceContext* context, TF_Status* status);
void infer_dense_shape(TF_ShapeInferenceContext* context, TF_Status* status);
void infer_state_shapes(TF_ShapeInferenceContext* context, TF_Status* status);

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_ADAPTER_SHAPES_H_
