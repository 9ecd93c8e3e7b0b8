// The hooks as jemalloc calls them, over real runs. In its convention true means "not done".
#include "hooks/jemalloc/extent_hooks.h"

#include <gtest/gtest.h>

#include "tests/support/hooks/heap_fixture.h"
#include "tests/support/memory_probe.h"

namespace pageward::hooks {
namespace {

using testing_support::Access;
using testing_support::TryRead;
using testing_support::TryWrite;

constexpr std::size_t kPage = kFrameBytes;

class ExtentHooksTest : public testing::Test {
 protected:
  void SetUp() override { testing_support::TestHeap(); }

  char* Alloc(std::size_t size, void* at = nullptr, std::size_t alignment = kPage) {
    bool zero = false;
    bool commit = false;
    auto* extent =
        static_cast<char*>(hooks_->alloc(hooks_, at, size, alignment, &zero, &commit, 0));
    if (extent != nullptr) {
      EXPECT_TRUE(zero && commit) << "runs are zero and usable, and jemalloc may know";
    }
    return extent;
  }
  bool Dalloc(char* extent, std::size_t size) {
    return hooks_->dalloc(hooks_, extent, size, true, 0);
  }
  static bool IsReachable(const char* page) {
    return TryRead(VirtAddr::Of(page)) == Access::kOk &&
           TryWrite(VirtAddr::Of(page)) == Access::kOk;
  }

  JemallocExtentHooks* hooks_ = ExtentHooks();
};

using ExtentHooksDeathTest = ExtentHooksTest;

TEST_F(ExtentHooksTest, AllocatesAlignedExtentsAndTakesThemBack) {
  char* extent = Alloc(3 * kPage, nullptr, 4 * kPage);
  ASSERT_NE(extent, nullptr);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(extent) % (4 * kPage), 0u);
  EXPECT_TRUE(IsReachable(extent + 2 * kPage));
  EXPECT_TRUE(FindRun(VirtAddr::Of(extent)).has_value());
  EXPECT_FALSE(Dalloc(extent, 3 * kPage)) << "taken back";
  EXPECT_FALSE(FindRun(VirtAddr::Of(extent)).has_value());
  FinishPurge();
  EXPECT_FALSE(IsReachable(extent));
}

TEST_F(ExtentHooksTest, AnExtentGrowsInPlaceOrNotAtAll) {
  char* extent = Alloc(4 * kPage, nullptr, 16 * kPage);
  EXPECT_EQ(Alloc(2 * kPage, extent + 4 * kPage), extent + 4 * kPage);
  EXPECT_EQ(Alloc(kPage, extent + 5 * kPage), nullptr) << "not elsewhere instead";
  EXPECT_FALSE(hooks_->merge(hooks_, extent, 4 * kPage, extent + 4 * kPage, 2 * kPage, true, 0));
  EXPECT_FALSE(Dalloc(extent, 6 * kPage));
}

TEST_F(ExtentHooksTest, ExtentsAreCutAtAnyPageAndJoined) {
  char* extent = Alloc(7 * kPage);
  EXPECT_FALSE(hooks_->split(hooks_, extent, 7 * kPage, kPage, 6 * kPage, true, 0));
  EXPECT_FALSE(hooks_->merge(hooks_, extent, kPage, extent + kPage, 6 * kPage, true, 0));
  EXPECT_FALSE(hooks_->split(hooks_, extent, 7 * kPage, 3 * kPage, 4 * kPage, true, 0));
  EXPECT_FALSE(Dalloc(extent, 3 * kPage));
  EXPECT_TRUE(IsReachable(extent + 3 * kPage));
  EXPECT_FALSE(Dalloc(extent + 3 * kPage, 4 * kPage));
}

// Spec: U19
TEST_F(ExtentHooksTest, DecommittedPartsAreGoneAndComeBackZero) {
  char* extent = Alloc(4 * kPage);
  extent[kPage] = 's';
  EXPECT_FALSE(hooks_->decommit(hooks_, extent, 4 * kPage, kPage, 2 * kPage, 0));
  EXPECT_TRUE(IsReachable(extent));
  EXPECT_FALSE(IsReachable(extent + kPage));
  EXPECT_FALSE(IsReachable(extent + 2 * kPage));
  EXPECT_FALSE(hooks_->commit(hooks_, extent, 4 * kPage, kPage, 2 * kPage, 0));
  EXPECT_EQ(extent[kPage], 0);
  EXPECT_FALSE(Dalloc(extent, 4 * kPage));
}

TEST_F(ExtentHooksTest, PurgingIsDoneAtOnceAndNeverLazily) {
  char* extent = Alloc(2 * kPage);
  extent[0] = 's';
  EXPECT_TRUE(hooks_->purge_lazy(hooks_, extent, 2 * kPage, 0, kPage, 0));
  EXPECT_EQ(extent[0], 's');
  EXPECT_FALSE(hooks_->purge_forced(hooks_, extent, 2 * kPage, 0, kPage, 0));
  EXPECT_EQ(extent[0], 0);
  EXPECT_TRUE(IsReachable(extent));
  hooks_->destroy(hooks_, extent, 2 * kPage, true, 0);
  FinishPurge();
  EXPECT_FALSE(IsReachable(extent));
}

TEST_F(ExtentHooksTest, WhatCannotBeHadIsNull) {
  EXPECT_EQ(Alloc(std::size_t{1} << 46), nullptr);
  EXPECT_EQ(Alloc(kPage, nullptr, std::size_t{1} << 31), nullptr);
}

// Spec: U20
TEST_F(ExtentHooksDeathTest, ForgedSizesAndRepeatedFreesDie) {
  char* extent = Alloc(4 * kPage);
  EXPECT_DEATH(Dalloc(extent, 8 * kPage), "run mismatch: ");
  EXPECT_DEATH(Dalloc(extent + kPage, kPage), "run mismatch: ");
  EXPECT_DEATH(hooks_->split(hooks_, extent, 4 * kPage, 5 * kPage, kPage, true, 0), "run mismatch");
  EXPECT_FALSE(Dalloc(extent, 4 * kPage));
  EXPECT_DEATH(Dalloc(extent, 4 * kPage), "double free: ");
  static char ours[2 * kPage];
  EXPECT_DEATH(Dalloc(ours + kPage - reinterpret_cast<std::uintptr_t>(ours) % kPage, kPage),
               "foreign pointer: ");
}

}  // namespace
}  // namespace pageward::hooks
