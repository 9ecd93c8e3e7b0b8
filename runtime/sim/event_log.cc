#include "runtime/sim/event_log.h"

namespace pageward::sim {

std::string_view NameOf(EventKind kind) {
  switch (kind) {
    case EventKind::kConversionBegun:
      return "conversion-begun";
    case EventKind::kConversionEnded:
      return "conversion-ended";
    case EventKind::kScrubbed:
      return "scrubbed";
    case EventKind::kVisibilitySet:
      return "visibility-set";
    case EventKind::kDirectMapChanged:
      return "direct-map-changed";
    case EventKind::kFlushed:
      return "flushed";
    case EventKind::kSplit:
      return "split";
    case EventKind::kRefillBegun:
      return "refill-begun";
    case EventKind::kRefillEnded:
      return "refill-ended";
    case EventKind::kTableTaken:
      return "table-taken";
    case EventKind::kProtectionBegun:
      return "protection-begun";
    case EventKind::kTableUnprotected:
      return "table-unprotected";
    case EventKind::kTableProtected:
      return "table-protected";
    case EventKind::kTableReturned:
      return "table-returned";
    case EventKind::kWindowOpened:
      return "window-opened";
    case EventKind::kWindowClosed:
      return "window-closed";
    case EventKind::kWindowFlushed:
      return "window-flushed";
    case EventKind::kFreedWhileStale:
      return "freed-while-stale";
    case EventKind::kOops:
      return "oops";
  }
  return "unknown";
}

void EventLog::Note(const Event& event) {
  MutexLock lock(mutex_);
  if (noted_ < storage_.size() || keep_ == Keep::kLast) {
    storage_[noted_ % storage_.size()] = event;
  }
  ++noted_;
}

void EventLog::Clear() {
  MutexLock lock(mutex_);
  noted_ = 0;
}

std::uint64_t EventLog::noted() const {
  MutexLock lock(mutex_);
  return noted_;
}

}  // namespace pageward::sim
