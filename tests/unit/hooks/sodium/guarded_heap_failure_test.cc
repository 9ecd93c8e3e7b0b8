// What the guarded heap does when the system refuses, and when a program gives it wrong pointers.
#include <sys/mman.h>
#include <sys/resource.h>

#include <cstring>
#include <vector>

#include "runtime/core/units.h"
#include "tests/unit/hooks/sodium/heap_fixture.h"

namespace pageward::hooks {
namespace {

using os::Protection;
using testing_support::Access;

class GuardedHeapFailureTest : public GuardedHeapFixture {
 protected:
  // What a program does with objects of one size; returns how many it got.
  int Exercise(std::size_t bytes) {
    std::vector<char*> objects;
    for (int i = 0; i < 20; ++i) {
      if (char* object = Allocate(bytes); object != nullptr) {
        EXPECT_TRUE(IsFilled(object, bytes));
        std::memset(object, 1, bytes);
        objects.push_back(object);
      }
    }
    for (std::size_t i = 0; i < objects.size(); i += 2) {
      static_cast<void>(heap_.Protect(objects[i], Protection::kNone));
    }
    for (char* object : objects) {
      heap_.Free(object);
    }
    return static_cast<int>(objects.size());
  }
};
INSTANTIATE_TEST_SUITE_P(Kernels, GuardedHeapFailureTest, testing::Bool(), NameOfMarkers);

// Spec: U38
TEST_P(GuardedHeapFailureTest, EachCallMayFailAndNothingIsLost) {
  for (const std::size_t bytes : {std::size_t{32}, std::size_t{100000}}) {
    for (std::uint32_t n = 0;; ++n) {
      SCOPED_TRACE(n);
      const std::uint32_t before = os_.faults().all_calls();
      os_.faults().FailNthCall(n, Error::kNoMemory);
      EXPECT_GE(Exercise(bytes), 19);
      heap_.CheckInvariants();
      EXPECT_EQ(heap_.figures().objects, 0u);
      const bool has_failed = os_.faults().all_calls() - before > n;
      os_.faults().StopFailing();
      if (!has_failed) {
        break;
      }
    }
  }
  EXPECT_EQ(Exercise(32), 20);
}

// Spec: U38
TEST_P(GuardedHeapFailureTest, WithoutAnyMemoryThereIsNoObject) {
  for (const Kind kind : {Kind::kReserve, Kind::kMap}) {
    os_.faults().FailAfter(kind, 0, Error::kNoAddressSpace);
    EXPECT_EQ(Allocate(32), nullptr);
    EXPECT_EQ(Allocate(100000), nullptr);
    os_.faults().StopFailing();
  }
  EXPECT_NE(Allocate(32), nullptr);
}

TEST_P(GuardedHeapFailureTest, AnObjectThatCannotBeLockedIsHandedOutAndCounted) {
  os_.faults().FailAfter(Kind::kLock, 0, Error::kLimit);
  char* object = Allocate(32);
  ASSERT_NE(object, nullptr);
  EXPECT_EQ(heap_.figures().not_locked, 1u);
  EXPECT_FALSE(HasFlag(object, "lo"));
  // It may change its access all the same.
  ASSERT_TRUE(heap_.Protect(object, Protection::kNone).ok());
  EXPECT_EQ(Read(object), Access::kNotAllowed);
  heap_.Free(object);
}

TEST_P(GuardedHeapFailureTest, WhereABlockCannotBeLockedItsObjectsAreLockedOneByOne) {
  os_.faults().FailAfter(Kind::kLock, 0, Error::kLimit, 1);
  const char* object = Allocate(32);
  ASSERT_NE(object, nullptr);
  if (heap_.figures().not_locked > 0) {
    GTEST_SKIP() << "RLIMIT_MEMLOCK is too low";
  }
  EXPECT_TRUE(HasFlag(object, "lo"));
  EXPECT_FALSE(HasFlag(object + 32, "lo"));
}

// Spec: U39
TEST_P(GuardedHeapFailureTest, AFailedChangeOfAccessChangesNothing) {
  char* object = Allocate(32);
  os_.faults().FailAfter(Kind::kProtect, 0, Error::kTooManyMappings);
  EXPECT_EQ(heap_.Protect(object, Protection::kNone).error(), Error::kTooManyMappings);
  EXPECT_EQ(Write(object), Access::kOk);
  os_.faults().StopFailing();
  ASSERT_TRUE(heap_.Protect(object, Protection::kNone).ok());
  os_.faults().FailAfter(Kind::kProtect, 0, Error::kTooManyMappings);
  EXPECT_FALSE(heap_.Protect(object, Protection::kReadWrite).ok());
  EXPECT_EQ(Read(object), Access::kNotAllowed);
  os_.faults().StopFailing();
}

// Spec: U31, U39
TEST_P(GuardedHeapFailureTest, AClosedObjectThatCannotBeOpenedStaysClosedAndIsWipedLater) {
  char* object = Allocate(32);
  std::memset(object, 0x77, 32);
  ASSERT_TRUE(heap_.Protect(object, Protection::kNone).ok());
  os_.faults().FailAfter(Kind::kProtect, 0, Error::kTooManyMappings);
  heap_.Free(object);
  EXPECT_EQ(heap_.figures().not_wiped, 1u);
  EXPECT_EQ(Read(object), Access::kNotAllowed);
  os_.faults().StopFailing();
  // The slot comes round again, and holds nothing of what it held.
  for (int i = 0; i < 2 * GuardedHeap::kFirstSlots; ++i) {
    char* next = Allocate(1);
    const auto* page = next + 1 - kFrameBytes;
    for (std::uint64_t j = 0; j < kFrameBytes - 17; ++j) {
      ASSERT_EQ(page[j], 0) << j;
    }
    heap_.Free(next);
  }
}

TEST_P(GuardedHeapFailureTest, AtTheLimitOfMappingsObjectsAreRefusedNotBroken) {
  std::vector<char*> objects;
  for (int i = 0; i < 100; ++i) {
    objects.push_back(Allocate(32));
  }
  os_.faults().FailAfter(Kind::kProtect, 10, Error::kTooManyMappings);
  os_.faults().FailAfter(Kind::kGuard, 10, Error::kNoMemory);
  int failed = 0;
  for (int i = 0; i < 100; ++i) {
    char* object = Allocate(5000);
    failed += object == nullptr ? 1 : 0;
    objects.push_back(object);
  }
  EXPECT_GT(failed, 0);
  os_.faults().StopFailing();
  for (char* object : objects) {
    if (object != nullptr) {
      heap_.Free(object);
    }
  }
  EXPECT_EQ(heap_.figures().objects, 0u);
}

// --- Wrong pointers ----------------------------------------------------------------------------

class GuardedHeapDeathTest : public GuardedHeapFixture {};
INSTANTIATE_TEST_SUITE_P(Kernels, GuardedHeapDeathTest, testing::Bool(), NameOfMarkers);

TEST_P(GuardedHeapDeathTest, WritingBeforeAnObjectIsFoundWhenItIsFreed) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{32}, std::size_t{100000}}) {
    for (const std::ptrdiff_t at : {-1, -16}) {
      char* object = Allocate(bytes);
      object[at] ^= 1;
      EXPECT_DEATH(heap_.Free(object), "buffer underflow: sodium_free of 0x[0-9a-f]+: something");
      ASSERT_TRUE(heap_.Protect(object, Protection::kNone).ok());
      EXPECT_DEATH(heap_.Free(object), "buffer underflow: ");
    }
  }
}

