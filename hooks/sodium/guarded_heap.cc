#include "hooks/sodium/guarded_heap.h"

#include <cstring>

#include "runtime/core/bits.h"
#include "runtime/core/check.h"
#include "runtime/core/text.h"
#include "runtime/keys/gate.h"

namespace pageward::hooks {
namespace {

// The pages that an object and its canary fill.
constexpr std::uint64_t DataPagesOf(std::size_t bytes) {
  return (bytes + Canary::kBytes + kFrameBytes - 1) / kFrameBytes;
}

bool IsLarge(std::uint64_t data_pages) {
  return data_pages > GuardedRegion::kMostSlotPages;
}

// memset() that stays although nobody reads what it has written.
void Wipe(VirtRange data) {
  void* begin = data.begin.AsPointer();
  std::memset(begin, 0, data.bytes);
  asm volatile("" : : "r"(begin) : "memory");
}

[[noreturn, gnu::cold]] void DieOf(Violation violation, std::string_view caller, VirtAddr object,
                                   std::string_view why) {
  Text<256> message;
  message.Append(caller).Append(" of ").AppendHex(object.value()).Append(": ").Append(why);
  Fatal(violation, message.view());
}

[[noreturn, gnu::cold]] void DieOfInterior(std::string_view caller, VirtAddr object, VirtAddr start,
                                           std::uint64_t bytes) {
  Text<160> why;
  const bool is_behind = object > start;
  why.Append("it points ").AppendDecimal(is_behind ? object - start : start - object);
  why.Append(is_behind ? " bytes into the " : " bytes before the ");
  why.AppendDecimal(bytes).Append("-byte object at ").AppendHex(start.value());
  DieOf(Violation::kInteriorPointer, caller, object, why.view());
}

}  // namespace

void GuardedHeap::Prepare(os::Os& os, const Options& options) {
  const keys::Gate gate;
  os_ = &os;
  options_ = options;
}

void GuardedHeap::Stop() {
  if (IsStarted()) {
    region_.Stop(*os_);
  }
}

// --- Handing out -------------------------------------------------------------------------------

void* GuardedHeap::Allocate(std::size_t bytes) {
  if (bytes > GuardedRegion::kMostBytes) {
    return nullptr;
  }
  const std::uint64_t data_pages = DataPagesOf(bytes);
  return IsLarge(data_pages) ? AllocateLarge(bytes, data_pages) : AllocateSmall(bytes, data_pages);
}

void* GuardedHeap::AllocateSmall(std::size_t bytes, std::uint64_t data_pages) {
  const Result<Taken> taken = TakeSlot(data_pages);
  if (!taken.ok()) {
    return nullptr;
  }
  const SlotPlace place = taken->place;
  if (!Open(*taken).ok()) {
    PutSlot(place, taken->before);
    return nullptr;
  }
  const VirtRange data = region_.DataOf(place);
  if (taken->before == SlotState::kUnwiped) {
    Wipe(data);
  }
  if (!region_.block(place.block).is_locked.load(std::memory_order_relaxed)) {
    LockObject(data);
  }
  return FillIn(place, bytes);
}

void* GuardedHeap::AllocateLarge(std::size_t bytes, std::uint64_t data_pages) {
  const Result<SlotPlace> place = TakeLarge(bytes, data_pages);
  if (!place.ok()) {
    return nullptr;
  }
  const VirtRange data = region_.DataOf(*place);
  if (!os_->Protect(data, os::Protection::kReadWrite).ok()) {
    PutLarge(*place, data);
    return nullptr;
  }
  if (options_.uses_huge_pages && GuardedRegion::BeginsWithBlock(data_pages)) {
    static_cast<void>(os_->Advise(data, os::HugePages::kPreferred));
  }
  LockObject(data);
  // All at once, for less than what a fault for each page costs.
  static_cast<void>(os_->Populate(data));
  return FillIn(*place, bytes);
}

Status GuardedHeap::Open(const Taken& taken) const {
  const GuardedBlock& block = region_.block(taken.place.block);
  if (taken.before == SlotState::kFresh && block.has_markers.load(std::memory_order_relaxed)) {
    return os_->RemoveGuard(region_.DataOf(taken.place));
  }
  return os_->Protect(ExtentOf(taken.place), os::Protection::kReadWrite);
}

// When it is touched: other locked memory is looked through, page by page, whenever it becomes
// writable. A filter may know mlock(2) only. As libsodium does, an object that can't be locked is
// handed out all the same.
void GuardedHeap::LockObject(VirtRange data) {
  if (!os_->LockWhenTouched(data).ok() && !os_->LockInMemory(data).ok()) {
    const keys::Gate gate;
    not_locked_.fetch_add(1, std::memory_order_relaxed);
  }
}

void* GuardedHeap::FillIn(SlotPlace place, std::size_t bytes) {
  const VirtAddr object = region_.DataOf(place).end() - bytes;
  canary_.WriteBefore(object);
  std::memset(object.AsPointer(), kFill, bytes);
  const keys::Gate gate;
  region_.slot(place).Store({SlotState::kLive, bytes});
  return object.AsPointer();
}

// --- Finding -----------------------------------------------------------------------------------

// The slot that `object` is the start of, and its word. Dies of everything else.
SlotPlace GuardedHeap::FindObject(VirtAddr object, std::string_view caller, SlotWord* word) const {
  // The canary lies in the first page of the data, also if the object is empty.
  const std::optional<SlotPlace> place =
      IsStarted() ? region_.Find(object - Canary::kBytes) : std::nullopt;
  if (!place) {
    DieOf(Violation::kForeignPointer, caller, object,
          "no guarded object begins there, or not any more");
  }
  *word = region_.slot(*place).Load();
  if (word->state == SlotState::kFresh) {
    DieOf(Violation::kForeignPointer, caller, object, "no guarded object has ever been there");
  }
  if (!word->IsObject()) {
    DieOf(Violation::kDoubleFree, caller, object, "the object there has been given back");
  }
  const VirtAddr start = region_.DataOf(*place).end() - word->value;
  if (object != start) {
    DieOfInterior(caller, object, start, word->value);
  }
  return *place;
}

// The same, and this thread's own from now on.
SlotPlace GuardedHeap::TakeObject(VirtAddr object, SlotWord* word) {
  for (;;) {
    const SlotPlace place = FindObject(object, "sodium_free", word);
    const keys::Gate gate;
    if (region_.slot(place).TryChange(*word, {SlotState::kBusy, word->value})) {
      return place;
    }
  }
}

// What changes its access together with the data: behind it the guard page, if a marker keeps that
// out of reach whatever its access. So the mapping of a toggled slot ends where the next slot's
// begins, and there is none between them.
VirtRange GuardedHeap::ExtentOf(SlotPlace place) const {
  const VirtRange data = region_.DataOf(place);
  const GuardedBlock& block = region_.block(place.block);
  const bool has_markers = block.use.load(std::memory_order_relaxed) == BlockUse::kSlots &&
                           block.has_markers.load(std::memory_order_relaxed);
  return {data.begin, data.bytes + (has_markers ? kFrameBytes : 0)};
}

// --- Changing access ---------------------------------------------------------------------------

Status GuardedHeap::Protect(void* object, os::Protection protection) {
  SlotWord word;
  const SlotPlace place = FindObject(VirtAddr::Of(object), "sodium_mprotect", &word);
  const VirtRange extent = ExtentOf(place);
  if (word.state == SlotState::kLive) {
    const keys::Gate gate;
    const bool is_first = region_.slot(place).TryChange(word, {SlotState::kToggled, word.value});
    // Unlocked memory would be swapped out sooner for its mark; without one toggling is slower.
    if (is_first && region_.block(place.block).is_locked.load(std::memory_order_relaxed)) {
      static_cast<void>(
          os_->Mark(extent, place.slot % 2 == 0 ? os::MappingMark::kEven : os::MappingMark::kOdd));
    }
  }
  return os_->Protect(extent, protection);
}

// --- Taking back -------------------------------------------------------------------------------

void GuardedHeap::Free(void* object) {
  SlotWord word;
  const VirtAddr start = VirtAddr::Of(object);
  const SlotPlace place = TakeObject(start, &word);
  const VirtRange data = region_.DataOf(place);
  const VirtRange extent = ExtentOf(place);
  const bool was_toggled = word.state == SlotState::kToggled;
  if (was_toggled && !os_->Protect(extent, os::Protection::kReadWrite).ok()) {
    PutUnwiped(place);
    return;
  }
  if (!canary_.IsIntactBefore(start)) {
    DieOf(Violation::kCanary, "sodium_free", start, "something has written before the object");
  }
  Wipe(data);
  if (IsLarge(data.bytes / kFrameBytes)) {
    PutLarge(place, data);
    return;
  }
  // Where this fails, at the limit on mappings again, the wiped pages stay accessible.
  static_cast<void>(os_->Protect(extent, os::Protection::kNone));
  if (was_toggled) {
    static_cast<void>(os_->Mark(extent, os::MappingMark::kNone));
  }
  PutSlot(place, SlotState::kFree);
}

GuardedHeap::Figures GuardedHeap::figures() const {
  const keys::Gate gate;
  MutexLock lock(mutex_);
  return {.objects = objects_,
          .blocks = region_.blocks_in_use(),
          .not_locked = not_locked_.load(std::memory_order_relaxed),
          .not_wiped = not_wiped_.load(std::memory_order_relaxed)};
}

}  // namespace pageward::hooks
