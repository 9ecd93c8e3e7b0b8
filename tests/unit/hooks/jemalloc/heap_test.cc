// The heap on the real system: jemalloc, page allocator and kernel included.
#include "hooks/jemalloc/heap.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "hooks/jemalloc/extent_hooks.h"
#include "tests/support/hooks/heap_fixture.h"

namespace pageward::hooks {
namespace {

using object::kLargestCachedBytes;
using testing_support::TestEngine;
using testing_support::TestHeap;

class HeapTest : public testing::Test {
 protected:
  Heap& heap_ = TestHeap();
};

// Sizes around every class boundary, and some large ones.
std::vector<std::size_t> InterestingSizes() {
  std::vector<std::size_t> sizes = {0, 1, 8};
  for (std::size_t i = 0; i < object::kSizeClassCount; ++i) {
    const std::size_t bytes = object::BytesOf(object::SizeClass(i));
    sizes.insert(sizes.end(), {bytes - 1, bytes, bytes + 1});
  }
  for (std::size_t bytes = 65536; bytes <= (std::size_t{64} << 20); bytes *= 4) {
    sizes.insert(sizes.end(), {bytes - 1, bytes, bytes + 4096});
  }
  return sizes;
}

TEST_F(HeapTest, ObjectsOfEverySizeAreAlignedWritableAndInTheZone) {
  for (const std::size_t bytes : InterestingSizes()) {
    auto* object = static_cast<unsigned char*>(heap_.Allocate(bytes));
    ASSERT_NE(object, nullptr) << bytes;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(object) % 16, 0u) << bytes;
    EXPECT_TRUE(TestEngine().zone().range().Contains(VirtAddr::Of(object))) << bytes;
    EXPECT_GE(heap_.UsableSize(object), bytes);
    std::memset(object, 0x5a, heap_.UsableSize(object));
    heap_.Free(object);
  }
}

TEST_F(HeapTest, LiveObjectsDoNotOverlap) {
  std::vector<std::pair<unsigned char*, std::size_t>> objects;
  std::uint64_t seed = 1;
  for (int i = 0; i < 3000; ++i) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    const std::size_t bytes = 1 + (seed >> 33) % 3000;
    auto* object = static_cast<unsigned char*>(heap_.Allocate(bytes));
    ASSERT_NE(object, nullptr);
    std::memset(object, i & 0xff, bytes);
    objects.emplace_back(object, bytes);
  }
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const auto [object, bytes] = objects[i];
    for (std::size_t at = 0; at<bytes; at += bytes> 1 ? bytes - 1 : 1) {
      ASSERT_EQ(object[at], i & 0xff);
    }
    heap_.Free(object);
  }
}

TEST_F(HeapTest, ZeroedObjectsAreZeroAlsoWhenTheirMemoryWasUsedBefore) {
  for (const std::size_t bytes : {std::size_t{40}, std::size_t{4096}, std::size_t{100000}}) {
    auto* first = static_cast<unsigned char*>(heap_.Allocate(bytes));
    std::memset(first, 0xff, bytes);
    heap_.Free(first);
    auto* object = static_cast<unsigned char*>(heap_.AllocateZeroed(bytes));
    for (std::size_t i = 0; i < bytes; ++i) {
      ASSERT_EQ(object[i], 0) << bytes << " +" << i;
    }
    heap_.Free(object);
  }
}

TEST_F(HeapTest, AlignmentsFromAGranuleToAGibibyteAreKept) {
  for (std::size_t alignment = 16; alignment <= (std::size_t{1} << 30); alignment *= 2) {
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{100}, std::size_t{5000}}) {
      void* object = heap_.AllocateAligned(bytes, alignment);
      ASSERT_NE(object, nullptr) << alignment;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(object) % alignment, 0u) << alignment;
      std::memset(object, 1, bytes);
      heap_.Free(object);
    }
  }
}

TEST_F(HeapTest, ReallocatingKeepsContentsAcrossEveryKindOfMove) {
  const std::size_t kSteps[] = {1,        16,      17,    200,    5000,  14336,
                                14337,    32768,   32769, 90000,  40000, 3000000,
                                30000000, 2000000, 20000, 100000, 500,   10};
  unsigned char* object = nullptr;
  std::size_t old_bytes = 0;
  for (const std::size_t bytes : kSteps) {
    object = static_cast<unsigned char*>(heap_.Reallocate(object, bytes));
    ASSERT_NE(object, nullptr) << bytes;
    const std::size_t kept = old_bytes < bytes ? old_bytes : bytes;
    for (std::size_t i = 0; i < kept; ++i) {
      ASSERT_EQ(object[i], static_cast<unsigned char>(i * 7)) << bytes << " +" << i;
    }
    for (std::size_t i = 0; i < bytes; ++i) {
      object[i] = static_cast<unsigned char>(i * 7);
    }
    old_bytes = bytes;
  }
  heap_.Free(object);
}