TEST_P(GuardedHeapDeathTest, FreeingTwice) {
  char* object = Allocate(32);
  heap_.Free(object);
  EXPECT_DEATH(heap_.Free(object), "double free: sodium_free of 0x[0-9a-f]+: ");
  EXPECT_DEATH(static_cast<void>(heap_.Protect(object, Protection::kRead)),
               "double free: sodium_mprotect of 0x[0-9a-f]+: ");
  // The addresses of a large one are nobody's at once.
  char* large = Allocate(100000);
  heap_.Free(large);
  EXPECT_DEATH(heap_.Free(large), "foreign pointer: sodium_free of 0x[0-9a-f]+: ");
}

TEST_P(GuardedHeapDeathTest, PointersIntoAnObjectAndBeforeIt) {
  for (const std::size_t bytes : {std::size_t{32}, std::size_t{3000}}) {
    char* object = Allocate(bytes);
    EXPECT_DEATH(heap_.Free(object + 1),
                 "interior pointer: .* it points 1 bytes into the [0-9]+-byte");
    EXPECT_DEATH(heap_.Free(object - 8), "interior pointer: .* it points 8 bytes before the");
  }
  char* large = Allocate(100000);
  EXPECT_DEATH(heap_.Free(large + 1), "interior pointer: ");
  EXPECT_DEATH(heap_.Free(large + 50000), "foreign pointer: ");
}

TEST_P(GuardedHeapDeathTest, ForeignPointers) {
  int local = 0;
  EXPECT_DEATH(heap_.Free(&local), "foreign pointer: sodium_free of ");
  char* object = Allocate(32);
  EXPECT_DEATH(heap_.Free(&local), "foreign pointer: sodium_free of ");
  EXPECT_DEATH(static_cast<void>(heap_.Protect(&local, Protection::kRead)),
               "foreign pointer: sodium_mprotect of ");
  EXPECT_DEATH(static_cast<void>(heap_.Protect(nullptr, Protection::kRead)), "foreign pointer: ");
  // A slot that has not been handed out yet, and a guard page.
  EXPECT_DEATH(heap_.Free(object + 2 * kFrameBytes), "foreign pointer: .* has ever been there");
  EXPECT_DEATH(heap_.Free(object + 100), "foreign pointer: ");
}

}  // namespace
}  // namespace pageward::hooks
