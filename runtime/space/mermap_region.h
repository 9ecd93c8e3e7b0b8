// Ephemeral views (the kernel's mermap): the rules by which one CPU, or one thread, shows itself
// frames for a moment at addresses of its own.
//
// A region is a run of pages. A get takes the next of them and maps the frames there; a put unmaps
// them and does not flush, so the address stays readable through a stale translation until the
// region has been used up once and is flushed as a whole. So views are cheap, may fail, and never
// show the wrong frame: what is mapped next at an address comes after the flush. The last page is
// kept for a get that must not fail.
//
// Policy only: how pages are mapped and flushed is the backend's business, on the host and in the
// simulation, and one conformance suite runs over both.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/core/address.h"
#include "runtime/core/result.h"
#include "runtime/core/units.h"
#include "runtime/space/stale_frames.h"

namespace pageward::space {

enum class ViewAccess : std::uint8_t { kReadOnly, kReadWrite };

/// Who else is to see a view. Only kNobody is granted.
enum class ViewSharing : std::uint8_t { kNobody, kEverybody };

/// What is to be shown.
struct ViewRequest {
  FrameNumber first;
  std::uint64_t bytes = kFrameBytes;  ///< Rounded up to frames.
  ViewAccess access = ViewAccess::kReadWrite;
  ViewSharing sharing = ViewSharing::kNobody;
  const void* site = nullptr;  ///< Which code asks. For reports.
};

/// What a region needs from below. Owned by this layer; one implementation maps for real, one
/// simulates. Never allocates.
class ViewBackend {
 public:
  /// Returns whether the tables of the region have been made.
  virtual bool IsPrepared() const = 0;
  /// Returns whether the caller is where views may be used: not in a signal handler or interrupt.
  virtual bool IsProcessContext() const = 0;

  /// Keeps the caller on its CPU and lets it reach its views, and the opposite. They nest.
  virtual void Pin() = 0;
  virtual void Unpin() = 0;

  /// Shows `frames` at `at`, where nothing is mapped. An error may leave a part mapped.
  virtual Status Map(VirtRange at, FrameRange frames, ViewAccess access) = 0;
  /// Removes what is mapped in `at`. Does not flush.
  virtual void Unmap(VirtRange at) = 0;
  /// Makes the caller forget its translations of `at`, but for those of live views in there.
  virtual void Flush(VirtRange at) = 0;

  /// Shows again what was mapped at `at` with `access` and has been unmapped, but not flushed
  /// since. An error leaves it as it was. Only asked for by a region that has a Recall.
  virtual Status Remap(VirtRange, ViewAccess) { return Error::kUnsupported; }

 protected:
  ~ViewBackend() = default;
};

/// What a region refuses with a report: a count, and an error for the caller.
enum class ViewComplaint : std::uint8_t {
  kNotPrepared,
  kWrongContext,
  kShared,           ///< Asked for a view that others see.
  kEmpty,            ///< Asked for no bytes.
  kReserveInUse,     ///< A second reserve view at a time.
  kReserveSize,      ///< A reserve view of more than one page.
  kForeignHandle,    ///< Put what another region handed out, or nothing.
  kDoublePut,        ///< Put a view that is not live any more.
  kLiveAtTeardown,   ///< One for each view that is live then.
  kFreedWhileStale,  ///< A frame was freed that a stale view still shows.
  kMappingFailed,    ///< The backend could not map.
};
inline constexpr std::size_t kViewComplaintCount = 11;

using ViewComplaints = std::array<std::uint64_t, kViewComplaintCount>;

/// A view that is live. A value; a copy is the same view.
class ViewHandle {
 public:
  constexpr ViewHandle() = default;

  /// The handle with these parts, which a caller has kept for it. A wrong one is refused when it is
  /// put.
  constexpr ViewHandle(VirtRange range, const void* region, std::uint64_t ticket)
      : range_(range),
        region_(region),
        generation_(static_cast<std::uint32_t>(ticket)),
        slot_(static_cast<std::uint8_t>(ticket >> 32)) {}

