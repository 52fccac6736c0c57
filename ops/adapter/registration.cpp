// Op definitions and kernels, registered when the library is loaded. In Python the
// op "KerasAlexnet>CrossConnect" is named keras_alexnet_cross_connect.

#include "adapter/registration.h"

#include "adapter/attributes.h"
#include "adapter/handles.h"
#include "adapter/kernels.h"
#include "adapter/shapes.h"

// Counts the copies of the library in the process. On Linux the symbol is one that is
// unique in the process, even among libraries that are opened with RTLD_LOCAL, as
// TensorFlow opens them: GCC makes every inline variable one, Clang leaves it to the
// assembler. On macOS the loader unites the inline variables of all libraries.
extern "C" {
#if defined(__clang__) && defined(__ELF__)
__attribute__((visibility("default"))) extern int keras_alexnet_copies;
asm(R"(
  .data
  .p2align 2
  .type keras_alexnet_copies, %gnu_unique_object
  .size keras_alexnet_copies, 4
keras_alexnet_copies:
  .zero 4
  .text
)");
#else
__attribute__((visibility("default"))) inline int keras_alexnet_copies = 0;
#endif
}

namespace keras_alexnet {
namespace {

constexpr char kForward[] = "KerasAlexnet>CrossConnect";
constexpr char kGradient[] = "KerasAlexnet>CrossConnectGrad";
constexpr char kDense[] = "KerasAlexnet>Dense";
constexpr char kUpdate[] = "KerasAlexnet>Update";

using ShapeFunction = void (*)(TF_ShapeInferenceContext*, TF_Status*);

// The functions of an op's kernels.
struct Functions {
  void* (*create)(TF_OpKernelConstruction*);
  void (*compute)(void*, TF_OpKernelContext*);
  void (*destroy)(void*);
};

TF_OpDefinitionBuilder* definition(const char* name, ShapeFunction shapes) {
  TF_OpDefinitionBuilder* builder = TF_NewOpDefinitionBuilder(name);
  for (const char* spec : attribute_specs()) {
    TF_OpDefinitionBuilderAddAttr(builder, spec);
  }
  TF_OpDefinitionBuilderAddInput(builder, "maps: N * T");
  TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, shapes);
  return builder;
}

void define_forward() {
  TF_OpDefinitionBuilder* builder = definition(kForward, infer_joined_shape);
  TF_OpDefinitionBuilderAddOutput(builder, "joined: T");
  const Status status(TF_NewStatus());
  TF_RegisterOpDefinition(builder, status.get());
  throw_if_bad(status);
}

void define_gradient() {
  TF_OpDefinitionBuilder* builder = definition(kGradient, infer_map_shapes);
  TF_OpDefinitionBuilderAddInput(builder, "gradient: T");
  TF_OpDefinitionBuilderAddOutput(builder, "map_gradients: N * T");
  const Status status(TF_NewStatus());
  TF_RegisterOpDefinition(builder, status.get());
  throw_if_bad(status);
}

void define_dense() {
  TF_OpDefinitionBuilder* builder = TF_NewOpDefinitionBuilder(kDense);
  TF_OpDefinitionBuilderAddAttr(builder, kTypeSpec);
  for (const char* name : {"x: T", "kernel: T", "bias: T"}) {
    TF_OpDefinitionBuilderAddInput(builder, name);
  }
  TF_OpDefinitionBuilderAddOutput(builder, "y: T");
  TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, infer_dense_shape);
  const Status status(TF_NewStatus());
  TF_RegisterOpDefinition(builder, status.get());
  throw_if_bad(status);
}

void define_update() {
  TF_OpDefinitionBuilder* builder = TF_NewOpDefinitionBuilder(kUpdate);
  TF_OpDefinitionBuilderAddAttr(builder, "N: int >= 1");
  TF_OpDefinitionBuilderAddAttr(builder, "G: {float, bfloat16}");
  TF_OpDefinitionBuilderAddAttr(builder, "rule: string");
  for (const char* name :
       {"state: N * float", "beside: float", "gradient: G", "numbers: float"}) {
    TF_OpDefinitionBuilderAddInput(builder, name);
  }
  TF_OpDefinitionBuilderAddOutput(builder, "updated: N * float");
  TF_OpDefinitionBuilderSetShapeInferenceFunction(builder, infer_state_shapes);
  const Status status(TF_NewStatus());
  TF_RegisterOpDefinition(builder, status.get());
  throw_if_bad(status);
}

void add_kernel(const char* op, const Functions& of_op,
                const TF_DataType* type = nullptr) {
  const Status status(TF_NewStatus());
  TF_KernelBuilder* builder = TF_NewKernelBuilder(
      op, "CPU", of_op.create, of_op.compute, of_op.destroy);
  if (type != nullptr) {
    TF_KernelBuilder_TypeConstraint(builder, "T", *type, status.get());
    throw_if_bad(status);
  }
  TF_RegisterKernelBuilder(op, builder, status.get());
  throw_if_bad(status);
}

// A second copy, from another path, would register every kernel twice, and
// TensorFlow would refuse to choose between them. So a second copy registers nothing.
void register_all(Registration& done) {
  if (keras_alexnet_copies++ > 0) {
    throw Failure(TF_INTERNAL, "another copy of the library is loaded already");
  }
  for (const TF_DataType type : {TF_FLOAT, TF_DOUBLE, TF_HALF, TF_BFLOAT16}) {
    add_kernel(kForward, {create_kernel, compute_cross_connect, delete_kernel}, &type);
    add_kernel(kGradient,
               {create_kernel, compute_cross_connect_gradient, delete_kernel}, &type);
    add_kernel(kDense, {create_dense_kernel, compute_dense, delete_dense_kernel},
               &type);
  }
  add_kernel(kUpdate, {create_update_kernel, compute_update, delete_update_kernel});
  define_forward();
  done.ops.push_back(kForward);
  define_gradient();
  done.ops.push_back(kGradient);
  define_dense();
  done.ops.push_back(kDense);
  define_update();
  done.ops.push_back(kUpdate);
}

Registration register_on_loading() {
  Registration done;
  report_failure([&] { register_all(done); },
                 [&](TF_Status* status) { done.error = TF_Message(status); });
  return done;
}

const Registration on_loading = register_on_loading();

}  // namespace

const Registration& registration() { return on_loading; }

}  // namespace keras_alexnet
