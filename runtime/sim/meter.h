// What a simulated machine does, counted in primitives: instructions, flushes, interrupts, splits.
//
// Counts are what a run is about. What they cost is a matter of the cost model (cost_model.h),
// which is applied to them and never the other way round.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pageward::sim {

/// The primitives. Each has a row in the table of docs/sim.md.
enum class Primitive : std::uint8_t {
  // Of a processor.
  kTableWrite,        ///< One entry of a page table written.
  kKeyRegisterWrite,  ///< WRMSR to IA32_PKRS.
  kPageFlush,         ///< INVLPG or INVPCID of one page, on whatever processor.
  kFullFlush,         ///< A PCID or everything, on whatever processor.
  kTableSwitch,       ///< MOV to CR3.
  kWalk,              ///< A translation that was not cached.
  kFault,             ///< An exception, there and back.
  kSystemCall,        ///< There and back.
  // Of processors together.
  kShootdown,  ///< Interrupting other processors and waiting for the last of them.
  kInterrupt,  ///< One processor more that is interrupted.
  // Of memory.
  kFrameCleared,  ///< 4 KiB of zeros written.
  kFrameCopied,   ///< 4 KiB copied.
  // Of the kernel's own code.
  kFrameAllocated,  ///< A frame or block from the page allocator.
  kFrameFreed,
  kEntryPrepared,  ///< What copying or making one user's entry costs beside writing it.
  kCacheUpdate,    ///< A folio put into the page cache or taken out.
  kBlockMoved,     ///< A pageblock between free lists.
};
inline constexpr std::size_t kPrimitiveCount = static_cast<std::size_t>(Primitive::kBlockMoved) + 1;

/// Returns the name that files and reports use, such as "table-write".
std::string_view NameOf(Primitive primitive);

/// What happened that has no cost of its own: its primitives have.
enum class Tally : std::uint8_t {
  kSplit,  ///< A large mapping became 512 smaller ones.
  kCollapse,
  kTablePageTaken,  ///< A table page handed out.
  kTablePageReturned,
  kUnprotectedTable,  ///< A table page handed out without its key.
  kFlushEvent,        ///< A range to be forgotten, on one processor or many.
  kKeyChange,         ///< A range of the direct map given another key.
  kPresenceChange,    ///< A range of the direct map taken out or put back.
  kConversion,        ///< A call of the converter.
  kRefill,            ///< Of the reserve.
  kNestedRefill,      ///< Inside of a conversion, or a protection inside of a protection.
  kWindowOpened,
  kWindowClosed,
  kWindowFlush,
  kFrameScrubbed,  ///< Before hidden memory became ordinary.
  kFrameMoved,     ///< By compaction.
  kCopyOnWrite,
  kOops,  ///< A write of the kernel's that its own rights forbade.
};
inline constexpr std::size_t kTallyCount = static_cast<std::size_t>(Tally::kOops) + 1;

std::string_view NameOf(Tally tally);

/// Numbers of both kinds. A value: sums and differences of runs are runs.
struct Counts {
  std::array<std::uint64_t, kPrimitiveCount> primitives{};
  std::array<std::uint64_t, kTallyCount> tallies{};

  constexpr std::uint64_t operator[](Primitive primitive) const {
    return primitives[static_cast<std::size_t>(primitive)];
  }
  constexpr std::uint64_t operator[](Tally tally) const {
    return tallies[static_cast<std::size_t>(tally)];
  }
  Counts& operator+=(const Counts& other);
  Counts& operator-=(const Counts& other);
  friend Counts operator-(Counts a, const Counts& b) { return a -= b; }
  friend bool operator==(const Counts&, const Counts&) = default;
};

/// Counts for one processor. Written by the thread that runs it, read by any.
class Meter {
 public:
  Meter() = default;
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  void Add(Primitive primitive, std::uint64_t times = 1) {
    Increase(counts_.primitives[static_cast<std::size_t>(primitive)], times);
  }
  void Add(Tally tally, std::uint64_t times = 1) {
    Increase(counts_.tallies[static_cast<std::size_t>(tally)], times);
  }

  /// Returns what has been counted so far. While the processor runs, not all of the same instant.
  Counts Read() const;

 private:
  static void Increase(std::uint64_t& count, std::uint64_t times) {
    __atomic_store_n(&count, __atomic_load_n(&count, __ATOMIC_RELAXED) + times, __ATOMIC_RELAXED);
  }

  Counts counts_;
};

}  // namespace pageward::sim
