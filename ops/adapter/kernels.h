// The functions of a kernel that TensorFlow calls.

#ifndef KERAS_ALEXNET_ADAPTER_KERNELS_H_
#define KERAS_ALEXNET_ADAPTER_KERNELS_H_

#include "adapter/tensorflow_c_api.h"

namespace keras_alexnet {

// Of both ops of the seam.
void* create_kernel(TF_OpKernelConstruction* construction);
void delete_kernel(void* kernel);
void compute_cross_connect(void* kernel, TF_OpKernelContext* context);
void compute_cross_connect_gradient(void* kernel, TF_OpKernelContext* context);

void* create_dense_kernel(TF_OpKernelConstruction* construction);
void delete_dense_kernel(void* kernel);
void compute_dense(void* kernel, TF_OpKernelContext* context);

void* create_update_kernel(TF_OpKernelConstruction* construction);
void delete_update_kernel(void* kernel);
void compute_update(void* kernel, TF_OpKernelContext* context);

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_ADAPTER_KERNELS_H_
