#include "runtime/sim/meter.h"

namespace pageward::sim {

std::string_view NameOf(Primitive primitive) {
  switch (primitive) {
    case Primitive::kTableWrite:
      return "table-write";
    case Primitive::kKeyRegisterWrite:
      return "key-register-write";
    case Primitive::kPageFlush:
      return "page-flush";
    case Primitive::kFullFlush:
      return "full-flush";
    case Primitive::kTableSwitch:
      return "table-switch";
    case Primitive::kWalk:
      return "walk";
    case Primitive::kFault:
      return "fault";
    case Primitive::kSystemCall:
      return "system-call";
    case Primitive::kShootdown:
      return "shootdown";
    case Primitive::kInterrupt:
      return "interrupt";
    case Primitive::kFrameCleared:
      return "frame-cleared";
    case Primitive::kFrameCopied:
      return "frame-copied";
    case Primitive::kFrameAllocated:
      return "frame-allocated";
    case Primitive::kFrameFreed:
      return "frame-freed";
    case Primitive::kEntryPrepared:
      return "entry-prepared";
    case Primitive::kCacheUpdate:
      return "cache-update";
    case Primitive::kBlockMoved:
      return "block-moved";
  }
  return "unknown";
}

std::string_view NameOf(Tally tally) {
  switch (tally) {
    case Tally::kSplit:
      return "splits";
    case Tally::kCollapse:
      return "collapses";
    case Tally::kTablePageTaken:
      return "table-pages-taken";
    case Tally::kTablePageReturned:
      return "table-pages-returned";
    case Tally::kUnprotectedTable:
      return "unprotected-tables";
    case Tally::kFlushEvent:
      return "flush-events";
    case Tally::kKeyChange:
      return "key-changes";
    case Tally::kPresenceChange:
      return "presence-changes";
    case Tally::kConversion:
      return "conversions";
    case Tally::kRefill:
      return "refills";
    case Tally::kNestedRefill:
      return "nested-refills";
    case Tally::kWindowOpened:
      return "windows-opened";
    case Tally::kWindowClosed:
      return "windows-closed";
    case Tally::kWindowFlush:
      return "window-flushes";
    case Tally::kFrameScrubbed:
      return "frames-scrubbed";
    case Tally::kFrameMoved:
      return "frames-moved";
    case Tally::kCopyOnWrite:
      return "copies-on-write";
    case Tally::kOops:
      return "oopses";
  }
  return "unknown";
}

Counts& Counts::operator+=(const Counts& other) {
  for (std::size_t i = 0; i < kPrimitiveCount; ++i) {
    primitives[i] += other.primitives[i];
  }
  for (std::size_t i = 0; i < kTallyCount; ++i) {
    tallies[i] += other.tallies[i];
  }
  return *this;
}

Counts& Counts::operator-=(const Counts& other) {
  for (std::size_t i = 0; i < kPrimitiveCount; ++i) {
    primitives[i] -= other.primitives[i];
  }
  for (std::size_t i = 0; i < kTallyCount; ++i) {
    tallies[i] -= other.tallies[i];
  }
  return *this;
}

Counts Meter::Read() const {
  Counts counts;
  for (std::size_t i = 0; i < kPrimitiveCount; ++i) {
    counts.primitives[i] = __atomic_load_n(&counts_.primitives[i], __ATOMIC_RELAXED);
  }
  for (std::size_t i = 0; i < kTallyCount; ++i) {
    counts.tallies[i] = __atomic_load_n(&counts_.tallies[i], __ATOMIC_RELAXED);
  }
  return counts;
}

}  // namespace pageward::sim
