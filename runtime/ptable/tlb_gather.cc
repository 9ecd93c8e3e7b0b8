#include "runtime/ptable/tlb_gather.h"

#include "runtime/core/check.h"
#include "runtime/core/invariant.h"
#include "runtime/ptable/vocabulary.h"

namespace pageward::ptable {
namespace {

// Returns the smallest range with both in it. Requires: neither is empty.
VirtRange Hull(VirtRange a, VirtRange b) {
  const VirtAddr begin = a.begin < b.begin ? a.begin : b.begin;
  const VirtAddr last = LastOf(a) > LastOf(b) ? LastOf(a) : LastOf(b);
  return VirtRange{begin, last - begin + 1};
}

// Returns whether nothing lies between the two.
bool Adjoin(VirtRange a, VirtRange b) {
  return Hull(a, b).bytes <= a.bytes + b.bytes;
}

}  // namespace

TlbGather::~TlbGather() {
  PW_ASSERT(!IsPending());
}

void TlbGather::AddPages(VirtRange range, unsigned page_bytes_log2) {
  if (IsPending()) {
    const bool is_gap = mode_ == FlushMode::kNoGaps && !Adjoin(pending_, range);
    // From the first address there is to the last is more than a number of bytes can say.
    const bool is_everything = Hull(pending_, range).bytes == 0;
    if (is_gap || is_everything) {
      Finish();
    }
  }
  Include(range, page_bytes_log2);
  PW_INVARIANT(*this);
}

void TlbGather::AddTable(PhysAddr table, VirtRange span, unsigned page_bytes_log2) {
  if (table_count_ == kMaxTables) {
    Finish();
  }
  AddPages(span, page_bytes_log2);
  waiting_[table_count_++] = WaitingTable{table, span};
  PW_INVARIANT(*this);
}

void TlbGather::Finish() {
  if (!IsPending()) {
    return;
  }
  const FlushRequest request{pending_, page_bytes_log2_};
  pending_ = VirtRange{};
  ++flushes_;
  flusher_.Flush(request);
  while (table_count_ > 0) {
    source_.Free(waiting_[--table_count_].table);
  }
}

void TlbGather::Include(VirtRange range, unsigned page_bytes_log2) {
  if (!IsPending()) {
    pending_ = range;
    page_bytes_log2_ = page_bytes_log2;
    return;
  }
  pending_ = Hull(pending_, range);
  page_bytes_log2_ = page_bytes_log2 < page_bytes_log2_ ? page_bytes_log2 : page_bytes_log2_;
}

void TlbGather::CheckInvariants() const {
  for (unsigned i = 0; i < table_count_; ++i) {
    PW_HOLDS("G1", Covers(pending_, waiting_[i].span), waiting_[i].table.value());
  }
}

}  // namespace pageward::ptable
