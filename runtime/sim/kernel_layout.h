// Where the simulated kernel has what in its half of the address space: the places of Linux, with
// four levels of tables.
//
// Source: Documentation/arch/x86/x86_64/mm.rst; the mm-local region is that of the mermap series.
#pragma once

#include <cstdint>

#include "runtime/core/address.h"
#include "runtime/core/units.h"
#include "runtime/ptable/x86_64_format.h"

namespace pageward::sim {

using Format = ptable::X86_64Format<4>;
using Shape = ptable::Geometry<Format>;

/// What one entry of the top table stands for: 512 GiB.
inline constexpr std::uint64_t kTopEntryBytes = Shape::Bytes(Shape::kTopLevel);
inline constexpr unsigned kFirstKernelEntry = 256;

/// One top entry whose contents differ from process to process, at -240. The table of segments
/// (LDT) lies at its start, the windows of each CPU behind.
inline constexpr VirtRange kMmLocal{VirtAddr(0xffff'8800'0000'0000), kTopEntryBytes};
inline constexpr VirtRange kLdtRemap{kMmLocal.begin, kPageblockBytes};
inline constexpr VirtAddr kMermapBase = kLdtRemap.end();
inline constexpr std::uint64_t kMermapBytesPerCpu = kPageblockBytes;

/// All RAM, from its first byte on: page_offset_base.
inline constexpr VirtAddr kDirectMapBase{0xffff'8880'0000'0000};

/// Temporary mappings that every CPU can see, some pages for each.
inline constexpr VirtRange kKmapRange{VirtAddr(0xffff'c900'0000'0000), kTopEntryBytes};

/// What has to be there while a user's table is loaded: entry code and per-CPU stacks.
inline constexpr VirtRange kEntryArea{VirtAddr(0xffff'fe00'0000'0000), kTopEntryBytes};

/// Code that is loaded at run time.
inline constexpr VirtRange kExecmem{VirtAddr(0xffff'ff80'0000'0000), kTopEntryBytes};

/// Returns which entry of the top table decides about `at`.
constexpr unsigned TopEntryOf(VirtAddr at) {
  return Shape::Index(Shape::kTopLevel, at);
}

}  // namespace pageward::sim
