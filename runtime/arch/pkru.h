// The rights register of protection keys (PKRU) as a value.
//
// Two bits for each of 16 keys: access disable (AD) and write disable (WD).
// Source: Intel SDM, volume 3A, section 4.6.2.
#pragma once

#include <compare>
#include <cstdint>

#include "runtime/core/check.h"

namespace pageward::arch {

/// A protection key, 0 to 15. Key 0 is what every ordinary page carries.
class Pkey {
 public:
  static constexpr unsigned kCount = 16;

  constexpr Pkey() = default;
  explicit constexpr Pkey(unsigned value) : value_(static_cast<std::uint8_t>(value)) {
    PW_ASSERT(value < kCount);
  }

  constexpr unsigned value() const { return value_; }

  friend constexpr auto operator<=>(Pkey, Pkey) = default;

 private:
  std::uint8_t value_ = 0;
};

inline constexpr Pkey kDefaultPkey{0};

/// What a thread may do with the pages of a key.
enum class KeyAccess : std::uint8_t { kNone, kReadOnly, kReadWrite };

/// The rights of one thread for all keys.
class Pkru {
 public:
  constexpr Pkru() = default;
  explicit constexpr Pkru(std::uint32_t value) : value_(value) {}

  constexpr std::uint32_t value() const { return value_; }

  constexpr KeyAccess AccessOf(Pkey key) const {
    const std::uint32_t bits = value_ >> (2 * key.value()) & 3;
    if ((bits & kAccessDisable) != 0) {
      return KeyAccess::kNone;
    }
    return bits == kWriteDisable ? KeyAccess::kReadOnly : KeyAccess::kReadWrite;
  }

  /// Returns these rights with those of `key` replaced and every other key untouched.
  [[nodiscard]] constexpr Pkru With(Pkey key, KeyAccess access) const {
    const unsigned shift = 2 * key.value();
    return Pkru((value_ & ~(3u << shift)) | BitsFor(access) << shift);
  }

  friend constexpr bool operator==(Pkru, Pkru) = default;

 private:
  static constexpr std::uint32_t kAccessDisable = 1;
  static constexpr std::uint32_t kWriteDisable = 2;

  static constexpr std::uint32_t BitsFor(KeyAccess access) {
    switch (access) {
      case KeyAccess::kNone:
        // Linux's PKEY_DISABLE_ACCESS sets AD alone; the processor refuses writes as well.
        return kAccessDisable;
      case KeyAccess::kReadOnly:
        return kWriteDisable;
      case KeyAccess::kReadWrite:
        break;
    }
    return 0;
  }

  std::uint32_t value_ = 0;
};

/// What Linux gives a new program and every signal handler: key 0 open, the others closed.
/// Source: init_pkru_value in arch/x86/mm/pkeys.c.
inline constexpr Pkru kInitialPkru{0x55555554};

}  // namespace pageward::arch
