// Whose table pages are: each is charged to the process, the kernel or the pool that caused it.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/core/check.h"
#include "runtime/core/units.h"
#include "runtime/sim/carver.h"

namespace pageward::sim {

/// Who pays for a table page.
struct AccountId {
  std::uint16_t value = 0;

  friend constexpr bool operator==(AccountId, AccountId) = default;
};

inline constexpr AccountId kNobody{0};
inline constexpr AccountId kKernelAccount{1};
inline constexpr AccountId kPoolAccount{2};
/// Processes have the accounts from here on.
inline constexpr std::uint16_t kFirstProcessAccount = 3;
inline constexpr std::size_t kAccountCount = 4096;

/// The accounts of all table pages. Thread-safe for different frames.
///
/// Invariants, checked by CheckInvariants():
///   C1  the charges of an account are the frames that say so
class TableAccounts {
 public:
  struct Memory {
    std::span<std::uint16_t> owners;   ///< By frame.
    std::span<std::uint32_t> charges;  ///< By account.

    static Memory CarveFrom(Carver& carver, FrameCount frames) {
      return Memory{carver.Take<std::uint16_t>(frames.value),
                    carver.Take<std::uint32_t>(kAccountCount)};
    }
  };

  explicit TableAccounts(const Memory& memory) : memory_(memory) {}
  TableAccounts(const TableAccounts&) = delete;
  TableAccounts& operator=(const TableAccounts&) = delete;

  AccountId OwnerOf(FrameNumber frame) const { return AccountId{memory_.owners[frame.value]}; }
  std::uint32_t charges(AccountId account) const {
    return __atomic_load_n(&memory_.charges[account.value], __ATOMIC_RELAXED);
  }

  /// Moves a frame from one account to another. kNobody is one, too: a charge comes from it and a
  /// discharge goes to it.
  ///
  /// Dies with Violation::kInvariant if the frame is not charged to `from`.
  void Move(FrameNumber frame, AccountId from, AccountId to) {
    std::uint16_t& owner = memory_.owners[frame.value];
    PW_CHECK(owner == from.value, Violation::kInvariant, frame.value);
    owner = to.value;
    Change(from, -1);
    Change(to, 1);
  }

  /// Linear in the number of frames.
  void CheckInvariants() const {
    for (std::uint16_t account = 1; account < kFirstProcessAccount; ++account) {
      CheckAccount(AccountId{account});
    }
  }
  void CheckAccount(AccountId account) const {
    std::uint32_t frames = 0;
    for (const std::uint16_t owner : memory_.owners) {
      frames += owner == account.value ? 1u : 0u;
    }
    PW_CHECK(frames == charges(account), Violation::kInvariant, account.value);
  }

 private:
  void Change(AccountId account, int by) {
    if (account != kNobody) {
      __atomic_fetch_add(&memory_.charges[account.value], static_cast<std::uint32_t>(by),
                         __ATOMIC_RELAXED);
    }
  }

  Memory memory_;
};

}  // namespace pageward::sim
