// Who holds which protection key.
//
// The processor has 15 keys for everybody in the process: V8, wasmtime and other libraries take
// theirs. So a key is claimed late, only when something needs it, shared by all who need the same
// rights, and never given back while a page carries it.
//
// A key is believed only after it has been seen to act: under a filter that answers for the kernel,
// protecting a page can succeed and do nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "runtime/arch/pkru.h"
#include "runtime/core/lock_rank.h"
#include "runtime/core/mutex.h"
#include "runtime/core/result.h"
#include "runtime/os/os.h"

namespace pageward::keys {

/// Whether Pageward uses protection keys at all.
enum class KeyUse : std::uint8_t { kIfPresent, kNever };

/// Claims keys of the process for Pageward's parts.
///
/// Thread-safe (lock rank kKeys). Never allocates.
class KeyBroker {
 public:
  /// What shall be protected by a key of its own; each purpose has at most one.
  enum class Purpose : std::uint8_t {
    kClosed,    ///< Pages that nobody may touch: never opened by any thread.
    kView,      ///< Views of unmapped frames: opened by the thread that looks.
    kMetadata,  ///< What the heap decides by: written inside the gate only (gate.h).
    // Further keys for views, so that threads that look at the same time need not share one.
    kSecondView,
    kThirdView,
    kTables,  ///< The program's own tables: written inside table scopes only (table_scope.h).
  };
  static constexpr unsigned kPurposeCount = 6;

  /// Keys that domains never take: for the program, its libraries, and purposes of ours that come
  /// later.
  static constexpr unsigned kKeysForOthers = 4;

  constexpr KeyBroker(os::Os& os, KeyUse use) : os_(os), use_(use) {}
  KeyBroker(const KeyBroker&) = delete;
  KeyBroker& operator=(const KeyBroker&) = delete;

  /// Returns the key of `purpose`, claiming it first if nobody has. It starts closed for every
  /// thread but for what this thread already had open.
  ///
  /// Errors: kUnsupported (no keys here, switched off, or without effect), kNoKeys, kNotPermitted.
  /// A failure is remembered: the answer stays the same for the life of the process.
  Result<arch::Pkey> KeyFor(Purpose purpose);

  /// Returns the key of `purpose` if it has been claimed. Takes no lock.
  std::optional<arch::Pkey> ClaimedKey(Purpose purpose) const;

  /// Claims one more key, for domains. It starts closed for every thread.
  ///
  /// Errors: as KeyFor(), for this call only; kNoKeys also if the process would be left with fewer
  /// than kKeysForOthers of its keys.
  Result<arch::Pkey> ClaimAnother();

  /// Number of keys that Pageward holds.
  unsigned claimed_count() const;

 private:
  // A slot is one word, so that it can be read without the lock: 0 is "not asked yet", 1 + key is a
  // claim, and kFailed + error is a refusal.
  using Slot = std::atomic<std::uint32_t>;
  static constexpr std::uint32_t kFailed = 0x100;

  static Result<arch::Pkey> Decode(std::uint32_t slot);
  Result<arch::Pkey> Claim() PW_REQUIRES(mutex_);
  bool Acts(arch::Pkey key) PW_REQUIRES(mutex_);

  os::Os& os_;
  KeyUse use_;
  Mutex mutex_{LockRank::kKeys};
  Slot slots_[kPurposeCount] = {};
  std::atomic<unsigned> others_{0};  // claimed by ClaimAnother()
};

}  // namespace pageward::keys
