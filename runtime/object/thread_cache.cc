#include "runtime/object/thread_cache.h"

#include <cstring>

namespace pageward::object {
namespace {

// The first refill of a bin is small: a short-lived thread should not take what it won't use.
constexpr std::uint16_t FirstFillOf(SizeClass size_class) {
  const std::size_t fill = CapacityOf(size_class) / 8;
  return static_cast<std::uint16_t>(fill > 0 ? fill : 1);
}

}  // namespace

void ThreadCache::Attach(CacheSlots* slots) {
  PW_ASSERT(!HasSlots());
  slots_ = slots;
  void** next = slots->slots.data();
  for (std::size_t i = 0; i < kSizeClassCount; ++i) {
    const SizeClass size_class(i);
    CacheBin& bin = bins_[i];
    next += CapacityOf(size_class);
    bin.first = next - UnusedCapacityOf(size_class);
    bin.head = next;
    bin.end = next;
    bin.fill_count = FirstFillOf(size_class);
    bin.ran_dry = false;
  }
}

CacheSlots* ThreadCache::Detach(ObjectSource& source) {
  FlushAll(source);
  return Abandon();
}

CacheSlots* ThreadCache::Abandon() {
  PW_ASSERT(HasSlots());
  CacheSlots* slots = slots_;
  slots_ = nullptr;
  bins_ = {};
  return slots;
}

void* ThreadCache::TakeFrom(ObjectSource& source, SizeClass size_class) {
  CacheBin& bin = bins_[size_class.index()];
  PW_ASSERT(HasSlots() && bin.head == bin.end);
  const std::size_t wanted = bin.fill_count;
  const std::size_t filled = source.Fill(size_class, {bin.end - wanted, wanted});
  if (filled == 0) {
    return nullptr;
  }
  bin.head = bin.end - filled;
  bin.first = bin.end - CapacityOf(size_class);
  bin.ran_dry = true;
  // Half the capacity at most, so that the other half has room for what comes back.
  const std::size_t most = CapacityOf(size_class) / 2;
  bin.fill_count = static_cast<std::uint16_t>(2 * wanted < most ? 2 * wanted : most);
  PW_INVARIANT(*this);
  return TryTake(size_class);
}

void ThreadCache::FlushOldest(ObjectSource& source, SizeClass size_class, std::size_t count) {
  CacheBin& bin = bins_[size_class.index()];
  PW_ASSERT(count <= bin.count());
  source.Flush(size_class, {bin.end - count, count});
  const std::size_t kept = bin.count() - count;
  std::memmove(bin.end - kept, bin.head, kept * sizeof(void*));
  bin.head = bin.end - kept;
}

void ThreadCache::MakeRoom(ObjectSource& source, SizeClass size_class) {
  PW_ASSERT(HasSlots());
  const CacheBin& bin = bins_[size_class.index()];
  if (bin.count() > 0) {
    FlushOldest(source, size_class, bin.ran_dry ? (bin.count() + 1) / 2 : bin.count());
  }
  PW_INVARIANT(*this);
}

void ThreadCache::Collect(ObjectSource& source) {
  PW_ASSERT(HasSlots());
  for (std::size_t i = 0; i < kSizeClassCount; ++i) {
    const SizeClass size_class(i);
    CacheBin& bin = bins_[i];
    if (!bin.ran_dry && bin.count() > 0) {
      FlushOldest(source, size_class, (bin.count() + 1) / 2);
      bin.fill_count = FirstFillOf(size_class);
    }
    bin.ran_dry = false;
  }
  PW_INVARIANT(*this);
}

void ThreadCache::FlushAll(ObjectSource& source) {
  PW_ASSERT(HasSlots());
  for (std::size_t i = 0; i < kSizeClassCount; ++i) {
    if (bins_[i].count() > 0) {
      FlushOldest(source, SizeClass(i), bins_[i].count());
    }
  }
  PW_INVARIANT(*this);
}

std::size_t ThreadCache::CachedBytes() const {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < kSizeClassCount; ++i) {
    bytes += bins_[i].count() * BytesOf(SizeClass(i));
  }
  return bytes;
}

void ThreadCache::CheckInvariants() const {
  for (std::size_t i = 0; i < kSizeClassCount; ++i) {
    const CacheBin& bin = bins_[i];
    const std::size_t capacity = HasSlots() ? CapacityOf(SizeClass(i)) : 0;
    const std::size_t unused = HasSlots() ? UnusedCapacityOf(SizeClass(i)) : 0;
    const auto slots = static_cast<std::size_t>(bin.end - bin.first);
    PW_CHECK(bin.first <= bin.head && bin.head <= bin.end && (slots == capacity || slots == unused),
             Violation::kInvariant, 1);
    for (void** slot = bin.head; slot < bin.end; ++slot) {
      PW_CHECK(*slot != nullptr, Violation::kInvariant, 2);
      for (void** other = slot + 1; other < bin.end; ++other) {
        PW_CHECK(*slot != *other, Violation::kInvariant, 3);
      }
    }
  }
}

}  // namespace pageward::object
