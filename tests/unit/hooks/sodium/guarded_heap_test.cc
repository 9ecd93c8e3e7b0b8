#include "hooks/sodium/guarded_heap.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/core/bits.h"
#include "runtime/core/units.h"
#include "tests/unit/hooks/sodium/heap_fixture.h"

namespace pageward::hooks {
namespace {

using os::Protection;
using testing_support::Access;

constexpr std::size_t kSizes[] = {
    0,        1,    15,    16,    32,    4079,   4080,    4081,
    4096,     8192, 60000, 65520, 65521, 100000, 2 << 20, (2 << 20) - 16 - 8192,
    5'000'000};

class GuardedHeapTest : public GuardedHeapFixture {};
INSTANTIATE_TEST_SUITE_P(Kernels, GuardedHeapTest, testing::Bool(), NameOfMarkers);

TEST_P(GuardedHeapTest, ObjectsOfEverySizeEndAtAPageOutOfReach) {
  for (const std::size_t bytes : kSizes) {
    SCOPED_TRACE(bytes);
    char* object = Allocate(bytes);
    ASSERT_NE(object, nullptr);
    EXPECT_TRUE(IsFilled(object, bytes));
    EXPECT_TRUE(IsAligned<std::uint64_t>(VirtAddr::Of(object + bytes).value(), kFrameBytes));
    EXPECT_TRUE(IsOutOfReach(object + bytes));
    EXPECT_EQ(Write(object - 1), Access::kOk);
    object[-1] = 0;  // The probe has written there; what it was is not known: never freed.
  }
}

TEST_P(GuardedHeapTest, BeforeTheDataIsAPageOutOfReach) {
  for (const std::size_t bytes : kSizes) {
    SCOPED_TRACE(bytes);
    const char* object = Allocate(bytes);
    const VirtAddr canary = VirtAddr::Of(object) - Canary::kBytes;
    const auto* first = VirtAddr(AlignDown(canary.value(), kFrameBytes)).AsPointer<const char>();
    EXPECT_EQ(Read(first), Access::kOk);
    EXPECT_TRUE(IsOutOfReach(first - 1));
  }
}

TEST_P(GuardedHeapTest, WhatIsFreedFaultsAndComesBackFilledAgain) {
  for (const std::size_t bytes : kSizes) {
    SCOPED_TRACE(bytes);
    // Often enough that slots come round again.
    for (int i = 0; i < 20; ++i) {
      char* object = Allocate(bytes);
      ASSERT_NE(object, nullptr);
      EXPECT_TRUE(IsFilled(object, bytes));
      std::memset(object, 1, bytes);
      heap_.Free(object);
      EXPECT_TRUE(IsOutOfReach(object - 1));
    }
  }
  EXPECT_EQ(heap_.figures().objects, 0u);
}

TEST_P(GuardedHeapTest, WhatIsFreedIsWipedBeforeItIsClosed) {
  char* object = Allocate(100);
  std::memset(object, 0x77, 100);
  heap_.Free(object);
  const VirtRange page{VirtAddr(AlignDown(VirtAddr::Of(object).value(), kFrameBytes)), kFrameBytes};
  ASSERT_TRUE(os_.Protect(page, Protection::kRead).ok());
  for (std::uint64_t i = 0; i < kFrameBytes; ++i) {
    ASSERT_EQ(page.begin.AsPointer<char>()[i], 0) << i;
  }
}

// Spec: U33
TEST_P(GuardedHeapTest, EachObjectHasAnAccessOfItsOwn) {
  std::vector<char*> objects;
  for (int i = 0; i < 60; ++i) {
    objects.push_back(Allocate(32));
    objects.back()[0] = static_cast<char>(i);
  }
  const Protection cycle[] = {Protection::kNone, Protection::kRead, Protection::kReadWrite};
  for (std::size_t shift = 0; shift < 3; ++shift) {
    for (std::size_t i = 0; i < objects.size(); ++i) {
      ASSERT_TRUE(heap_.Protect(objects[i], cycle[(i + shift) % 3]).ok());
    }
    for (std::size_t i = 0; i < objects.size(); ++i) {
      const Protection now = cycle[(i + shift) % 3];
      EXPECT_EQ(Read(objects[i]), now == Protection::kNone ? Access::kNotAllowed : Access::kOk);
      EXPECT_EQ(Write(objects[i] + 1),
                now == Protection::kReadWrite ? Access::kOk : Access::kNotAllowed);
      EXPECT_TRUE(IsOutOfReach(objects[i] + 32));
    }
  }
  for (std::size_t i = 0; i < objects.size(); ++i) {
    ASSERT_TRUE(heap_.Protect(objects[i], Protection::kRead).ok());
    EXPECT_EQ(objects[i][0], static_cast<char>(i));
    heap_.Free(objects[i]);
  }
}

TEST_P(GuardedHeapTest, AnAccessIsThatOfAllThreads) {
  char* object = Allocate(32);
  ASSERT_TRUE(heap_.Protect(object, Protection::kRead).ok());
  std::thread([&] {
    EXPECT_EQ(Read(object), Access::kOk);
    EXPECT_EQ(Write(object), Access::kNotAllowed);
    ASSERT_TRUE(heap_.Protect(object, Protection::kNone).ok());
  }).join();
  EXPECT_EQ(Read(object), Access::kNotAllowed);
}

TEST_P(GuardedHeapTest, ObjectsAreFreedWhateverTheirAccess) {
  for (const std::size_t bytes : kSizes) {
    for (const Protection access : {Protection::kNone, Protection::kRead, Protection::kReadWrite}) {
      char* object = Allocate(bytes);
      ASSERT_TRUE(heap_.Protect(object, access).ok());
      heap_.Free(object);
    }
  }
  EXPECT_EQ(heap_.figures().objects, 0u);
}

// Spec: U33
TEST_P(GuardedHeapTest, ObjectsNeedAtMostHalfOfLibsodiumsMappings) {
  constexpr std::size_t kObjects = 400;
  std::vector<char*> objects;
  heap_.Free(Allocate(32));
  const std::size_t before = MappingCount();
  for (std::size_t i = 0; i < kObjects; ++i) {
    objects.push_back(Allocate(32));
  }
  // libsodium has four for each. Markers: all objects share a few; else two each.
  EXPECT_LE(MappingCount(), before + (GetParam() ? 8 : 2 * kObjects + 8));
  for (std::size_t i = 0; i < kObjects; ++i) {
    ASSERT_TRUE(heap_.Protect(objects[i], i % 2 == 0 ? Protection::kNone : Protection::kRead).ok());
  }
  EXPECT_LE(MappingCount(), before + (GetParam() ? kObjects : 2 * kObjects) + 8);
  for (char* object : objects) {
    heap_.Free(object);
  }
  // Without markers, pages that were used can't always join those that were not.
  EXPECT_LE(MappingCount(), before + (GetParam() ? 8 : kObjects + 8));
}

// Spec: U31
TEST_P(GuardedHeapTest, ObjectsAreLockedAndNotDumped) {
  for (const std::size_t bytes : {std::size_t{32}, std::size_t{100000}}) {
    char* object = Allocate(bytes);
    if (heap_.figures().not_locked > 0) {
      GTEST_SKIP() << "RLIMIT_MEMLOCK is too low";
    }
    EXPECT_TRUE(HasFlag(object, "lo")) << FlagsAt(object);
    EXPECT_TRUE(HasFlag(object, "dd")) << FlagsAt(object);
    ASSERT_TRUE(heap_.Protect(object, Protection::kNone).ok());
    EXPECT_TRUE(HasFlag(object, "lo") && HasFlag(object, "dd")) << FlagsAt(object);
    heap_.Free(object);
  }
  EXPECT_TRUE(HasFlag(heap_.addresses().begin.AsPointer<char>(), "dd"));
}

TEST_P(GuardedHeapTest, ObjectsOfAChildAreLockedAgain) {
  char* object = Allocate(32);
  if (!HasFlag(object, "lo")) {
    GTEST_SKIP() << "RLIMIT_MEMLOCK is too low";
  }
  heap_.LockForFork();
  const pid_t child = ::fork();
  if (child == 0) {
    heap_.UnlockInChild();
    const bool was_locked = HasFlag(object, "lo");
    const char* another = Allocate(32);
    const bool is_right = !was_locked && HasFlag(object, "lo") && HasFlag(another, "lo") &&
                          IsFilled(object, 32) && IsOutOfReach(object + 32);
    heap_.Free(object);
    ::_exit(is_right ? 0 : 1);
  }
  heap_.UnlockAfterFork();
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(IsFilled(object, 32));
}

TEST_P(GuardedHeapTest, EmptyBlocksGoBackToTheSystem) {
  std::vector<char*> objects;
  for (int i = 0; i < 2000; ++i) {
    objects.push_back(Allocate(32));
  }
  const std::uint64_t most = heap_.figures().blocks;
  EXPECT_GE(most, 7u);
  for (char* object : objects) {
    heap_.Free(object);
  }
  EXPECT_LE(heap_.figures().blocks, 1u);
  // And are as new when they are taken again.
  for (int i = 0; i < 2000; ++i) {
    objects[static_cast<std::size_t>(i)] = Allocate(32);
    EXPECT_TRUE(IsFilled(objects[static_cast<std::size_t>(i)], 32));
  }
  heap_.CheckInvariants();
}

TEST_P(GuardedHeapTest, ImpossibleSizesAreAnAnswer) {
  for (const std::size_t bytes : {GuardedRegion::kMostBytes, GuardedRegion::kMostBytes + 1,
                                  SIZE_MAX / 2, SIZE_MAX - 15, SIZE_MAX}) {
    EXPECT_EQ(heap_.Allocate(bytes), nullptr) << bytes;
  }
  EXPECT_EQ(heap_.figures().objects, 0u);
}

TEST_P(GuardedHeapTest, ManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 4; ++seed) {
    threads.emplace_back([this, seed] {
      std::minstd_rand random(seed);
      std::vector<std::pair<char*, std::size_t>> mine;
      for (int i = 0; i < 1500; ++i) {
        if (mine.size() < 20 || random() % 2 == 0) {
          const std::size_t bytes = random() % 20 == 0 ? random() % 300000 : random() % 9000 + 1;
          char* object = Allocate(bytes);
          ASSERT_NE(object, nullptr);
          ASSERT_TRUE(IsFilled(object, bytes));
          std::memset(object, static_cast<int>(seed), bytes);
          ASSERT_TRUE(heap_.Protect(object, Protection::kRead).ok());
          mine.emplace_back(object, bytes);
        } else {
          std::swap(mine[random() % mine.size()], mine.back());
          const auto [object, bytes] = mine.back();
          mine.pop_back();
          for (std::size_t j = 0; j < bytes; j += 97) {
            ASSERT_EQ(object[j], static_cast<char>(seed));
          }
          heap_.Free(object);
        }
      }
      for (const auto& [object, bytes] : mine) {
        heap_.Free(object);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(heap_.figures().objects, 0u);
}

}  // namespace
}  // namespace pageward::hooks