TEST_F(HeapTest, AFailedReallocationLeavesTheObjectAsItWas) {
  auto* object = static_cast<char*>(heap_.Allocate(100000));
  object[99999] = 'x';
  EXPECT_EQ(heap_.Reallocate(object, std::size_t{1} << 50), nullptr);
  EXPECT_EQ(object[99999], 'x');
  EXPECT_GE(heap_.UsableSize(object), 100000u);
  heap_.Free(object);
}

TEST_F(HeapTest, TheFirstHalfOfUsableSizeKnowsLiveObjectsOfSizeClassesOnly) {
  char* object = static_cast<char*>(heap_.Allocate(100));
  EXPECT_EQ(heap_.TryUsableSize(object), heap_.UsableSize(object));
  EXPECT_EQ(heap_.TryUsableSize(object + 16), 0u);
  EXPECT_EQ(heap_.TryUsableSize(nullptr), 0u);
  EXPECT_EQ(heap_.TryUsableSize(this), 0u);
  void* large = heap_.Allocate(100000);
  EXPECT_EQ(heap_.TryUsableSize(large), 0u);
  heap_.Free(large);
  heap_.Free(object);
  EXPECT_EQ(heap_.TryUsableSize(object), 0u);
}

TEST_F(HeapTest, WhatCannotBeHadIsNull) {
  EXPECT_EQ(heap_.Allocate(std::size_t{1} << 50), nullptr);
  EXPECT_EQ(heap_.AllocateZeroed(std::size_t{1} << 62), nullptr);
  EXPECT_EQ(heap_.AllocateAligned(100, std::size_t{1} << 45), nullptr);
}

TEST_F(HeapTest, ObjectsMayBeFreedByAnotherThread) {
  std::vector<void*> objects;
  std::thread producer([&] {
    for (int i = 0; i < 5000; ++i) {
      objects.push_back(heap_.Allocate(static_cast<std::size_t>(i % 500)));
    }
  });
  producer.join();
  std::thread consumer([&] {
    for (void* object : objects) {
      heap_.Free(object);
    }
  });
  consumer.join();
}

TEST_F(HeapTest, AThreadThatEndsLeavesNothingInItsCache) {
  const std::uint32_t threads = heap_.ThreadCount();
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) {
      heap_.Free(heap_.Allocate(static_cast<std::size_t>(i)));
    }
    EXPECT_EQ(heap_.ThreadCount(), threads + 1);
  });
  other.join();
  EXPECT_EQ(heap_.ThreadCount(), threads);
}

TEST_F(HeapTest, AThreadThatIsEndingIsServedWithoutACache) {
  std::thread other([&] {
    void* before = heap_.Allocate(100);
    heap_.LeaveThread();
    void* after = heap_.Allocate(100);
    ASSERT_NE(after, nullptr);
    EXPECT_EQ(t_heap.state, ThreadHeap::State::kWithout);
    heap_.Free(before);
    heap_.Free(after);
  });
  other.join();
}

TEST_F(HeapTest, JemallocsFlagsAreFollowed) {
  auto* object =
      static_cast<unsigned char*>(heap_.AllocateWithFlags(3000, AllocxAlignLog2(12) | kAllocxZero));
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(object) % 4096, 0u);
  EXPECT_EQ(object[2999], 0);
  EXPECT_EQ(heap_.SizeFor(3000, AllocxAlignLog2(12)), heap_.UsableSize(object));
  auto* moved = static_cast<unsigned char*>(heap_.ReallocateWithFlags(object, 300000, 0));
  ASSERT_NE(moved, nullptr);
  EXPECT_GE(heap_.ResizeInPlace(moved, 300000, 50000, 0), 300000u);
  heap_.FreeWithFlags(moved, kAllocxNoCache);
}

// Spec: U4
TEST_F(HeapTest, ArenaZeroServesNobody) {
  void* object = heap_.AllocateWithFlags(100000, AllocxArena(0));
  ASSERT_NE(object, nullptr);
  EXPECT_TRUE(TestEngine().zone().range().Contains(VirtAddr::Of(object)));
  heap_.FreeWithFlags(object, 0);
}

