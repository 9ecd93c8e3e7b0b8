#include "hooks/jemalloc/arena_set.h"

#include "hooks/jemalloc/extent_hooks.h"

namespace pageward::hooks {
namespace {

constexpr bool kHasBatches = PAGEWARD_JEMALLOC_BATCH != 0;

}  // namespace

Status ArenaSet::Init(std::uint32_t most) {
  MutexLock lock(mutex_);
  most_ = most < kMostArenas ? most : kMostArenas;
  JemallocExtentHooks* hooks = ExtentHooks();
  if (jemalloc_mallctl("arena.0.extent_hooks", nullptr, nullptr, &hooks, sizeof(hooks)) != 0) {
    return Error::kNoMemory;
  }
  if constexpr (kHasBatches) {
    unsigned cache = 0;
    std::size_t length = sizeof(cache);
    if (jemalloc_mallctl("tcache.create", &cache, &length, nullptr, 0) != 0) {
      return Error::kNoMemory;
    }
    arena_word_ = FindArenaWord(cache);
    // The build has checked the layout with this very archive.
    PW_CHECK(arena_word_ < FlushTarget::kSlowWords, Violation::kInvariant, arena_word_);
  }
  return Make();
}

Status ArenaSet::Make() {
  const std::uint32_t count = count_.load(std::memory_order_relaxed);
  const Result<unsigned> index = CreateArena();
  if (!index.ok()) {
    return index.error();
  }
  Arena& arena = arenas_[count];
  arena.index = *index;
  if constexpr (kHasBatches) {
    arena.flush_target.Init(je_arenas[*index], arena_word_);
  }
  count_.store(count + 1, std::memory_order_release);
  return Status();
}

ArenaSlot ArenaSet::Enter() {
  MutexLock lock(mutex_);
  std::uint32_t best = 0;
  const std::uint32_t count = count_.load(std::memory_order_relaxed);
  for (std::uint32_t i = 1; i < count; ++i) {
    best = arenas_[i].threads < arenas_[best].threads ? i : best;
  }
  if (arenas_[best].threads > 0 && count < most_ && Make().ok()) {
    best = count;
  }
  ++arenas_[best].threads;
  return ArenaSlot{static_cast<std::uint16_t>(best)};
}

void ArenaSet::Leave(ArenaSlot slot) {
  MutexLock lock(mutex_);
  PW_ASSERT(arenas_[slot.value].threads > 0);
  --arenas_[slot.value].threads;
}

void ArenaSet::ForgetOtherThreads(std::optional<ArenaSlot> survivor) {
  for (Arena& arena : arenas_) {
    arena.threads = 0;
  }
  if (survivor) {
    arenas_[survivor->value].threads = 1;
  }
}

std::size_t ArenaSet::Fill(ArenaSlot slot, unsigned bin_index, std::size_t object_bytes,
                           std::span<void*> slots) {
  if constexpr (kHasBatches) {
    return BatchFill(je_arenas[arenas_[slot.value].index], bin_index, slots);
  }
  std::size_t filled = 0;
  for (std::size_t i = slots.size(); i-- > 0; ++filled) {
    slots[i] = jemalloc_mallocx(object_bytes, FlagsOf(slot));
    if (slots[i] == nullptr) {
      break;
    }
  }
  return filled;
}

void ArenaSet::Flush(ArenaSlot slot, unsigned bin_index, std::size_t object_bytes,
                     std::span<void*> objects) {
  if constexpr (kHasBatches) {
    BatchFlush(arenas_[slot.value].flush_target, bin_index, objects);
    return;
  }
  for (void* object : objects) {
    jemalloc_sdallocx(object, object_bytes, kAllocxNoCache);
  }
}

}  // namespace pageward::hooks
