#include "runtime/core/lock_rank.h"

#include "runtime/core/check.h"

namespace pageward {
namespace {

// One bit per rank: ranks are few, and a thread holds at most one lock of each.
constinit thread_local std::uint32_t t_held = 0;
static_assert(kLockRankCount <= 32);

}  // namespace

void NoteLockTaken(LockRank rank) {
  const auto index = static_cast<unsigned>(rank);
  PW_CHECK(t_held >> index == 0, Violation::kLockOrder, index);
  t_held |= 1u << index;
}

void NoteLockReleased(LockRank rank) {
  const auto index = static_cast<unsigned>(rank);
  PW_CHECK((t_held >> index & 1) != 0, Violation::kLockOrder, index);
  t_held &= ~(1u << index);
}

void ForgetLocksHeld() {
  t_held = 0;
}

}  // namespace pageward
