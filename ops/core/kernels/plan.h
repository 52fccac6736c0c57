// What the kernels receive: plain numbers and pointers, the same for every instruction
// set. It uses nothing of the standard library: an inline function of it could be
// compiled for AVX-512, and the linker could then use that copy for every processor.

#ifndef KERAS_ALEXNET_CORE_KERNELS_PLAN_H_
#define KERAS_ALEXNET_CORE_KERNELS_PLAN_H_

#include <stdint.h>

namespace keras_alexnet {

// Where a tower's channels are in a dense tensor.
struct Place {
  int64_t tensor;  // index into the array of tensors
  int64_t offset;  // of the tower's first channel in a pixel
  int64_t stride;  // elements from pixel to pixel
};

struct Tower {
  int64_t channels;
  int64_t slot;  // where its channels start in a pixel of scratch
  Place map;     // in the op's inputs
  Place joined;  // in the op's output
};

// Scratch memory holds pixels in accumulator type, each tower followed by `gap` zeros.
// A gap is the right border of its tower and the left border of the next. So the
// windowed sum needs no special case at the ends of a tower, and no window reaches
// into another tower.
struct Plan {
  int64_t batch, height, width;
  int64_t out_height, out_width;
  bool relu_first, relu_last;

  bool normalise;
  int64_t below, above;  // the window covers f - below ... f + above
  double k, scale, beta;

  bool pooling;
  int64_t pool_height, pool_width, stride_height, stride_width;

  const Tower* towers;
  int64_t tower_count;
  int64_t pixel;        // scratch elements of a pixel: channels and gaps
  int64_t block;        // pixels worked on at a time, while they are in cache
  int64_t row_stride;   // elements from scratch row to scratch row
  int64_t margin;       // zeros before a row's first pixel
};

// A part of the work. With pooling: rows first ... last-1 of one image, of the output
// in the forward pass and of the maps in the gradient. Without: pixels of the batch.
struct Band {
  int64_t image;
  int64_t first, last;
};

// How many elements beyond the last pixel of a row a full vector may read or write;
// they are zeros. The widest vector has 16 floats.
constexpr int64_t kOverrun = 16;

struct Kernel {
  void (*forward)(const Plan&, const void* const* maps, void* joined,
                  const Band&, void* scratch);
  void (*gradient)(const Plan&, const void* const* maps, const void* joined,
                   void* const* map_gradients, const Band&, void* scratch);
};

// How many rows of scratch memory a kernel uses: rings as high as the pool, of one row
// without pooling, and some more rows.
struct ScratchRows {
  int64_t rings, more;
};
constexpr ScratchRows kForwardRows = {1, 2};
constexpr ScratchRows kGradientRows = {5, 3};

// y = x · kernel + bias, all dense: x [rows, in], kernel [in, out], bias [out].
struct DensePlan {
  int64_t rows, in, out;
  const void* x;
  const void* kernel;
  const void* bias;
  void* y;
};

// Rows of x for which a kernel is read once; for more it is read again.
constexpr int64_t kDenseRows = 16;

// Computes columns first ... last-1 of y. `width` columns are worked on at a time: there
// are at least so many, or all of y. The scratch memory has kDenseRows or `rows` sums,
// the fewer, for each column, in accumulator type, up to the next multiple of `width`.
struct DenseKernel {
  void (*run)(const DensePlan&, int64_t first, int64_t last, void* scratch);
  int64_t width;
};

// Tensors of the same number of elements; those of `updated` may be the same memory as
// those that are read.
struct UpdatePlan {
  const float* const* state;
  const float* beside;
  const void* gradient;
  const float* numbers;
  float* const* updated;
};

// Computes elements first ... last-1, with a gradient in float32 or in bfloat16. `state`
// tensors are updated, by `numbers` numbers, the last of which says whether to do it at
// all.
struct UpdateKernel {
  using Run = void (*)(const UpdatePlan&, int64_t first, int64_t last);
  Run wide, narrow;
  int64_t state, numbers;
};

constexpr int kUpdateRules = 5;

struct KernelTable {
  const char* name;
  Kernel kernels[4];                   // by DType
  DenseKernel dense[4];                // by DType
  UpdateKernel updates[kUpdateRules];  // by UpdateRule
};

const KernelTable& baseline_kernels();
const KernelTable& neon_kernels();
const KernelTable& avx2_kernels();
const KernelTable& avx512_kernels();
const KernelTable& avx512_bf16_kernels();

}  // namespace keras_alexnet

#endif  // KERAS_ALEXNET_CORE_KERNELS_PLAN_H_
