// What happened when: for timelines and diagrams, and for tests that ask about order.
//
// A run has more events than anybody keeps, so a log is bounded: it keeps the first or the last of
// them and says how many there were.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/core/mutex.h"

namespace pageward::sim {

enum class EventKind : std::uint8_t {
  kConversionBegun,   ///< a: first pageblock. b: how many.
  kConversionEnded,   ///< The same. value: 0, or 1 more than the number of an Error.
  kScrubbed,          ///< a: first frame. b: frames.
  kVisibilitySet,     ///< a: first pageblock. b: how many. value: Visibility.
  kDirectMapChanged,  ///< a: first frame. b: frames.
  kFlushed,           ///< a: first page of the range. b: pages. value: processors.
  kSplit,             ///< a: page. value: level of the leaf that was split; 0 if it was already.
  kRefillBegun,       ///< value: frames in the reserve.
  kRefillEnded,       ///< value: frames in the reserve. a: order taken, or ~0.
  kTableTaken,        ///< a: frame. value: 1 if by a split.
  kProtectionBegun,   ///< a: frame that gets its key by itself. Its end is kTableProtected.
  kTableProtected,    ///< a: first frame. b: frames.
  kTableUnprotected,  ///< a: frame that is used without its key: a kernel would wait for itself.
  kTableReturned,     ///< a: frame.
  kWindowOpened,      ///< a: page. b: pages. value: first frame.
  kWindowClosed,      ///< The same: from here on it is stale.
  kWindowFlushed,     ///< a: first page. b: pages.
  kFreedWhileStale,   ///< a: frame.
  kOops,              ///< a: page that could not be written. value: the error code.
};
inline constexpr unsigned kEventKindCount = static_cast<unsigned>(EventKind::kOops) + 1;

std::string_view NameOf(EventKind kind);

struct Event {
  std::uint64_t sequence = 0;  ///< Of all events of a machine.
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  std::uint64_t value = 0;
  std::uint16_t cpu = 0;
  EventKind kind = EventKind::kFlushed;
  std::uint8_t depth =
      0;  ///< How deep conversions, refills and splits are nested, where it is said.

  friend bool operator==(const Event&, const Event&) = default;
};

/// Takes events as they happen. Called with locks of the simulation held: it must not call back.
class EventSink {
 public:
  virtual void Note(const Event& event) = 0;

 protected:
  ~EventSink() = default;
};

/// Keeps the first events, or the last. Thread-safe.
class EventLog final : public EventSink {
 public:
  enum class Keep : std::uint8_t { kFirst, kLast };

  /// Requires: `storage` is not empty and outlives the log.
  EventLog(std::span<Event> storage, Keep keep) : storage_(storage), keep_(keep) {}
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  void Note(const Event& event) override PW_EXCLUDES(mutex_);
  void Clear() PW_EXCLUDES(mutex_);

  /// How many events there were, whether or not they were kept.
  std::uint64_t noted() const PW_EXCLUDES(mutex_);

  /// Calls `visit(event)` for each event that was kept, oldest first.
  ///
  /// Requires: nothing is noted meanwhile.
  template <typename Visit>
  void ForEach(Visit visit) const PW_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    const std::uint64_t kept = noted_ < storage_.size() ? noted_ : storage_.size();
    const std::uint64_t first = keep_ == Keep::kLast ? noted_ - kept : 0;
    for (std::uint64_t i = 0; i < kept; ++i) {
      visit(storage_[(first + i) % storage_.size()]);
    }
  }

 private:
  std::span<Event> storage_;
  const Keep keep_;
  mutable Mutex mutex_{LockRank::kLeaf};
  std::uint64_t noted_ PW_GUARDED_BY(mutex_) = 0;
};

}  // namespace pageward::sim
