// Opening a key for this thread, for as long as a scope lasts.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/arch/pku.h"

namespace pageward::keys {

/// Changes what this thread may do with one key and puts that back as it was. Of the register only
/// the two bits of the key are kept meanwhile: a whole one, written from memory, could open
/// anything.
///
/// Belongs to the thread and the scope that made it; scopes nest. Without a key (a machine that has
/// none) it does nothing.
class AccessScope {
 public:
  AccessScope(std::optional<arch::Pkey> key, arch::KeyAccess access) {
    if (key) {
      const arch::Pkru rights = arch::ReadPkru();
      field_ = std::uint32_t{3} << (2 * key->value());
      before_ = rights.value() & field_;
      arch::WritePkru(rights.With(*key, access));
    }
  }
  ~AccessScope() {
    if (field_ != 0) {
      arch::WritePkru(arch::Pkru((arch::ReadPkru().value() & ~field_) | (before_ & field_)));
    }
  }
  AccessScope(const AccessScope&) = delete;
  AccessScope& operator=(const AccessScope&) = delete;

 private:
  std::uint32_t field_ = 0;  // The bits of the key; none without one.
  std::uint32_t before_ = 0;
};

}  // namespace pageward::keys
