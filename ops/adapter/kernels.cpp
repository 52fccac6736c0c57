#include "adapter/kernels.h"

#include "adapter/attributes.h"
#include "adapter/handles.h"
#include "core/dense.h"
#include "core/planning.h"
#include "core/seam.h"
#include "core/sizes.h"
#include "core/update.h"

namespace keras_alexnet {
namespace {

// A kernel holds only its attributes; concurrent computations share it.
using Kernel = const Request;

Tensor input(TF_OpKernelContext* context, int index) {
  const Status status(TF_NewStatus());
  TF_Tensor* tensor = nullptr;
  TF_GetInput(context, index, &tensor, status.get());
  throw_if_bad(status);
  return Tensor(tensor);
}

Shape shape_of(const Tensor& tensor) {
  Shape shape;
  for (int i = 0; i < TF_NumDims(tensor.get()); ++i) {
    shape.push_back(TF_Dim(tensor.get(), i));
  }
  return shape;
}

// An input, whose data stays valid without a handle: the context owns the inputs until
// the computation ends. A handle would keep an output from using the input's memory.
struct Input {
  Input(TF_OpKernelContext* context, int index) {
    const Tensor tensor = input(context, index);
    shape = shape_of(tensor);
    data = TF_TensorData(tensor.get());
  }
  const float* floats() const { return static_cast<const float*>(data); }

  Shape shape;
  const void* data;
};

struct Maps {
  Request request;
  std::vector<const void*> data;
};

Maps read_maps(const Kernel& kernel, TF_OpKernelContext* context, int count) {
  Maps maps{kernel, {}};
  for (int i = 0; i < count; ++i) {
    const Input each(context, i);
    maps.request.maps.push_back(each.shape);
    maps.data.push_back(each.data);
  }
  refuse_if(fault_in(maps.request));
  return maps;
}

Tensor allocate(TF_OpKernelContext* context, DType dtype, const Shape& shape) {
  const Status status(TF_NewStatus());
  Tensor tensor(TF_AllocateOutput(
      context, 0, TF_ExpectedOutputDataType(context, 0), shape.data(),
      static_cast<int>(shape.size()),
      static_cast<size_t>(elements_in(shape)) * bytes_of(dtype),
      status.get()));
  throw_if_bad(status);
  return tensor;
}

// An output, in the memory of one of these inputs if nothing else uses that: these are
// the largest tensors of the network.
Tensor reuse_or_allocate(TF_OpKernelContext* context, const std::vector<int>& inputs,
                         int output, const Shape& shape) {
  const Status status(TF_NewStatus());
  int forwarded = -1;
  Tensor tensor(TF_ForwardInputOrAllocateOutput(
      context, inputs.data(), static_cast<int>(inputs.size()), output, shape.data(),
      static_cast<int>(shape.size()), &forwarded, status.get()));
  throw_if_bad(status);
  return tensor;
}

void forward(const Kernel& kernel, TF_OpKernelContext* context) {
  const Maps maps = read_maps(kernel, context, TF_NumInputs(context));
  const Shape shape = joined_shape(maps.request);
  const Tensor joined = allocate(context, kernel.dtype, shape);
  cross_connect(maps.request, maps.data.data(), TF_TensorData(joined.get()));
}

void backward(const Kernel& kernel, TF_OpKernelContext* context) {
  const int count = TF_NumInputs(context) - 1;
  const Maps maps = read_maps(kernel, context, count);
  const Input gradient(context, count);
  refuse_if(fault_in_gradient(maps.request, gradient.shape));
  std::vector<Tensor> outputs;
  std::vector<void*> data;
  const bool in_place = gradient_works_in_place(maps.request);
  for (int i = 0; i < count; ++i) {
    outputs.push_back(reuse_or_allocate(
        context, in_place ? std::vector<int>{i} : std::vector<int>{}, i,
        maps.request.maps[static_cast<size_t>(i)]));
    data.push_back(TF_TensorData(outputs.back().get()));
  }
  cross_connect_gradient(maps.request, maps.data.data(), gradient.data, data.data());
}

void multiply(const DType& dtype, TF_OpKernelContext* context) {
  const Input x(context, 0), kernel(context, 1), bias(context, 2);
  const DenseRequest request{dtype, x.shape, kernel.shape, bias.shape};
  refuse_if(fault_in(request));
  const Tensor y = allocate(context, dtype, dense_shape(request));
  dense(request, x.data, kernel.data, bias.data, TF_TensorData(y.get()));
}

// A variable owns the memory of its value, so the gradient's is what can be used again:
// for what is then assigned without a copy.
void change(const UpdateRequest& attributes, TF_OpKernelContext* context) {
  const int count = TF_NumInputs(context) - 3;
  const Input beside(context, count), gradient(context, count + 1),
      numbers(context, count + 2);
  UpdateRequest request = attributes;
  request.beside = beside.shape;
  request.gradient = gradient.shape;
  request.numbers = numbers.shape;
  std::vector<const float*> state;
  for (int i = 0; i < count; ++i) {
    const Input each(context, i);
    request.state.push_back(each.shape);
    state.push_back(each.floats());
  }
  refuse_if(fault_in(request));
  std::vector<Tensor> outputs;
  std::vector<float*> updated;
  for (int i = 0; i < count; ++i) {
    std::vector<int> own = {i};
    if (i == 0) own.push_back(count + 1);
    outputs.push_back(reuse_or_allocate(context, own, i, gradient.shape));
    updated.push_back(static_cast<float*>(TF_TensorData(outputs.back().get())));
  }
  update(request, state.data(), beside.floats(), gradient.data, numbers.floats(),
         updated.data());
}

template <class Kept, class Work>
void compute(void* kernel, TF_OpKernelContext* context, Work work) {
  report_failure([&] { work(*static_cast<const Kept*>(kernel), context); },
                 [&](TF_Status* status) {
                   TF_OpKernelContext_Failure(context, status);
                 });
}

template <class Read>
void* create(TF_OpKernelConstruction* construction, Read read) {
  void* kernel = nullptr;
  report_failure([&] { kernel = read(); },
                 [&](TF_Status* status) {
                   TF_OpKernelConstruction_Failure(construction, status);
                 });
  return kernel;
}

}  // namespace

void* create_kernel(TF_OpKernelConstruction* construction) {
  return create(construction,
                [&] { return new Request(read_attributes(construction)); });
}

void delete_kernel(void* kernel) { delete static_cast<Request*>(kernel); }

void compute_cross_connect(void* kernel, TF_OpKernelContext* context) {
  compute<Request>(kernel, context, forward);
}

void compute_cross_connect_gradient(void* kernel, TF_OpKernelContext* context) {
  compute<Request>(kernel, context, backward);
}

void* create_dense_kernel(TF_OpKernelConstruction* construction) {
  return create(construction, [&] { return new DType(read_type(construction)); });
}

void delete_dense_kernel(void* kernel) { delete static_cast<DType*>(kernel); }

void compute_dense(void* kernel, TF_OpKernelContext* context) {
  compute<DType>(kernel, context, multiply);
}

void* create_update_kernel(TF_OpKernelConstruction* construction) {
  return create(construction,
                [&] { return new UpdateRequest(read_update(construction)); });
}

void delete_update_kernel(void* kernel) { delete static_cast<UpdateRequest*>(kernel); }

void compute_update(void* kernel, TF_OpKernelContext* context) {
  compute<UpdateRequest>(kernel, context, change);
}

}  // namespace keras_alexnet
