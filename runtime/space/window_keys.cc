#include "runtime/space/window_keys.h"

#include "runtime/core/check.h"

namespace pageward::space {

void WindowKeys::AddRegion() {
  using Purpose = keys::KeyBroker::Purpose;
  static constexpr Purpose kPurposes[kMost] = {Purpose::kView, Purpose::kSecondView,
                                               Purpose::kThirdView};
  const std::uint32_t regions = regions_.fetch_add(1, std::memory_order_relaxed) + 1;
  MutexLock lock(mutex_);
  const unsigned count = count_.load(std::memory_order_relaxed);
  if (count >= kMost || count >= regions) {
    return;
  }
  if (const Result<arch::Pkey> key = broker_.KeyFor(kPurposes[count]); key.ok()) {
    keys_[count] = *key;
    count_.store(count + 1, std::memory_order_release);
  }
}

std::optional<unsigned> WindowKeys::OpenUnused(bool may_be_carried) {
  for (unsigned i = 0; i < count(); ++i) {
    std::uint32_t nobody = 0;
    if ((may_be_carried || carried_[i].load(std::memory_order_relaxed) == 0) &&
        open_[i].load(std::memory_order_relaxed) == 0 &&
        open_[i].compare_exchange_strong(nobody, 1, std::memory_order_acquire)) {
      return i;
    }
  }
  return std::nullopt;
}

unsigned WindowKeys::Open(std::optional<unsigned> carried) {
  PW_ASSERT(count() > 0 && (!carried || *carried < count()));
  if (carried && open_[*carried].fetch_add(1, std::memory_order_acquire) == 0) {
    return *carried;
  }
  std::optional<unsigned> other = OpenUnused(false);
  if (!other) {
    other = OpenUnused(true);
  }
  if (other) {
    if (carried) {
      Close(*carried);
      rotations_.fetch_add(1, std::memory_order_relaxed);
    }
    return *other;
  }
  shared_.fetch_add(1, std::memory_order_relaxed);
  if (carried) {
    return *carried;
  }
  unsigned least = 0;
  for (unsigned i = 1; i < count(); ++i) {
    if (open_[i].load(std::memory_order_relaxed) < open_[least].load(std::memory_order_relaxed)) {
      least = i;
    }
  }
  open_[least].fetch_add(1, std::memory_order_acquire);
  return least;
}

void WindowKeys::ForgetAfterFork() {
  for (unsigned i = 0; i < kMost; ++i) {
    open_[i].store(0, std::memory_order_relaxed);
    carried_[i].store(0, std::memory_order_relaxed);
  }
  regions_.store(0, std::memory_order_relaxed);
  mutex_.ReinitializeAfterFork();
}

}  // namespace pageward::space
