// Flushes of what processors have cached of one process, under each of its PCIDs.
#pragma once

#include "runtime/sim/kernel.h"
#include "runtime/sim/user_root.h"

namespace pageward::sim {

/// Flushes under the PCID of a process and, if its user code runs with a table of its own, under
/// that one's.
class ProcessFlusher final : public ptable::TlbFlusher {
 public:
  /// Requires: `target` is the kernel's side of the process: its PCID and nothing else.
  ProcessFlusher(Kernel& kernel, const ptable::ShootdownTarget& target)
      : kernel_(kernel), target_(target) {
    PW_ASSERT(target.scope == ptable::ShootdownScope::kOnePcid);
  }

  void Flush(const ptable::FlushRequest& request) override {
    kernel_.machine().Flush(request, target_);
    if (kernel_.config().user_tables == UserTables::kIsolated) {
      ptable::ShootdownTarget user = target_;
      user.pcid = UserPcidOf(target_.pcid);
      kernel_.machine().Flush(request, user);
    }
  }

 private:
  Kernel& kernel_;
  const ptable::ShootdownTarget target_;
};

}  // namespace pageward::sim
