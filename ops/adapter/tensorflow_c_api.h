// The part of TensorFlow's C API that the library uses, declared here so that
// nothing of TensorFlow is needed to build it. Names, signatures and numbers are
// those of tensorflow/c/{kernels,ops,tf_tensor,tf_status,tf_datatype,c_api}.h,
// which TensorFlow keeps stable; compared with releases 2.15 and 2.21.
//
// build.py reads the function names from here to make the stub library that the op
// library is linked against.

#ifndef KERAS_ALEXNET_ADAPTER_TENSORFLOW_C_API_H_
#define KERAS_ALEXNET_ADAPTER_TENSORFLOW_C_API_H_

#include <cstddef>
#include <cstdint>

extern "C" {

struct TF_Status;
struct TF_Tensor;
struct TF_KernelBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
struct TF_OpDefinitionBuilder;
struct TF_ShapeHandle;
struct TF_DimensionHandle;
struct TF_ShapeInferenceContext;

// C enumerations: the ABI passes them as int.
enum TF_Code : int {
  TF_OK = 0,
  TF_INVALID_ARGUMENT = 3,
  TF_RESOURCE_EXHAUSTED = 8,
  TF_INTERNAL = 13,
};
enum TF_DataType : int {
  TF_FLOAT = 1,
  TF_DOUBLE = 2,
  TF_BFLOAT16 = 14,
  TF_HALF = 19,
};

TF_Status* TF_NewStatus();
void TF_DeleteStatus(TF_Status*);
void TF_SetStatus(TF_Status*, TF_Code, const char* message);
TF_Code TF_GetCode(const TF_Status*);
const char* TF_Message(const TF_Status*);

void TF_DeleteTensor(TF_Tensor*);
int TF_NumDims(const TF_Tensor*);
int64_t TF_Dim(const TF_Tensor*, int dim_index);
void* TF_TensorData(const TF_Tensor*);

TF_OpDefinitionBuilder* TF_NewOpDefinitionBuilder(const char* op_name);
void TF_RegisterOpDefinition(TF_OpDefinitionBuilder*, TF_Status*);
void TF_OpDefinitionBuilderAddAttr(TF_OpDefinitionBuilder*, const char* spec);
void TF_OpDefinitionBuilderAddInput(TF_OpDefinitionBuilder*, const char* spec);
void TF_OpDefinitionBuilderAddOutput(TF_OpDefinitionBuilder*, const char* spec);
void TF_OpDefinitionBuilderSetShapeInferenceFunction(
    TF_OpDefinitionBuilder*,
    void (*function)(TF_ShapeInferenceContext*, TF_Status*));

int64_t TF_ShapeInferenceContextNumInputs(TF_ShapeInferenceContext*);
TF_ShapeHandle* TF_NewShapeHandle();
void TF_DeleteShapeHandle(TF_ShapeHandle*);
void TF_ShapeInferenceContextGetInput(TF_ShapeInferenceContext*, int index,
                                      TF_ShapeHandle*, TF_Status*);
void TF_ShapeInferenceContextSetOutput(TF_ShapeInferenceContext*, int index,
                                       TF_ShapeHandle*, TF_Status*);
void TF_ShapeInferenceContextWithRank(TF_ShapeInferenceContext*,
                                      TF_ShapeHandle*, int64_t rank,
                                      TF_ShapeHandle* result, TF_Status*);
TF_ShapeHandle* TF_ShapeInferenceContextVectorFromSize(
    TF_ShapeInferenceContext*, size_t size);
void TF_ShapeInferenceContextSubshape(TF_ShapeInferenceContext*,
                                      TF_ShapeHandle*, int64_t start,
                                      int64_t end, TF_ShapeHandle* result,
                                      TF_Status*);
void TF_ShapeInferenceContextConcatenateShapes(TF_ShapeInferenceContext*,
                                               TF_ShapeHandle* first,
                                               TF_ShapeHandle* second,
                                               TF_ShapeHandle* result,
                                               TF_Status*);
TF_DimensionHandle* TF_NewDimensionHandle();
void TF_DeleteDimensionHandle(TF_DimensionHandle*);
void TF_ShapeInferenceContextDim(TF_ShapeInferenceContext*, TF_ShapeHandle*,
                                 int64_t index, TF_DimensionHandle* result);
int TF_DimensionHandleValueKnown(TF_DimensionHandle*);
int64_t TF_DimensionHandleValue(TF_DimensionHandle*);

TF_KernelBuilder* TF_NewKernelBuilder(
    const char* op_name, const char* device_name,
    void* (*create)(TF_OpKernelConstruction*),
    void (*compute)(void* kernel, TF_OpKernelContext*),
    void (*destroy)(void* kernel));
void TF_KernelBuilder_TypeConstraint(TF_KernelBuilder*, const char* attr_name,
                                     TF_DataType, TF_Status*);
void TF_RegisterKernelBuilder(const char* kernel_name, TF_KernelBuilder*,
                              TF_Status*);

void TF_OpKernelConstruction_Failure(TF_OpKernelConstruction*, TF_Status*);
void TF_OpKernelConstruction_GetAttrSize(TF_OpKernelConstruction*,
                                         const char* attr_name,
                                         int32_t* list_size,
                                         int32_t* total_size, TF_Status*);
void TF_OpKernelConstruction_GetAttrType(TF_OpKernelConstruction*,
                                         const char* attr_name, TF_DataType*,
                                         TF_Status*);
void TF_OpKernelConstruction_GetAttrInt64(TF_OpKernelConstruction*,
                                          const char* attr_name, int64_t*,
                                          TF_Status*);
void TF_OpKernelConstruction_GetAttrBool(TF_OpKernelConstruction*,
                                         const char* attr_name, unsigned char*,
                                         TF_Status*);
void TF_OpKernelConstruction_GetAttrString(TF_OpKernelConstruction*,
                                           const char* attr_name, char*,
                                           size_t max_length, TF_Status*);

void TF_OpKernelContext_Failure(TF_OpKernelContext*, TF_Status*);
int TF_NumInputs(TF_OpKernelContext*);
void TF_GetInput(TF_OpKernelContext*, int index, TF_Tensor**, TF_Status*);
TF_DataType TF_ExpectedOutputDataType(TF_OpKernelContext*, int index);
TF_Tensor* TF_AllocateOutput(TF_OpKernelContext*, int index, TF_DataType,
                             const int64_t* dims, int num_dims, size_t bytes,
                             TF_Status*);
TF_Tensor* TF_ForwardInputOrAllocateOutput(TF_OpKernelContext*,
                                           const int* candidates,
                                           int num_candidates, int output_index,
                                           const int64_t* dims, int num_dims,
                                           int* forwarded_input, TF_Status*);

}  // extern "C"

#endif  // KERAS_ALEXNET_ADAPTER_TENSORFLOW_C_API_H_
