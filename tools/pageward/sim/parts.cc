#include "tools/pageward/sim/parts.h"

namespace pageward::tool {

const SimParts& Parts() {
  static constexpr SimParts kParts{};
  return kParts;
}

}  // namespace pageward::tool
