// The bound on what the arena of large objects keeps, seen through the heap that uses it. The
// heap of the tests has no decay time, so arenas with one are made here.
#include "hooks/jemalloc/large_arena.h"

#include <gtest/gtest.h>

#include <vector>

#include "hooks/jemalloc/extent_hooks.h"
#include "hooks/jemalloc/jemalloc_api.h"
#include "tests/support/hooks/heap_fixture.h"

namespace pageward::hooks {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

class LargeArenaTest : public testing::Test {
 protected:
  void SetUp() override {
    testing_support::TestHeap();
    const Result<unsigned> index = CreateArena();
    ASSERT_TRUE(index.ok());
    arena_.Init(*index, kMiB);
    const std::string name = "arena." + std::to_string(arena_.index()) + ".dirty_decay_ms";
    ssize_t never = -1;
    ASSERT_EQ(jemalloc_mallctl(name.c_str(), nullptr, nullptr, &never, sizeof(never)), 0);
  }
  // The bytes of the heap's own large arena are counted again.
  void TearDown() override { WatchArena(testing_support::TestHeap().large().index()); }

  void* Allocate(std::size_t bytes) {
    void* block = jemalloc_mallocx(bytes, AllocxArena(arena_.index()) | kAllocxNoCache);
    arena_.NoteAllocated(jemalloc_sallocx(block, 0));
    return block;
  }
  void Free(void* block) {
    const std::size_t usable = jemalloc_sallocx(block, 0);
    jemalloc_dallocx(block, kAllocxNoCache);
    arena_.NoteFreed(usable);
  }

  LargeArena arena_;
};

TEST_F(LargeArenaTest, ItServesRequestsFromItsSizeOn) {
  EXPECT_FALSE(arena_.Serves(kMiB - 1));
  EXPECT_TRUE(arena_.Serves(kMiB));
  EXPECT_FALSE(LargeArena().Serves(SIZE_MAX - 1)) << "before it is made";
}

TEST_F(LargeArenaTest, ABlockThatComesAndGoesIsKept) {
  void* const first = Allocate(5 * kMiB);
  Free(first);
  EXPECT_GE(arena_.kept_bytes(), 5 * kMiB);
  for (int i = 0; i < 20; ++i) {
    void* const again = Allocate(5 * kMiB);
    // jemalloc starts large objects on any cache line of their first page.
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(again) / 4096,
              reinterpret_cast<std::uintptr_t>(first) / 4096);
    Free(again);
  }
  EXPECT_EQ(arena_.live_bytes(), 0u);
}

TEST_F(LargeArenaTest, WhatIsKeptBeyondTheBoundGoesBack) {
  std::vector<void*> blocks;
  for (int i = 0; i < 10; ++i) {
    blocks.push_back(Allocate(2 * kMiB));
  }
  EXPECT_EQ(arena_.live_bytes(), 20 * kMiB);
  for (void* block : blocks) {
    Free(block);
    EXPECT_LE(arena_.kept_bytes(), LargeArena::kLeastKeptBytes);
  }
  EXPECT_EQ(arena_.live_bytes(), 0u);
}

TEST_F(LargeArenaTest, AProgramThatHoldsMuchKeepsAShareOfIt) {
  void* const held = Allocate(160 * kMiB);
  std::vector<void*> blocks;
  for (int i = 0; i < 15; ++i) {
    blocks.push_back(Allocate(kMiB));
  }
  for (void* block : blocks) {
    Free(block);
  }
  EXPECT_GT(arena_.kept_bytes(), LargeArena::kLeastKeptBytes);
  EXPECT_LE(arena_.kept_bytes(), 160 * kMiB / LargeArena::kKeptShare);
  Free(held);
}

class LargeObjectTest : public testing::Test {
 protected:
  Heap& heap_ = testing_support::TestHeap();
};

TEST_F(LargeObjectTest, TheHeapCountsItsLargeObjectsThroughEveryChange) {
  const std::uint64_t before = heap_.large().live_bytes();
  void* object = heap_.Allocate(3 * kMiB);
  EXPECT_EQ(heap_.large().live_bytes(), before + heap_.UsableSize(object));
  object = heap_.Reallocate(object, 20 * kMiB);
  EXPECT_EQ(heap_.large().live_bytes(), before + heap_.UsableSize(object));
  object = heap_.Reallocate(object, 2 * kMiB);
  EXPECT_EQ(heap_.large().live_bytes(), before + heap_.UsableSize(object));
  heap_.ResizeInPlace(object, kMiB + kMiB / 2, 0, 0);
  EXPECT_EQ(heap_.large().live_bytes(), before + heap_.UsableSize(object));
  EXPECT_EQ(heap_.Reallocate(object, std::size_t{1} << 50), nullptr);
  EXPECT_EQ(heap_.large().live_bytes(), before + heap_.UsableSize(object));
  heap_.FreeWithFlags(object, kAllocxNoCache);
  EXPECT_EQ(heap_.large().live_bytes(), before);
}

TEST_F(LargeObjectTest, ObjectsThatGrowIntoTheSizeAndOutOfItAreCountedWhereTheyLie) {
  const std::uint64_t before = heap_.large().live_bytes();
  for (const std::size_t bytes : {kMiB / 2, 4 * kMiB, kMiB / 4, 2 * kMiB, std::size_t{100}}) {
    void* object = heap_.Reallocate(nullptr, bytes);
    for (const std::size_t next : {kMiB * 3, kMiB / 3, kMiB * 5, std::size_t{50'000}}) {
      object = heap_.Reallocate(object, next);
      ASSERT_NE(object, nullptr);
    }
    heap_.Free(object);
    EXPECT_EQ(heap_.large().live_bytes(), before) << bytes;
  }
}

TEST_F(LargeObjectTest, AlignedAndZeroedOnesAreCountedToo) {
  const std::uint64_t before = heap_.large().live_bytes();
  void* aligned = heap_.AllocateAligned(2 * kMiB, 8 * kMiB);
  void* zeroed = heap_.AllocateZeroed(3 * kMiB);
  EXPECT_EQ(heap_.large().live_bytes(),
            before + heap_.UsableSize(aligned) + heap_.UsableSize(zeroed));
  heap_.Free(aligned);
  heap_.Free(zeroed);
  EXPECT_EQ(heap_.large().live_bytes(), before);
}

}  // namespace
}  // namespace pageward::hooks
