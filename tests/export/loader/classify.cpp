// Runs an export without Python, through TensorFlow's C API: the loader that
// TensorFlow Serving uses, in a session.
//
//   classify EXPORT THREADS INPUT OUTPUT OUTPUT ... -- FILE ...
//
// INPUT and OUTPUT are tensors, as "serving_default_image_bytes:0"; the files' bytes
// are one batch. THREADS is that of the session's pool for ops, 0 for its default.
// Prints a line for each output and picture, its values between tabs.

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tensorflow/c/c_api.h"

namespace {

void Check(const TF_Status* status, const char* what) {
  if (TF_GetCode(status) == TF_OK) return;
  std::fprintf(stderr, "%s: %s\n", what, TF_Message(status));
  std::exit(1);
}

std::string Read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TF_Output Find(TF_Graph* graph, const std::string& tensor) {
  const size_t colon = tensor.rfind(':');
  TF_Operation* op =
      TF_GraphOperationByName(graph, tensor.substr(0, colon).c_str());
  if (op == nullptr) {
    std::fprintf(stderr, "there is no %s\n", tensor.c_str());
    std::exit(1);
  }
  return {op, std::atoi(tensor.c_str() + colon + 1)};
}

TF_Tensor* Strings(const std::vector<std::string>& values) {
  const int64_t size = static_cast<int64_t>(values.size());
  TF_Tensor* tensor =
      TF_AllocateTensor(TF_STRING, &size, 1, size * sizeof(TF_TString));
  auto* strings = static_cast<TF_TString*>(TF_TensorData(tensor));
  for (size_t i = 0; i < values.size(); ++i) {
    TF_StringInit(&strings[i]);
    TF_StringCopy(&strings[i], values[i].data(), values[i].size());
  }
  return tensor;
}

void Print(const char* name, const TF_Tensor* tensor) {
  const int64_t rows = TF_Dim(tensor, 0);
  const int64_t columns = TF_NumDims(tensor) > 1 ? TF_Dim(tensor, 1) : 1;
  const void* data = TF_TensorData(tensor);
  for (int64_t i = 0; i < rows * columns; ++i) {
    if (i % columns == 0) std::printf("%s", name);
    switch (TF_TensorType(tensor)) {
      case TF_STRING: {
        const auto* string = static_cast<const TF_TString*>(data) + i;
        std::printf("\t%.*s", static_cast<int>(TF_StringGetSize(string)),
                    TF_StringGetDataPointer(string));
        break;
      }
      case TF_FLOAT:
        std::printf("\t%.9g", static_cast<const float*>(data)[i]);
        break;
      default:
        std::printf("\t%d", static_cast<const unsigned char*>(data)[i]);
    }
    if (i % columns == columns - 1) std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> names, pictures;
  int at = 4;
  for (; at < argc && std::string(argv[at]) != "--"; ++at)
    names.push_back(argv[at]);
  for (++at; at < argc; ++at) pictures.push_back(Read(argv[at]));

  TF_Status* status = TF_NewStatus();
  TF_Graph* graph = TF_NewGraph();
  TF_SessionOptions* options = TF_NewSessionOptions();
  // ConfigProto.inter_op_parallelism_threads is field 5, a varint.
  const char config[] = {5 << 3, static_cast<char>(std::atoi(argv[2]))};
  TF_SetConfig(options, config, sizeof(config), status);
  Check(status, "config");
  const char* tags[] = {"serve"};
  TF_Session* session = TF_LoadSessionFromSavedModel(
      options, nullptr, argv[1], tags, 1, graph, nullptr, status);
  Check(status, "load");

  const TF_Output input = Find(graph, argv[3]);
  TF_Tensor* batch = Strings(pictures);
  std::vector<TF_Output> outputs;
  for (const std::string& name : names) outputs.push_back(Find(graph, name));
  std::vector<TF_Tensor*> values(outputs.size());
  TF_SessionRun(session, nullptr, &input, &batch, 1, outputs.data(),
                values.data(), static_cast<int>(outputs.size()), nullptr, 0,
                nullptr, status);
  Check(status, "run");
  for (size_t i = 0; i < values.size(); ++i) Print(names[i].c_str(), values[i]);
  TF_CloseSession(session, status);
  Check(status, "close");
  return 0;
}
