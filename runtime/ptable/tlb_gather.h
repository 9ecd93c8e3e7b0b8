// What has to be forgotten before a change of tables is complete, and what can be freed only then.
//
// A processor that cached a translation keeps using it until it is told, and one that cached where
// a table is keeps reading that frame. So a table that was taken out waits here until the flush
// that covers everything it translated has happened (P2).
#pragma once

#include <array>
#include <cstdint>

#include "runtime/core/address.h"
#include "runtime/ptable/ptp_source.h"

namespace pageward::ptable {

/// One event: these addresses have to be forgotten.
struct FlushRequest {
  VirtRange range;
  unsigned page_bytes_log2 = 0;  ///< Of the smallest page in there.

  friend constexpr bool operator==(const FlushRequest&, const FlushRequest&) = default;
};

/// Makes the processors forget. Owned by this layer; Shootdown is the simulated one.
class TlbFlusher {
 public:
  /// Returns after no processor uses anything cached about the range any more.
  virtual void Flush(const FlushRequest& request) = 0;

 protected:
  ~TlbFlusher() = default;
};

/// Forgets to flush: for whoever does it later, and once for many changes.
class NoFlusher final : public TlbFlusher {
 public:
  void Flush(const FlushRequest&) override {}
};

/// How changed ranges become events.
enum class FlushMode : std::uint8_t {
  kMerged,  ///< One event from the first change to the last, with what lies between.
  kNoGaps,  ///< One event for each run of adjoining changes.
};

/// Collects the changes of one or more operations; a scope, at whose end nothing may be pending.
///
/// Externally synchronized. Never allocates. Holds kMaxTables tables; an operation that takes out
/// more is flushed in between, once for each time the gather is full.
///
/// Invariants, checked by CheckInvariants():
///   G1  the span of each table that waits lies in the pending range
class TlbGather {
 public:
  /// 1 GiB of small pages; as many as a page of Linux's own mmu_gather holds.
  static constexpr unsigned kMaxTables = 510;

  TlbGather(FlushMode mode, TlbFlusher& flusher, PtpSource& source)
      : mode_(mode), flusher_(flusher), source_(source) {}
  /// Requires: Finish() has been called since the last change.
  ~TlbGather();
  TlbGather(const TlbGather&) = delete;
  TlbGather& operator=(const TlbGather&) = delete;

  /// Notes that translations of `range`, by pages of at least 2^`page_bytes_log2` bytes, are not
  /// what they were. Requires: the tables have been changed already. May flush what came before.
  void AddPages(VirtRange range, unsigned page_bytes_log2);

  /// Notes that `table`, which stood for `span` with pages of at least 2^`page_bytes_log2` bytes,
  /// is not part of the tables any more. All of the span is a change: the way to the table may be
  /// cached even where it is empty. The table is freed right after the flush. May flush.
  void AddTable(PhysAddr table, VirtRange span, unsigned page_bytes_log2);

  /// Flushes what is pending, in one event, and then frees the tables. Does nothing if there is
  /// nothing to do.
  void Finish();

  bool IsPending() const { return pending_.bytes != 0; }
  /// The number of events so far.
  std::uint64_t flushes() const { return flushes_; }
  /// The number of tables that wait.
  unsigned tables() const { return table_count_; }

  void CheckInvariants() const;

 private:
  struct WaitingTable {
    PhysAddr table;
    VirtRange span;
  };

  void Include(VirtRange range, unsigned page_bytes_log2);

  const FlushMode mode_;
  TlbFlusher& flusher_;
  PtpSource& source_;
  VirtRange pending_;
  unsigned page_bytes_log2_ = 0;
  unsigned table_count_ = 0;
  std::uint64_t flushes_ = 0;
  std::array<WaitingTable, kMaxTables> waiting_;
};

}  // namespace pageward::ptable
