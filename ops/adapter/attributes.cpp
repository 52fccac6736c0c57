#include "adapter/attributes.h"

#include <cstdlib>

#include <locale.h>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

namespace keras_alexnet {
namespace {

class Attributes {
 public:
  explicit Attributes(TF_OpKernelConstruction* construction)
      : construction_(construction), status_(TF_NewStatus()) {}

  int64_t integer(const char* name) const {
    int64_t value = 0;
    TF_OpKernelConstruction_GetAttrInt64(construction_, name, &value,
                                         status_.get());
    throw_if_bad(status_);
    return value;
  }

  bool boolean(const char* name) const {
    unsigned char value = 0;
    TF_OpKernelConstruction_GetAttrBool(construction_, name, &value,
                                        status_.get());
    throw_if_bad(status_);
    return value != 0;
  }

  std::string text(const char* name) const {
    int32_t list_size = 0, size = 0;
    TF_OpKernelConstruction_GetAttrSize(construction_, name, &list_size, &size,
                                        status_.get());
    throw_if_bad(status_);
    std::string value(static_cast<size_t>(size), '\0');
    TF_OpKernelConstruction_GetAttrString(construction_, name, &value[0],
                                          value.size(), status_.get());
    throw_if_bad(status_);
    return value;
  }

  double number(const char* name) const;

  TF_DataType type(const char* name) const {
    TF_DataType value = TF_FLOAT;
    TF_OpKernelConstruction_GetAttrType(construction_, name, &value,
                                        status_.get());
    throw_if_bad(status_);
    return value;
  }

 private:
  TF_OpKernelConstruction* construction_;
  Status status_;
};

// Read in the C locale, whatever locale the process has set: a German one would
// expect "0,5" and not "0.5".
double Attributes::number(const char* name) const {
  static const locale_t c_locale = newlocale(LC_ALL_MASK, "C", locale_t());
  const std::string value = text(name);
  char* end = nullptr;
  const double number = strtod_l(value.c_str(), &end, c_locale);
  const bool whole = !value.empty() && end == value.c_str() + value.size();
  refuse_if(whole ? "" : std::string(name) + " must be a decimal number, got '" +
                             value + "'");
  return number;
}

DType dtype_of(TF_DataType type) {
  switch (type) {
    case TF_FLOAT: return DType::kFloat32;
    case TF_DOUBLE: return DType::kFloat64;
    case TF_HALF: return DType::kFloat16;
    case TF_BFLOAT16: return DType::kBfloat16;
  }
  throw Failure(TF_INVALID_ARGUMENT,
                "T must be float32, float64, float16 or bfloat16, got type " +
                    std::to_string(static_cast<int>(type)));
}

Lrn read_lrn(const Attributes& attributes) {
  Lrn lrn;
  lrn.size = attributes.integer("lrn_size");
  lrn.k = attributes.number("lrn_k");
  lrn.alpha = attributes.number("lrn_alpha");
  lrn.beta = attributes.number("lrn_beta");
  lrn.mean = attributes.boolean("lrn_mean");
  return lrn;
}

Pool read_pool(const Attributes& attributes) {
  return {attributes.integer("pool_height"), attributes.integer("pool_width"),
          attributes.integer("stride_height"),
          attributes.integer("stride_width")};
}

}  // namespace

const std::vector<const char*>& attribute_specs() {
  static const std::vector<const char*> specs = {
      "N: int >= 1",
      kTypeSpec,
      "towers: int",
      "relu: bool",
      "activation_first: bool",
      "lrn_size: int",
      "lrn_k: string",
      "lrn_alpha: string",
      "lrn_beta: string",
      "lrn_mean: bool",
      "pool_height: int",
      "pool_width: int",
      "stride_height: int",
      "stride_width: int",
  };
  return specs;
}

DType read_type(TF_OpKernelConstruction* construction) {
  return dtype_of(Attributes(construction).type("T"));
}

UpdateRequest read_update(TF_OpKernelConstruction* construction) {
  const Attributes attributes(construction);
  const std::string name = attributes.text("rule");
  UpdateRequest request;
  request.type = dtype_of(attributes.type("G"));
  const bool known = find_rule(name, request.rule);
  const char* const rules = "velocity, moved, nesterov, adam or average";
  refuse_if(known ? "" : std::string("rule must be ") + rules + ", got '" + name + "'");
  return request;
}

Request read_attributes(TF_OpKernelConstruction* construction) {
  const Attributes attributes(construction);
  Request request;
  request.dtype = dtype_of(attributes.type("T"));
  request.towers = attributes.integer("towers");
  request.stages.relu = attributes.boolean("relu");
  request.stages.activation_first = attributes.boolean("activation_first");
  request.stages.lrn = read_lrn(attributes);
  request.stages.pool = read_pool(attributes);
  refuse_if(fault_in(request.stages));
  return request;
}

}  // namespace keras_alexnet
