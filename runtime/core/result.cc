#include "runtime/core/result.h"

namespace pageward {

std::string_view NameOf(Error error) {
  switch (error) {
    case Error::kNoMemory:
      return "no memory";
    case Error::kNoAddressSpace:
      return "no address space";
    case Error::kNoFrames:
      return "no frames";
    case Error::kNoKeys:
      return "no protection keys";
    case Error::kTooManyMappings:
      return "too many mappings";
    case Error::kLimit:
      return "resource limit";
    case Error::kNotPermitted:
      return "not permitted";
    case Error::kUnsupported:
      return "unsupported";
    case Error::kWouldBlock:
      return "would block";
    case Error::kInUse:
      return "in use";
    case Error::kInvalid:
      return "invalid request";
  }
  return "unknown error";
}

}  // namespace pageward
