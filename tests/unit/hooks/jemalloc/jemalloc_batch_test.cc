// Batches in and out of a real arena.
#include "hooks/jemalloc/jemalloc_batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "hooks/jemalloc/jemalloc_api.h"
#include "tests/support/hooks/heap_fixture.h"

namespace pageward::hooks {
namespace {

// jemalloc's bin of 64-byte objects: 8, 16, 32, 48, 64.
constexpr unsigned kBin = 4;
constexpr std::size_t kBytes = 64;

class JemallocBatchTest : public testing::Test {
 protected:
  void SetUp() override {
    if (PAGEWARD_JEMALLOC_BATCH == 0) {
      GTEST_SKIP() << "this jemalloc is used without its batch entry points";
    }
    Heap& heap = testing_support::TestHeap();
    ASSERT_NE(heap.Allocate(1), nullptr);  // jemalloc knows this thread.
    index_ = heap.arenas().IndexOf(ArenaSlot{0});
    unsigned cache = 0;
    std::size_t length = sizeof(cache);
    ASSERT_EQ(jemalloc_mallctl("tcache.create", &cache, &length, nullptr, 0), 0);
    const std::size_t word = FindArenaWord(cache);
    ASSERT_LT(word, FlushTarget::kSlowWords);
    target_.Init(je_arenas[index_], word);
  }

  std::size_t CurrentObjects() {
    std::uint64_t epoch = 1;
    EXPECT_EQ(jemalloc_mallctl("epoch", nullptr, nullptr, &epoch, sizeof(epoch)), 0);
    const std::string name =
        "stats.arenas." + std::to_string(index_) + ".bins." + std::to_string(kBin) + ".curregs";
    std::size_t count = 0;
    std::size_t length = sizeof(count);
    EXPECT_EQ(jemalloc_mallctl(name.c_str(), &count, &length, nullptr, 0), 0);
    return count;
  }

  unsigned index_ = 0;
  FlushTarget target_;
};

TEST_F(JemallocBatchTest, ABatchIsAsManyDifferentObjectsOfTheBin) {
  std::vector<void*> slots(100);
  ASSERT_EQ(BatchFill(je_arenas[index_], kBin, slots), 100u);
  EXPECT_EQ(std::set<void*>(slots.begin(), slots.end()).size(), 100u);
  for (void* object : slots) {
    ASSERT_NE(object, nullptr);
    EXPECT_EQ(jemalloc_sallocx(object, 0), kBytes);
  }
  BatchFlush(target_, kBin, slots);
}

TEST_F(JemallocBatchTest, TheArenaCountsWhatIsOutside) {
  const std::size_t before = CurrentObjects();
  std::vector<void*> slots(37);
  ASSERT_EQ(BatchFill(je_arenas[index_], kBin, slots), 37u);
  EXPECT_EQ(CurrentObjects(), before + 37);
  BatchFlush(target_, kBin, slots);
  EXPECT_EQ(CurrentObjects(), before);
}

TEST_F(JemallocBatchTest, ObjectsOfOneByOneAndOfBatchesMix) {
  const int flags = AllocxArena(index_) | kAllocxNoCache;
  std::vector<void*> slots(10);
  ASSERT_EQ(BatchFill(je_arenas[index_], kBin, slots), 10u);
  for (void* object : slots) {
    jemalloc_sdallocx(object, kBytes, kAllocxNoCache);
  }
  for (void*& slot : slots) {
    slot = jemalloc_mallocx(kBytes, flags);
  }
  const std::size_t before = CurrentObjects();
  BatchFlush(target_, kBin, slots);
  EXPECT_EQ(CurrentObjects() + 10, before);
}

TEST_F(JemallocBatchTest, TheArenaWordIsNotFoundWhereThereIsNone) {
  JemallocTcache cache = {};
  void* words[16] = {};
  cache.slow = words;
  JemallocTcaches entry;
  entry.tcache = &cache;
  JemallocTcaches* const table = je_tcaches;
  je_tcaches = &entry;
  EXPECT_EQ(FindArenaWord(0), FlushTarget::kSlowWords) << "no arena";
  words[3] = je_arenas[0];
  EXPECT_EQ(FindArenaWord(0), 3u);
  words[5] = je_arenas[0];
  EXPECT_EQ(FindArenaWord(0), FlushTarget::kSlowWords) << "two of them";
  je_tcaches = table;
}

}  // namespace
}  // namespace pageward::hooks
