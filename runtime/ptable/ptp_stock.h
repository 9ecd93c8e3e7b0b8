// Table pages taken in advance, so that a change of tables never stops half-way for want of one.
#pragma once

#include <cstdint>

#include "runtime/core/result.h"
#include "runtime/ptable/ptp_source.h"
#include "runtime/ptable/table_memory.h"

namespace pageward::ptable {

/// Holds as many pages as one operation needs, and gives back what it did not need.
///
/// The pages hold on to each other by their own first entries, so any number fits without memory
/// for it; a page is zero again when it is taken out. One page alone is not written to at all.
///
/// Externally synchronized. Never allocates but from the source, in Fill().
template <TableMemory Memory>
class PtpStock {
 public:
  PtpStock(Memory& memory, PtpSource& source) : memory_(memory), source_(source) {}
  ~PtpStock() {
    while (count_ > 0) {
      source_.Free(Take());
    }
  }
  PtpStock(const PtpStock&) = delete;
  PtpStock& operator=(const PtpStock&) = delete;

  std::uint64_t count() const { return count_; }

  /// Adds `pages` pages. Errors: kNoMemory; the stock is empty then and the source has them back.
  Status Fill(std::uint64_t pages) {
    for (std::uint64_t i = 0; i < pages; ++i) {
      const std::optional<PhysAddr> page = source_.Allocate();
      if (!page) {
        while (count_ > 0) {
          source_.Free(Take());
        }
        return Error::kNoMemory;
      }
      Put(*page);
    }
    return {};
  }

  /// Removes a page, which is zero. Requires: count() > 0.
  PhysAddr Take() {
    PW_ASSERT(count_ > 0);
    const PhysAddr page = first_;
    if (--count_ > 0) {
      first_ = PhysAddr(memory_.Load(page));
      memory_.Store(page, 0);
    }
    return page;
  }

  /// Adds a page. Requires: it is zero.
  void Put(PhysAddr page) {
    if (count_++ > 0) {
      memory_.Store(page, first_.value());
    }
    first_ = page;
  }

 private:
  Memory& memory_;
  PtpSource& source_;
  PhysAddr first_;
  std::uint64_t count_ = 0;
};

}  // namespace pageward::ptable
