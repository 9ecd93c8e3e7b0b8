#include "runtime/ptable/tlb.h"

namespace pageward::ptable {

void Tlb::Insert(VirtAddr at, unsigned level, std::uint64_t leaf) {
  const TlbEntry entry(at, pcid_, level, leaf);
  TlbEntry evicted;
  switch (level) {
    case 0:
      evicted = small_.Insert(entry);
      break;
    case 1:
      evicted = large_.Insert(entry);
      break;
    default:
      evicted = huge_.Insert(entry);
      break;
  }
  ++counters_.fills;
  if (evicted.IsValid()) {
    ++counters_.evictions;
    if (spill_ != nullptr) {
      spill_->Put(evicted);
    }
  }
}

TlbHit Tlb::FindSpilled(VirtAddr at) const {
  const std::optional<TlbEntry> entry = spill_->Find(at, pcid_);
  return entry ? TlbHit{entry->leaf(), PageBytesLog2(entry->level())} : TlbHit{};
}

void Tlb::Flush(const TlbFlush& flush) {
  const bool is_one_page =
      flush.kind == TlbFlush::Kind::kPage || flush.kind == TlbFlush::Kind::kPageOfPcid;
  ++(is_one_page ? counters_.page_flushes : counters_.full_flushes);
  Drop(flush);
  walks_.Drop(flush);
  PW_INVARIANT(*this);
}

void Tlb::ForgetFaulting(VirtAddr at) {
  Drop(TlbFlush{TlbFlush::Kind::kPage, pcid_, at});
  walks_.DropFor(at, pcid_);
}

void Tlb::Drop(const TlbFlush& flush) {
  small_.Drop(flush);
  large_.Drop(flush);
  huge_.Drop(flush);
  if (spill_ != nullptr) {
    spill_->Drop(flush);
  }
}

void Tlb::CheckInvariants() const {
  small_.CheckInvariants();
  large_.CheckInvariants();
  huge_.CheckInvariants();
  walks_.CheckInvariants();
}

}  // namespace pageward::ptable
