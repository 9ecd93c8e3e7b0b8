// What the simulated kernel may write at which level: protection keys for supervisor pages.
//
// A level is a constant and is entered by a scope, so that there is no function that opens a key of
// somebody's choice. Every level can read and write key 0, or exception entry could not save
// anything; keys that are not the framework's stay as they were.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/arch/x86_paging.h"
#include "runtime/core/result.h"

namespace pageward::sim {

/// Page tables: everybody reads them, who writes them says so.
inline constexpr arch::Pkey kTableKey{1};
/// Ephemeral views: closed but to whoever has one open.
inline constexpr arch::Pkey kWindowKey{2};
/// The first key that domains can have.
inline constexpr unsigned kFirstDomainKey = 3;

enum class Level : std::uint8_t {
  kDefault,
  kTables,  ///< May write page tables.
};
inline constexpr std::size_t kLevelCount = 2;

/// What every task starts with and every interrupt runs with: key 0 open, tables readable, the rest
/// closed.
constexpr arch::Pkrs DefaultRights() {
  arch::Pkrs rights(0x5555'5554);
  return rights.With(kTableKey, arch::KeyAccess::kReadOnly);
}

/// Returns `rights` at another level: the keys of the framework change, the others do not.
constexpr arch::Pkrs AtLevel(arch::Pkrs rights, Level level) {
  return rights.With(kTableKey, level == Level::kTables ? arch::KeyAccess::kReadWrite
                                                        : arch::KeyAccess::kReadOnly);
}

/// Returns the level that `rights` are those of.
constexpr Level LevelOf(arch::Pkrs rights) {
  return rights.AccessOf(kTableKey) == arch::KeyAccess::kReadWrite ? Level::kTables
                                                                   : Level::kDefault;
}

/// Hands the keys that are left out to owners of keyed memory. Externally synchronized.
class DomainKeys {
 public:
  /// Errors: kNoKeys.
  Result<arch::Pkey> Allocate() {
    for (unsigned key = kFirstDomainKey; key < arch::Pkey::kCount; ++key) {
      if ((used_ >> key & 1) == 0) {
        used_ |= 1u << key;
        return arch::Pkey(key);
      }
    }
    return Error::kNoKeys;
  }

  /// Requires: `key` was allocated, and no page carries it any more.
  void Free(arch::Pkey key) { used_ &= ~(1u << key.value()); }

 private:
  std::uint32_t used_ = 0;
};

/// Returns the key that `number` names. Errors: kInvalid above the machine's maximum.
constexpr Result<arch::Pkey> KeyOf(unsigned number) {
  if (number >= arch::Pkey::kCount) {
    return Error::kInvalid;
  }
  return arch::Pkey(number);
}

}  // namespace pageward::sim
