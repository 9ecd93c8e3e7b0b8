#include "runtime/space/window_keys.h"

#include "runtime/core/check.h"

namespace pageward::space {

WindowKeys::WindowKeys(os::Os& os, keys::KeyBroker& broker) : os_(os), broker_(broker) {
  has_barrier_ = os.SynchronizeThreads().ok();
}

void WindowKeys::Add(Region& region) {
  using Purpose = keys::KeyBroker::Purpose;
  static constexpr Purpose kPurposes[kMost] = {Purpose::kView, Purpose::kSecondView,
                                               Purpose::kThirdView};
  MutexLock lock(mutex_);
  unsigned regions = 1;
  for (const Region* other = first_; other != nullptr; other = other->next_) {
    ++regions;
  }
  region.next_ = first_;
  first_ = &region;
  const unsigned count = count_.load(std::memory_order_relaxed);
  if (count >= kMost || count >= regions) {
    return;
  }
  if (const Result<arch::Pkey> key = broker_.KeyFor(kPurposes[count]); key.ok()) {
    keys_[count] = *key;
    count_.store(count + 1, std::memory_order_release);
  }
}

void WindowKeys::Remove(Region& region) {
  MutexLock lock(mutex_);
  Region** at = &first_;
  while (*at != nullptr && *at != &region) {
    at = &(*at)->next_;
  }
  PW_ASSERT(*at == &region);
  *at = region.next_;
  region.key_ = kNoKey;
  region.is_open_.store(0, std::memory_order_relaxed);
  NoteSharing();
}

void WindowKeys::Release(Region& region) {
  MutexLock lock(mutex_);
  region.key_ = kNoKey;
  NoteSharing();
}

unsigned WindowKeys::UsersOf(unsigned key) const {
  unsigned users = 0;
  for (const Region* region = first_; region != nullptr; region = region->next_) {
    users += region->key_ == key ? 1u : 0u;
  }
  return users;
}

unsigned WindowKeys::OpenersOf(unsigned key, const Region& but) const {
  unsigned openers = 0;
  for (const Region* region = first_; region != nullptr; region = region->next_) {
    const bool is_open = region->is_open_.load(std::memory_order_seq_cst) != 0;
    openers += region != &but && region->key_ == key && is_open ? 1u : 0u;
  }
  return openers;
}

void WindowKeys::NoteSharing() {
  for (unsigned key = 0; key < kMost; ++key) {
    is_shared_[key].store(UsersOf(key) > 1 ? 1 : 0, std::memory_order_seq_cst);
  }
}

unsigned WindowKeys::Pick(const Region& region) {
  PW_ASSERT(count() > 0);
  if (region.key_ != kNoKey && OpenersOf(region.key_, region) == 0) {
    return region.key_;
  }
  for (unsigned key = 0; key < count(); ++key) {
    if (UsersOf(key) == 0) {
      return key;
    }
  }
  // Each key has a user, who opens it without looking as long as it is the only one.
  for (unsigned key = 0; key < count(); ++key) {
    is_shared_[key].store(1, std::memory_order_seq_cst);
  }
  const bool can_look = !has_barrier_ || os_.SynchronizeThreads().ok();
  unsigned least = region.key_ != kNoKey ? region.key_ : 0;
  unsigned openers = can_look ? OpenersOf(least, region) : 1;
  for (unsigned key = 0; key < count() && can_look && openers > 0; ++key) {
    if (const unsigned others = OpenersOf(key, region); others < openers) {
      // A key of fewer others is worth new views only if there are none.
      if (others == 0 || region.key_ == kNoKey) {
        least = key;
        openers = others;
      }
    }
  }
  if (openers > 0) {
    shared_.fetch_add(1, std::memory_order_relaxed);
  }
  return least;
}

unsigned WindowKeys::OpenSlowly(Region& region) {
  MutexLock lock(mutex_);
  const unsigned former = region.key_;
  region.key_ = static_cast<std::uint8_t>(Pick(region));
  if (former != kNoKey && former != region.key_) {
    rotations_.fetch_add(1, std::memory_order_relaxed);
  }
  NoteSharing();
  return region.key_;
}

}  // namespace pageward::space
