// Every scenario, each in a file of its own, and what several of them say in the same way.
#pragma once

#include "tools/pageward/sim/scenario.h"

namespace pageward::tool {

extern const Scenario kPopulate;
extern const Scenario kFork;
extern const Scenario kChurn;
extern const Scenario kFragmentation;
extern const Scenario kAsi;
extern const Scenario kGuestMemfd;
extern const Scenario kSecretmem;
extern const Scenario kExecmem;
extern const Scenario kStaleWindow;
extern const Scenario kRecursion;

/// Room for the kernel's own things, which no scenario may leave out of its needs.
inline constexpr std::uint64_t kRoomBytes = 32 * kPageblockBytes;

/// Where scenarios put memory of processes.
inline constexpr VirtAddr kUserBase{0x7f00'0000'0000};

/// The pages of what a scenario works on.
inline std::uint32_t PagesOf(const Settings& settings) {
  return static_cast<std::uint32_t>(settings.size_bytes >> kFrameBytesLog2);
}

/// RAM for a scenario that holds what it works on once.
inline std::uint64_t RamForPages(const Settings& settings) {
  return settings.size_bytes + kRoomBytes;
}

/// The same, with the table pages of two that map it: each 2 MiB takes one.
inline std::uint64_t RamForMappedPages(const Settings& settings) {
  return RamForPages(settings) + settings.size_bytes / 128 / kPageblockBytes * kPageblockBytes;
}

inline VirtAddr PageAt(VirtAddr base, std::uint64_t page) {
  return base + (page << kFrameBytesLog2);
}

}  // namespace pageward::tool
