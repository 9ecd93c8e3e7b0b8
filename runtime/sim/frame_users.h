// Who maps a frame: what compaction and copy-on-write have to know (the kernel's rmap and
// mapcount).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "runtime/core/address.h"
#include "runtime/core/bit_field.h"
#include "runtime/core/units.h"
#include "runtime/sim/carver.h"

namespace pageward::sim {

/// The number of a process, for as long as it exists.
struct ProcessNumber {
  std::uint16_t value = 0;

  friend constexpr bool operator==(ProcessNumber, ProcessNumber) = default;
};

/// One place where a frame is mapped.
struct FrameUser {
  ProcessNumber process;
  VirtAddr at;

  friend constexpr bool operator==(FrameUser, FrameUser) = default;
};

/// How often each frame is mapped, and where, if it is once. Thread-safe for different frames.
class FrameUsers {
 public:
  struct Memory {
    std::span<std::uint64_t> places;
    std::span<std::uint32_t> counts;

    static Memory CarveFrom(Carver& carver, FrameCount frames) {
      return Memory{carver.Take<std::uint64_t>(frames.value),
                    carver.Take<std::uint32_t>(frames.value)};
    }
  };

  explicit FrameUsers(const Memory& memory) : memory_(memory) {}
  FrameUsers(const FrameUsers&) = delete;
  FrameUsers& operator=(const FrameUsers&) = delete;

  std::uint32_t count(FrameNumber frame) const { return memory_.counts[frame.value]; }

  /// Notes one user more. One without a process, such as a cache, does not let the frame be moved.
  void Add(FrameNumber frame, FrameUser user) {
    ++memory_.counts[frame.value];
    const bool is_known = memory_.counts[frame.value] == 1 && user.process != ProcessNumber{};
    memory_.places[frame.value] = KnownField::Encode(is_known) |
                                  ProcessField::Encode(user.process.value) |
                                  PageField::Encode(user.at.value() >> kFrameBytesLog2);
  }

  /// Notes one user less; returns how many are left. Who is left, if it is one, is not known.
  std::uint32_t Remove(FrameNumber frame) {
    PW_CHECK(memory_.counts[frame.value] > 0, Violation::kInvariant, frame.value);
    memory_.places[frame.value] = 0;
    return --memory_.counts[frame.value];
  }

  /// Returns the only user of `frame`, if there is one and it is known.
  std::optional<FrameUser> OnlyUserOf(FrameNumber frame) const {
    const std::uint64_t word = memory_.places[frame.value];
    if (memory_.counts[frame.value] != 1 || !KnownField::Get(word)) {
      return std::nullopt;
    }
    return FrameUser{ProcessNumber{ProcessField::Get(word)},
                     VirtAddr(PageField::Get(word) << kFrameBytesLog2)};
  }

 private:
  // User addresses have 47 bits.
  using PageField = BitField<std::uint64_t, 0, 35>;
  using ProcessField = BitField<std::uint16_t, 40, 16>;
  using KnownField = BitField<bool, 63, 1>;

  Memory memory_;
};

}  // namespace pageward::sim
