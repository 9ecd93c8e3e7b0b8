// Files whose pages are not in the direct map for as long as they are in the page cache: secretmem
// as the kernel has it, and guest_memfd with NO_DIRECT_MAP as it is proposed.
//
// Being in the cache *is* being absent: there is no second mark that could disagree.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/core/result.h"
#include "runtime/sim/carver.h"
#include "runtime/sim/simulation.h"

namespace pageward::sim {

enum class FileKind : std::uint8_t {
  /// Ordinary memory whose pages are taken out of the direct map one by one. Locked, never moved.
  kSecret,
  /// Memory for guests: frames come hidden, by the conversion policy of the run, and the kernel
  /// reaches them through windows.
  kGuest,
};

struct PageCacheCounters {
  std::uint64_t faults = 0;  ///< Pages that were brought in by a fault.
  std::uint64_t writes = 0;  ///< Pages that were written by a system call.
  std::uint64_t failed_adds = 0;
  std::uint64_t view_flushes = 0;  ///< Before frames went back, because views of them were stale.
};

/// One file and its pages. For one thread at a time.
///
/// Invariants, checked by CheckInvariants():
///   N1  a page is in the cache exactly if its frame is absent from the direct map
class CachedFile {
 public:
  struct Memory {
    std::span<std::uint32_t> pages;  ///< By page: 1 more than the number of its frame.

    static Memory CarveFrom(Carver& carver, std::uint32_t pages) {
      return Memory{carver.Take<std::uint32_t>(pages)};
    }
  };

  CachedFile(Simulation& simulation, const Memory& memory, FileKind kind)
      : simulation_(simulation), memory_(memory), kind_(kind) {}
  CachedFile(const CachedFile&) = delete;
  CachedFile& operator=(const CachedFile&) = delete;

  FileKind kind() const { return kind_; }
  std::uint32_t page_count() const { return static_cast<std::uint32_t>(memory_.pages.size()); }
  std::uint32_t cached_pages() const { return cached_pages_; }
  const PageCacheCounters& counters() const { return counters_; }
  std::optional<FrameNumber> FrameOf(std::uint32_t page) const {
    const std::uint32_t word = memory_.pages[page];
    return word == 0 ? std::nullopt : std::optional(FrameNumber(word - 1));
  }

  /// Brings `page` in, zeroed, as a fault does, and maps it at `at` for `process`, which the
  /// current processor runs. Errors: kNoFrames; what a window or the direct map failed with. The
  /// page may have come in all the same, if only mapping it failed.
  Status Fault(Process& process, std::uint32_t page, VirtAddr at);

  /// Fills `page` as write(2) does: brings it in if need be, and reaches it through a window.
  /// Errors: kUnsupported for a secret; else as Fault().
  Status Write(Process& process, std::uint32_t page, FillTag content);

  /// Takes pages out of the cache that nobody maps and gives their frames back: clear, and with no
  /// view of them stale. Returns how many.
  std::uint32_t Remove(std::uint32_t first, std::uint32_t count);

  /// Whether compaction may move the pages of the file: no.
  static constexpr bool IsMovable() { return false; }

  void CheckInvariants() const;

 private:
  // Makes `page` present in the cache, or leaves everything as it was.
  Result<FrameNumber> Add(Process& process, std::uint32_t page);
  Result<FrameNumber> NewSecret();
  Result<FrameNumber> NewGuest(Process& process);
  Status Insert(std::uint32_t page, FrameNumber frame);
  void GiveBack(FrameNumber frame);

  Kernel& kernel() const { return simulation_.kernel(); }

  Simulation& simulation_;
  Memory memory_;
  const FileKind kind_;
  std::uint32_t cached_pages_ = 0;
  PageCacheCounters counters_;
};

}  // namespace pageward::sim