  constexpr VirtRange range() const { return range_; }
  constexpr const void* region() const { return region_; }
  constexpr std::uint64_t ticket() const { return std::uint64_t{slot_} << 32 | generation_; }

  friend constexpr bool operator==(const ViewHandle&, const ViewHandle&) = default;

 private:
  friend class MermapRegion;

  VirtRange range_;
  const void* region_ = nullptr;
  std::uint32_t generation_ = 0;
  std::uint8_t slot_ = 0;
};

struct MermapCounters {
  std::uint64_t gets = 0;
  std::uint64_t found_again = 0;  ///< Gets that a stale view has served.
  std::uint64_t puts = 0;
  std::uint64_t flushes = 0;  ///< Of the whole region or of the reserve page, by the region itself.
  std::uint64_t wraps = 0;    ///< How often addresses began anew.
};

/// The views of one CPU or thread.
///
/// Externally synchronized: its CPU or thread alone uses it, but for the questions that a checker
/// asks. Never allocates.
///
/// Invariants, checked by CheckInvariants():
///   V1  live views lie in the region, apart from each other, the ordinary ones below the last page
///   V2  ordinary live views lie below the next address
///   V3  no page is both live and stale
class MermapRegion {
 public:
  static constexpr std::size_t kOrdinarySlots = 3;

  /// What a region needs to show stale views again, and to say who asked for them. Empty: it does
  /// neither, as the kernel's.
  ///
  /// A region with a Recall counts a frame as shown (StaleFrames::IsShown()) from when it is mapped
  /// to when it is flushed, and as stale never: so that showing it again writes no memory that
  /// other threads look at. Who wants to know more asks the region.
  struct Recall {
    std::span<std::uint16_t> hints;  ///< A power of two; where a frame was shown last.
    std::span<std::uint8_t> rights;  ///< For each page: with which access, or 0 for none.
    std::span<const void*> sites;    ///< For each page: who asked.
  };

  /// Requires: `shown` has a word for each page of `region`, zero at first; everything outlives the
  /// region. `region` has at least two pages.
  MermapRegion(VirtRange region, std::span<std::uint32_t> shown, ViewBackend& backend,
               StaleFrames& stale)
      : MermapRegion(region, shown, backend, stale, Recall()) {}
  MermapRegion(VirtRange region, std::span<std::uint32_t> shown, ViewBackend& backend,
               StaleFrames& stale, const Recall& recall);
  MermapRegion(const MermapRegion&) = delete;
  MermapRegion& operator=(const MermapRegion&) = delete;

  VirtRange range() const { return range_; }
  std::uint32_t pages() const { return static_cast<std::uint32_t>(shown_.size()); }
  const MermapCounters& counters() const { return counters_; }
  std::uint64_t complaints(ViewComplaint complaint) const {
    return complaints_[static_cast<std::size_t>(complaint)];
  }
  std::size_t live_count() const;

  /// Gives the region its addresses, where they were not known at first. Requires: no view has been
  /// made, and the length is as before.
  void Place(VirtRange region);

  /// Shows frames until Put(). Flushes only if the region is used up and there is room then. With a
  /// Recall, a stale view of exactly these frames and with this access is shown again where it is.
  ///
  /// Errors: kNoAddressSpace if the views that are live leave no room; kInUse if all slots are
  /// taken; kInvalid, with a report, for nonsense and before preparation; kNotPermitted, with a
  /// report, in the wrong context; whatever mapping failed with. Nothing has changed then.
  Result<ViewHandle> Get(const ViewRequest& request);

  /// Shows one frame on the page that is kept for it: succeeds whatever else is live.
  ///
  /// Errors: kInUse, with a report, if such a view is live; kInvalid and kNotPermitted as Get().
  Result<ViewHandle> GetReserved(const ViewRequest& request);

