// Frames that keep their contents while nobody can reach them.
//
// The zone is memory that can be mapped twice: its *home* mapping, and views elsewhere. Taking a
// pageblock out of the home mapping closes its addresses and leaves the frames as they are; whoever
// needs them makes a view. With memfd_secret they are gone from the kernel's own map as well.
//
// The descriptor is closed as soon as the home is mapped, because another mapping of it would be
// open. A view is therefore made from the home itself, which it is born as closed as.
#pragma once

#include <atomic>
#include <optional>

#include "runtime/core/address.h"
#include "runtime/core/mutex.h"
#include "runtime/frame/pageblock_converter.h"
#include "runtime/keys/access_scope.h"
#include "runtime/keys/key_broker.h"
#include "runtime/os/os.h"

namespace pageward::space {

/// The home mapping of a zone of shared memory, and what can be done with it.
///
/// Thread-safe. Never allocates.
class SharedZone final : public frame::PageblockConverter {
 public:
  /// Bytes that may be viewed at the same time.
  static constexpr std::uint64_t kViewBytes = std::uint64_t{64} << 20;

  struct Counters {
    std::uint64_t visibility_changes = 0;  ///< System calls that changed the home mapping.
    std::uint64_t flushes = 0;             ///< Those of them that took rights away.
    std::uint64_t scrubbed_blocks = 0;
    std::uint64_t views = 0;
  };

  SharedZone(os::Os& os, keys::KeyBroker& keys) : os_(os), keys_(keys) {}
  SharedZone(const SharedZone&) = delete;
  SharedZone& operator=(const SharedZone&) = delete;

  /// What is done where the system refuses secret memory: it has none, or it is more than may be
  /// locked (RLIMIT_MEMLOCK), which counts a zone as a whole, and each view of it again.
  enum class IfRefused : std::uint8_t { kTakeOrdinary, kFail };

  /// Maps a zone over `home`, which the caller has reserved: a multiple of a pageblock. Once. See
  /// kind() for what it became. It is in no core dump, and a child of fork(2) gets a hole instead.
  ///
  /// Errors: kLimit, kUnsupported and kNotPermitted if memory was refused; kNoAddressSpace,
  /// kNoMemory. `home` is a reservation still.
  Status Init(VirtRange home, os::SharedMemory wanted, IfRefused if_refused);
  /// The same over addresses that the zone reserves.
  Status Init(std::uint64_t bytes, os::SharedMemory wanted);

  /// Forgets the zone: gives the addresses of views back. `home` is the caller's, who unmaps it.
  void Release();

  /// In a child of fork(2): lets nothing else be mapped where the frames were.
  /// Errors: kInUse if something has been; kNoMemory.
  Status ReserveAfterFork() PW_NO_THREAD_SAFETY_ANALYSIS;

  os::SharedMemory kind() const { return kind_; }
  /// Why it is not secret memory, though that was wanted.
  std::optional<Error> refusal() const { return refusal_; }
  VirtRange range() const { return home_; }
  VirtAddr AddressOf(FrameNumber frame) const {
    return home_.begin + (std::uint64_t{frame.value} << kFrameBytesLog2);
  }
  VirtRange AddressesOf(FrameRange frames) const {
    return VirtRange{AddressOf(frames.begin), frames.count.bytes()};
  }

  // frame::PageblockConverter
  bool CanConvert() const override { return true; }
  Status Scrub(BlockRange blocks) override;
  Status SetVisibility(BlockRange blocks, frame::Freetype to) override;
  void RestoreVisibility(BlockRange blocks, frame::Freetype old) override;
  void Flush(BlockRange blocks) override;

  Counters counters() const;

 private:
  friend class FrameView;

  Status MapHome(VirtRange home, os::SharedMemory kind);
  Status CloseHome(VirtRange range);
  Status OpenHome(VirtRange range);
  Result<VirtRange> MakeView(FrameRange frames) PW_EXCLUDES(mutex_);
  void DropView(VirtRange view) PW_EXCLUDES(mutex_);

  os::Os& os_;
  keys::KeyBroker& keys_;
  VirtRange home_;
  VirtRange views_;
  os::SharedMemory kind_ = os::SharedMemory::kOrdinary;
  std::optional<Error> refusal_;

  Mutex mutex_{LockRank::kSpace};
  std::uint64_t next_view_ PW_GUARDED_BY(mutex_) = 0;
  std::uint32_t live_views_ PW_GUARDED_BY(mutex_) = 0;

  std::atomic<std::uint64_t> visibility_changes_{0};
  std::atomic<std::uint64_t> flushes_{0};
  std::atomic<std::uint64_t> scrubbed_blocks_{0};
  std::atomic<std::uint64_t> made_views_{0};
};

/// A view of some frames at another address, for this thread and this scope.
///
/// With protection keys other threads that have no view open fault on it; without, it is open to
/// the whole process.
class FrameView {
 public:
  /// Check IsMade(): a view can fail.
  FrameView(SharedZone& zone, FrameRange frames);
  ~FrameView();
  FrameView(const FrameView&) = delete;
  FrameView& operator=(const FrameView&) = delete;

  bool IsMade() const { return view_.ok(); }
  /// Requires: !IsMade().
  Error error() const { return view_.error(); }
  /// Requires: IsMade().
  VirtRange range() const { return *view_; }

 private:
  SharedZone& zone_;
  Result<VirtRange> view_;
  keys::AccessScope access_;
};

}  // namespace pageward::space
