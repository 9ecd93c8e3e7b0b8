#include "runtime/frame/request.h"

namespace pageward::frame {

Status Validate(const Request& request) {
  PW_CHECK(!request.flags().HasUnknown(), Violation::kUnknownFlags, request.flags().bits());
  const Freetype type = request.freetype();
  if (!HasLists(type) || type.IsKeyed() != (request.owner() != nullptr)) {
    return Error::kInvalid;
  }
  if (type.IsKeyed() && (request.owner()->id() != type.owner || !request.owner()->IsRegistered())) {
    return Error::kInvalid;
  }
  const bool has_home = type.IsMapped() || type.IsKeyed();
  if (request.flags().Has(RequestFlag::kZeroed) && !has_home) {
    return Error::kInvalid;
  }
  return {};
}

}  // namespace pageward::frame
