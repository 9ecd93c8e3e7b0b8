// The second seam of ptable: where table pages come from and go to.
#pragma once

#include <optional>

#include "runtime/core/address.h"
#include "runtime/core/check.h"

namespace pageward::ptable {

/// Hands out page-table pages (PTPs). Owned by this layer, implemented above it: by a pool, by what
/// a split may take from the reserve, by one that refuses.
///
/// Whether it may allocate is its own business; nothing in ptable asks it on the path of a split
/// for more pages than the split needs (P3). It must not change the tables it serves.
class PtpSource {
 public:
  /// Returns a frame whose 4 KiB are zero, or nothing if there is none.
  [[nodiscard]] virtual std::optional<PhysAddr> Allocate() = 0;

  /// Takes back a table page that nothing refers to any more, whatever is in it.
  virtual void Free(PhysAddr table) = 0;

 protected:
  ~PtpSource() = default;
};

/// Has no table pages: for operations whose tables are there. Getting one back is our own misuse.
class NoPtpSource final : public PtpSource {
 public:
  std::optional<PhysAddr> Allocate() override { return std::nullopt; }
  void Free(PhysAddr table) override { PW_CHECK(false, Violation::kAssertion, table.value()); }
};

}  // namespace pageward::ptable
