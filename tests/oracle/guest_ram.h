// The RAM of the emulated machine as a file: where each physical address is in it, and whether what
// is to be emulated fits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/core/address.h"
#include "tests/oracle/memory_file.h"
#include "tests/support/ptable/sparse_ram.h"

namespace pageward::oracle {

/// RAM ends at 3 GiB and goes on at 4 GiB (QEMU's machine "microvm").
inline constexpr std::uint64_t kLowRamEnd = std::uint64_t{3} << 30;
inline constexpr std::uint64_t kHighRamBegin = std::uint64_t{4} << 30;
/// Here the machine shows a copy of the ROM in place of RAM.
inline constexpr std::uint64_t kShadowBegin = 0xf'0000;
inline constexpr std::uint64_t kShadowEnd = 0x10'0000;
/// The guest's direct map shows not much more, and its own area has to fit as well.
inline constexpr std::uint64_t kMostRamBytes = std::uint64_t{256} << 30;

/// Returns where in the file `at` is. Requires: HasRamAt(at).
constexpr std::uint64_t OffsetOf(PhysAddr at) {
  return at.value() < kLowRamEnd ? at.value() : at.value() - (kHighRamBegin - kLowRamEnd);
}
constexpr PhysAddr AddressOf(std::uint64_t offset) {
  return PhysAddr(offset < kLowRamEnd ? offset : offset + (kHighRamBegin - kLowRamEnd));
}
constexpr bool HasRamAt(PhysAddr at) {
  const bool is_hole = at.value() >= kLowRamEnd && at.value() < kHighRamBegin;
  const bool is_shadow = at.value() >= kShadowBegin && at.value() < kShadowEnd;
  return !is_hole && !is_shadow && OffsetOf(at) < kMostRamBytes;
}

/// RAM of at least `ram_bytes`, and behind it room for `guest_bytes` of the guest's own.
class GuestRam {
 public:
  /// Returns why RAM with these frames can't be emulated, in one line, or nothing.
  static std::optional<std::string> WhyUnfit(const testing_support::SparseRam& ram,
                                             unsigned phys_bits);

  /// Requires: it fits.
  GuestRam(const testing_support::SparseRam& ram, std::uint64_t ram_bytes,
           std::uint64_t guest_bytes);

  const MemoryFile& file() const { return file_; }
  /// Where the guest's own area begins.
  PhysAddr guest_area() const { return AddressOf(guest_offset_); }
  void WriteGuestArea(std::uint64_t offset, std::span<const std::byte> bytes) {
    file_.Write(guest_offset_ + offset, bytes);
  }
  void ReadGuestArea(std::uint64_t offset, std::span<std::byte> bytes) const {
    file_.Read(guest_offset_ + offset, bytes);
  }

  /// Returns all of RAM but the guest's own area.
  testing_support::SparseRam Read() const;

 private:
  std::uint64_t guest_offset_;
  MemoryFile file_;
};

/// Reads RAM, and how many bytes it has, from a file that somebody else wrote: what is at 4 GiB
/// follows what ends at 3 GiB. Returns the reason in one line if it can't be used.
std::optional<std::string> LoadRam(const std::string& path, testing_support::SparseRam& ram,
                                   std::uint64_t& bytes);

}  // namespace pageward::oracle
