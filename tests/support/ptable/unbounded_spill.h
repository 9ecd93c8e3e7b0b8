// A TLB that never forgets by itself: what is evicted is kept here, in a list that is looked at
// from one end to the other.
#pragma once

#include <optional>
#include <vector>

#include "runtime/ptable/tlb.h"

namespace pageward::testing_support {

class UnboundedSpill final : public ptable::TlbSpill {
 public:
  void Put(const ptable::TlbEntry& entry) override { entries_.push_back(entry); }

  std::optional<ptable::TlbEntry> Find(VirtAddr at, arch::Pcid pcid) override {
    // The smallest page serves, as in the TLB itself.
    std::optional<ptable::TlbEntry> found;
    for (const ptable::TlbEntry& entry : entries_) {
      if (entry.Serves(at, pcid) && (!found || entry.level() < found->level())) {
        found = entry;
      }
    }
    return found;
  }

  void Drop(const ptable::TlbFlush& flush) override {
    std::erase_if(entries_, [&](const ptable::TlbEntry& entry) { return flush.Covers(entry); });
  }

  std::size_t size() const { return entries_.size(); }

 private:
  std::vector<ptable::TlbEntry> entries_;
};

}  // namespace pageward::testing_support
