// Where the traffic of a running program comes in and is numbered: one order for all threads, for
// whoever records it and whoever mirrors it.
#pragma once

#include <cstdint>

#include "runtime/core/mutex.h"
#include "runtime/core/result.h"
#include "runtime/extent/run_observer.h"
#include "runtime/os/os.h"
#include "runtime/trace/run_mirror.h"
#include "runtime/trace/trace_writer.h"

namespace pageward::trace {

/// Hands each event on, with its time and thread, in one order. Thread-safe. Never allocates.
///
/// A copy of the process that fork(2) makes has none of it: nothing there is recorded or mirrored.
class RunTap final : public extent::RunObserver {
 public:
  constexpr RunTap() = default;
  RunTap(const RunTap&) = delete;
  RunTap& operator=(const RunTap&) = delete;

  /// Lets events through from now on; both may be absent, and outlive the tap. Once.
  void Open(os::Os& os, TraceWriter* writer, RunMirror* mirror) PW_EXCLUDES(mutex_);

  void Note(const extent::RunEvent& event) override PW_EXCLUDES(mutex_);

  /// Ends the trace; nothing is let through any more, and the mirror is at rest. Errors: as
  /// TraceWriter::Finish().
  Status Close() PW_EXCLUDES(mutex_);

  bool IsOpen() const PW_EXCLUDES(mutex_);

  void LockForFork() PW_ACQUIRE(mutex_) { mutex_.Lock(); }
  void UnlockInParent() PW_RELEASE(mutex_) { mutex_.Unlock(); }
  void UnlockInChild() PW_RELEASE(mutex_) {
    is_open_ = false;
    mutex_.Unlock();
  }

 private:
  std::uint32_t NumberOfThisThread() PW_REQUIRES(mutex_);

  mutable Mutex mutex_{LockRank::kTraffic};
  os::Os* os_ PW_GUARDED_BY(mutex_) = nullptr;
  TraceWriter* writer_ PW_GUARDED_BY(mutex_) = nullptr;
  RunMirror* mirror_ PW_GUARDED_BY(mutex_) = nullptr;
  bool is_open_ PW_GUARDED_BY(mutex_) = false;
  std::uint32_t number_ PW_GUARDED_BY(mutex_) = 0;
  std::uint32_t threads_ PW_GUARDED_BY(mutex_) = 0;
  std::uint64_t opened_ns_ PW_GUARDED_BY(mutex_) = 0;
};

}  // namespace pageward::trace