  /// Ends a view. Errors: kInvalid, with a report, if it is not live or not of this region; nothing
  /// has changed then.
  Status Put(const ViewHandle& view);

  // --- Stale views ----------------------------------------------------------------------------

  /// Returns whether a translation of a view that has been put may still be there.
  bool HasStale() const { return stale_count_ > 0; }
  /// Returns whether a live view shows a frame of `frames`.
  bool ShowsLive(FrameRange frames) const;
  /// Returns whether a stale view shows a frame of `frames`. Linear in the size of the region.
  bool ShowsStale(FrameRange frames) const;
  /// Flushes if there is something stale. For whoever is about to free what was shown.
  void FlushStale();
  /// The same for stale views of `frames` alone; returns whether there were any. It counts as one
  /// flush, and the other views are still found again.
  bool FlushStale(FrameRange frames);
  /// Returns who asked for a view, live or stale, of a frame of `frames`; null if that is not
  /// known.
  const void* SiteOf(FrameRange frames) const;
  /// Notes that everything of the region has been flushed by other means.
  void NoteFlushed();
  /// Reports that a frame was freed while a stale view shows it.
  void ComplainOfFree() { Complain(ViewComplaint::kFreedWhileStale); }

  /// Forgets the region, whose tables go: reports each view that is live and returns how many.
  std::size_t TearDown();

  void CheckInvariants() const;

 private:
  struct Slot {
    VirtRange range;
    FrameNumber first;
    std::uint32_t generation = 0;
    ViewAccess access = ViewAccess::kReadOnly;
    bool is_live = false;
    const void* site = nullptr;
  };
  static constexpr std::size_t kReserveSlot = kOrdinarySlots;
  static constexpr std::size_t kSlots = kOrdinarySlots + 1;

  void Complain(ViewComplaint complaint) { ++complaints_[static_cast<std::size_t>(complaint)]; }
  Status CheckRequest(const ViewRequest& request);
  Slot* FreeSlot();
  // The first page at which views can be made after a flush.
  std::uint32_t PageBehindLive() const;
  // Both with the caller pinned; they leave it so if they succeed.
  Result<ViewHandle> GetPinned(Slot& slot, FrameRange frames, const ViewRequest& request);
  Result<ViewHandle> Show(Slot& slot, std::uint32_t page, FrameRange frames,
                          const ViewRequest& request);
  bool ShowAgain(std::uint32_t page, FrameRange frames, ViewAccess access);
  // The first page of a stale view to be shown again, or pages() if there is none.
  std::uint32_t FindStale(FrameRange frames, ViewAccess access) const;
  bool IsStaleAt(std::uint32_t page, FrameRange frames, ViewAccess access) const;
  ViewHandle Fill(Slot& slot, VirtRange at, FrameRange frames, const ViewRequest& request);
  std::uint32_t PageOf(VirtAddr at) const {
    return static_cast<std::uint32_t>((at - range_.begin) >> kFrameBytesLog2);
  }
  VirtRange PagesAt(std::uint32_t page, std::uint32_t count) const {
    return VirtRange{range_.begin + (std::uint64_t{page} << kFrameBytesLog2),
                     std::uint64_t{count} << kFrameBytesLog2};
  }
  void NoteStale(std::uint32_t page, FrameRange frames);
  void Remember(std::uint32_t page, const Slot& slot);
  void Unmark(std::uint32_t begin, std::uint32_t end);

  VirtRange range_;
  std::span<std::uint32_t> shown_;  // By page: 1 more than the number of a frame shown stale.
  ViewBackend& backend_;
  StaleFrames& stale_;
  Recall recall_;
  std::array<Slot, kSlots> slots_{};
  std::uint32_t next_page_ = 0;
  std::uint32_t stale_count_ = 0;
  MermapCounters counters_;
  ViewComplaints complaints_{};
};

}  // namespace pageward::space