TEST_F(HeapTest, ManyThreadsChurnWithoutMixingUpTheirObjects) {
  const auto work = [&](std::uint64_t seed) {
    std::vector<std::pair<unsigned char*, std::size_t>> held(200, {nullptr, 0});
    for (int i = 0; i < 30000; ++i) {
      seed = seed * 6364136223846793005 + 1442695040888963407;
      auto& [object, bytes] = held[(seed >> 40) % held.size()];
      if (object != nullptr) {
        ASSERT_EQ(object[0], static_cast<unsigned char>(bytes));
        ASSERT_EQ(object[bytes - 1], static_cast<unsigned char>(bytes));
        heap_.Free(object);
      }
      bytes = 1 + (seed >> 20) % ((seed & 0x1f) == 0 ? 100000 : 800);
      object = static_cast<unsigned char*>(heap_.Allocate(bytes));
      ASSERT_NE(object, nullptr);
      object[0] = object[bytes - 1] = static_cast<unsigned char>(bytes);
    }
    for (const auto& [object, bytes] : held) {
      heap_.Free(object);
    }
  };
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 6; ++i) {
    threads.emplace_back(work, i + 1);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

// --- Wrong pointers ------------------------------------------------------------------------------

using HeapDeathTest = HeapTest;

TEST_F(HeapDeathTest, FreeingTwiceDiesAtOnce) {
  void* object = heap_.Allocate(100);
  heap_.Free(object);
  EXPECT_DEATH(heap_.Free(object), "double free: free of 0x[0-9a-f]+: the object there has been");
}

TEST_F(HeapDeathTest, FreeingTwiceDiesAlsoWithOthersInBetween) {
  std::vector<void*> objects;
  for (int i = 0; i < 1000; ++i) {
    objects.push_back(heap_.Allocate(100));
  }
  for (void* object : objects) {
    heap_.Free(object);
  }
  EXPECT_DEATH(heap_.Free(objects[3]), "double free");
  heap_.FlushThread();
  EXPECT_DEATH(heap_.Free(objects[3]), "double free");
}

TEST_F(HeapDeathTest, FreeingTwiceDiesFromAnotherThread) {
  void* object = heap_.Allocate(100);
  heap_.Free(object);
  EXPECT_DEATH(
      {
        std::thread other([&] { heap_.Free(object); });
        other.join();
      },
      "double free");
}

TEST_F(HeapDeathTest, FreeingALargeObjectTwiceDies) {
  void* object = heap_.Allocate(1 << 20);
  heap_.Free(object);
  EXPECT_DEATH(heap_.Free(object), "double free: free of 0x[0-9a-f]+: ");
}

TEST_F(HeapDeathTest, AnInteriorPointerDiesWithTheObjectItPointsInto) {
  auto* object = static_cast<char*>(heap_.Allocate(200));
  EXPECT_DEATH(heap_.Free(object + 16),
               "interior pointer: free of .*: it points 16 bytes into the 224-byte object at 0x");
  EXPECT_DEATH(heap_.Free(object + 1), "interior pointer: .*it points 1 bytes into");
  heap_.Free(object);
  auto* large = static_cast<char*>(heap_.Allocate(3 << 20));
  EXPECT_DEATH(heap_.Free(large + 4096), "interior pointer: .*it points 4096 bytes into");
  EXPECT_DEATH(heap_.Free(large + (2 << 20)), "interior pointer");
  heap_.Free(large);
}

TEST_F(HeapDeathTest, AForeignPointerDiesWithWhatItIs) {
  int on_stack = 0;
  static int in_data = 0;
  EXPECT_DEATH(heap_.Free(&on_stack), "foreign pointer: free of .*: it points into the stack");
  EXPECT_DEATH(heap_.Free(&in_data),
               "foreign pointer: .*it points into the static data or code of /");
  EXPECT_DEATH(heap_.Free(reinterpret_cast<void*>(0x4000)),
               "foreign pointer: .*nothing is mapped there");
}

TEST_F(HeapDeathTest, WrongPointersDieInReallocAndUsableSizeToo) {
  int on_stack = 0;
  void* object = heap_.Allocate(64);
  heap_.Free(object);
  EXPECT_DEATH(heap_.Reallocate(object, 100), "double free: realloc of");
  EXPECT_DEATH(heap_.Reallocate(&on_stack, 100), "foreign pointer: realloc of");
  EXPECT_DEATH(static_cast<void>(heap_.UsableSize(object)), "double free: malloc_usable_size of");
}

TEST_F(HeapDeathTest, FreedMemoryNextToALiveObjectIsNoObject) {
  auto* object = static_cast<char*>(heap_.Allocate(64));
  std::set<void*> all;
  for (int i = 0; i < 200; ++i) {
    all.insert(heap_.Allocate(64));
  }
  // An address of the slab where an object could start but none has been handed out.
  char* never = object;
  while (all.count(never) != 0 || never == object) {
    never += 64;
  }
  EXPECT_DEATH(heap_.Free(never), "double free|interior pointer|foreign pointer");
  for (void* one : all) {
    heap_.Free(one);
  }
  heap_.Free(object);
}

}  // namespace
}  // namespace pageward::hooks
