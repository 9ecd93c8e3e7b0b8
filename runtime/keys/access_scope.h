// Opening a key for this thread, for as long as a scope lasts.
#pragma once

#include <optional>

#include "runtime/arch/pku.h"

namespace pageward::keys {

/// Changes what this thread may do with one key and puts the whole register back as it was.
///
/// Belongs to the thread and the scope that made it; scopes nest. Without a key (a machine that has
/// none) it does nothing.
class AccessScope {
 public:
  AccessScope(std::optional<arch::Pkey> key, arch::KeyAccess access) : has_key_(key.has_value()) {
    if (has_key_) {
      before_ = arch::ReadPkru();
      arch::WritePkru(before_.With(*key, access));
    }
  }
  ~AccessScope() {
    if (has_key_) {
      arch::WritePkru(before_);
    }
  }
  AccessScope(const AccessScope&) = delete;
  AccessScope& operator=(const AccessScope&) = delete;

 private:
  arch::Pkru before_;
  bool has_key_;
};

}  // namespace pageward::keys
