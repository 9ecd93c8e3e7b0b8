#include "runtime/keys/table_scope.h"

namespace pageward::keys::internal {

constinit thread_local std::uint64_t t_table_openings = 0;

}  // namespace pageward::keys::internal
