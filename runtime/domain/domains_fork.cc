// What becomes of domains in a fork child.
#include "runtime/arch/pku.h"
#include "runtime/domain/domains.h"

namespace pageward::domain {

void Domains::ChildAfterFork(keys::ThreadState& thread) {
  if (uses_keys_) {
    // The thread may have forked inside windows.
    const arch::Pkru rights = arch::ReadPkru();
    // Both bits of each field: access disable is the one that counts.
    arch::WritePkru(arch::Pkru(rights.value() | (domain_key_bits_ & kAccessDisableBits)));
  }
  pins_->KeepOnly(thread);
  has_forked_ = true;
  for (std::uint32_t i = 0; i < used_indexes_; ++i) {
    Domain& domain = domains_[i];
    if (domain.handle == Handle{} && domain.state != State::kDying) {
      continue;
    }
    domain.memory.locked_blocks = 0;
    domain.readers = 0;
    domain.writers = 0;
    if (domain.options.fork == ForkPolicy::kGone) {
      keys_->Forget(i);
      domain.memory.rights = closed_;
      if (domain.state == State::kAlive) {
        domain.state = State::kGone;
        ++lost_in_fork_;
      }
    } else if (domain.means == Means::kProtection) {
      const Status closed = ChangeProtection(domain);
      PW_CHECK(closed.ok(), Violation::kProtection, domain.handle.value);
    }
  }
  if (!zone_->ReserveAfterFork().ok()) {
    is_lost_ = true;
  }
  mutex_.Unlock();
}

}  // namespace pageward::domain
