// Writing the program's own tables.
//
// Table pages that the program has from us carry a key of their own. Everybody may read them; a
// thread may write them inside a table scope. That key is not the metadata's: who writes tables
// can't write what the heap decides by, and the other way round.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/arch/pku.h"
#include "runtime/keys/gate.h"

namespace pageward::keys {

namespace internal {

extern constinit thread_local std::uint64_t t_table_openings;

constexpr std::uint32_t FieldOf(arch::Pkey key) {
  return 3u << (2 * key.value());
}

}  // namespace internal

/// Lets this thread write the pages of `key` while it lives, and then puts its former rights to
/// them back. Those of all other keys stay as they are.
///
/// Belongs to the thread and the scope that made it. Scopes nest; one that finds the key open
/// writes no register, so that an outer scope makes a batch of the inner ones. Without a key it
/// does nothing.
///
/// The key comes from memory. It is believed only if it is none of ours that mean something else,
/// and what has been written to the register is looked at: a scope that would open the gate traps.
class [[nodiscard]] TableScope {
 public:
  [[gnu::always_inline]] explicit TableScope(std::optional<arch::Pkey> key) {
    if (key) {
      Enter(internal::FieldOf(*key));
    }
  }
  [[gnu::always_inline]] ~TableScope() {
    if (field_ != 0) {
      Change(arch::ReadPkru(), former_);
    }
  }
  TableScope(const TableScope&) = delete;
  TableScope& operator=(const TableScope&) = delete;

 private:
  [[gnu::always_inline]] void Enter(std::uint32_t field) {
    const arch::Pkru rights = arch::ReadPkru();
    if ((rights.value() & field) == 0) {
      return;
    }
    field_ = field;
    former_ = rights.value() & field;
    Change(rights, 0);
    ++internal::t_table_openings;
  }

  [[gnu::always_inline]] void Change(arch::Pkru rights, std::uint32_t bits) const {
    const bool is_outside = !IsInsideGate();
    arch::WritePkru(internal::WithField(rights, field_, bits));
    if ((is_outside && IsInsideGate()) || field_ == internal::kDefaultKeyField) [[unlikely]] {
      __builtin_trap();
    }
  }

  std::uint32_t field_ = 0;  // 0: the register is as it was.
  std::uint32_t former_ = 0;
};

/// Gives this thread its baseline rights to the pages of `key`: to read them. Others get theirs by
/// being started by a thread that has them.
inline void AdmitToTables(arch::Pkey key) {
  arch::WritePkru(arch::ReadPkru().With(key, arch::KeyAccess::kReadOnly));
}

/// How often this thread has opened a key of tables.
inline std::uint64_t ThreadTableOpenings() {
  return internal::t_table_openings;
}

}  // namespace pageward::keys
