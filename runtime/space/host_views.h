// The ephemeral views of one thread, on the host.
//
// A view is made by two system calls: an alias of the frames' home, which is born as closed as that
// is, and a change of its protection and key. Putting it back makes none where there are keys: the
// mapping stays, and the thread closes the key. So frames that were viewed a moment ago are found
// again without the kernel. What is called a flush in the region's rules unmaps here: everything of
// the region at once, but for what is live.
//
// Without keys a view that is put is closed by a change of protection, and is open to the whole
// process while it is live.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "runtime/os/os.h"
#include "runtime/space/frame_flags.h"
#include "runtime/space/mermap_region.h"
#include "runtime/space/prepared_once.h"
#include "runtime/space/shared_zone.h"
#include "runtime/space/stale_frames.h"
#include "runtime/space/window_keys.h"

namespace pageward::space {

/// Whether views that have been put are shown again; the kernel's are not.
enum class ViewReuse : std::uint8_t { kWhileStale, kNever };

/// A region of addresses with the views of one thread of this process.
///
/// Externally synchronized, as its region is. Its system calls are those of views and of Prepare();
/// getting a view takes no memory.
class HostViews final : public ViewBackend {
 public:
  /// One more than a pageblock and the reserve page need, rounded up: 4 MiB of addresses.
  static constexpr std::uint32_t kPages = 1024;

  /// What the views of a process share.
  struct Commons {
    os::Os& os;
    SharedZone& zone;
    keys::KeyBroker& keys;
    WindowKeys& windows;
    ViewBudget& budget;
    StaleFrames& stale;
  };

  HostViews(const Commons& commons, ViewReuse reuse);
  HostViews(const HostViews&) = delete;
  HostViews& operator=(const HostViews&) = delete;

  /// Reserves the addresses, claims a key if there is one left to claim, and marks this thread, so
  /// that its signal handlers are known (keys/handler_context.h). May be called again, by the same
  /// thread; it must be if that has left a handler by longjmp, and must not be in a handler.
  /// Errors: kNoAddressSpace, kNoMemory.
  Status Prepare();
  std::uint32_t preparations() const { return preparations_; }

  MermapRegion& region() { return region_; }
  /// How often views were flushed, and how often the system refused to unmap, so that they were
  /// closed instead.
  std::uint64_t flushes() const { return flushes_; }
  std::uint64_t flushes_by_closing() const { return flushes_by_closing_; }
  std::uint32_t pins() const { return pins_; }

  /// Gives the addresses back; returns how many views were live. The thread may be another one.
  std::size_t TearDown();
  /// In a child of fork(2), where the views are a hole: reserves it, and has no views any more.
  /// Errors: kInUse if something has been mapped there; kNoMemory.
  Status ReserveAfterFork();

  // ViewBackend
  bool IsPrepared() const override { return prepared_.IsReady(); }
  bool IsProcessContext() const override;
  void Pin() override;
  void Unpin() override;
  Status Map(VirtRange at, FrameRange frames, ViewAccess access) override;
  void Unmap(VirtRange at) override;
  void Flush(VirtRange at) override;
  Status Remap(VirtRange at, ViewAccess access) override;

 private:
  static constexpr std::size_t kMostLive = MermapRegion::kOrdinarySlots + 1;

  // Pages of the region, as one number.
  class Pages {
   public:
    constexpr Pages() = default;
    constexpr Pages(std::uint32_t begin, std::uint32_t end)
        : word_(std::uint64_t{end} << 32 | begin) {}
    constexpr std::uint32_t begin() const { return static_cast<std::uint32_t>(word_); }
    constexpr std::uint32_t end() const { return static_cast<std::uint32_t>(word_ >> 32); }
    constexpr bool IsEmpty() const { return word_ == 0; }
    friend constexpr bool operator==(Pages, Pages) = default;

   private:
    std::uint64_t word_ = 0;
  };

  std::uint32_t PageOf(VirtAddr at) const {
    return static_cast<std::uint32_t>((at - region_.range().begin) >> kFrameBytesLog2);
  }
  VirtRange PagesAt(std::uint32_t page, std::uint32_t end) const {
    return VirtRange{region_.range().begin + (std::uint64_t{page} << kFrameBytesLog2),
                     std::uint64_t{end - page} << kFrameBytesLog2};
  }
  Status Open(VirtRange at, ViewAccess access);
  void Drop(std::uint32_t begin, std::uint32_t end);
  void NoteUnmapped(std::uint32_t begin, std::uint32_t end);
  void NoteLive(Pages pages);
  bool EndLive(Pages pages);

  const Commons commons_;
  PreparedOnce prepared_{LockRank::kViews};
  std::optional<arch::Pkey> mark_;  // What marks the thread.
  std::uint32_t preparations_ = 0;
  std::uint32_t pins_ = 0;
  WindowKeys::Region window_;  // Which key the views carry, and this thread has open.
  std::uint64_t flushes_ = 0;
  std::uint64_t flushes_by_closing_ = 0;
  std::array<Pages, kMostLive> live_{};  // Without order; empty ones are free.

  std::array<std::uint64_t, kPages / 64> mapped_words_{};
  std::array<std::uint64_t, kPages / 64> begin_words_{};
  FrameFlags mapped_{mapped_words_.data()};  // By page: a view's mapping, live or stale.
  FrameFlags begins_{begin_words_.data()};   // Where a mapping begins that the budget knows.

  std::array<std::uint32_t, kPages> shown_{};
  std::array<std::uint16_t, kPages> hints_{};
  std::array<std::uint8_t, kPages> rights_{};
  std::array<const void*, kPages> sites_{};
  MermapRegion region_;
};

}  // namespace pageward::space
