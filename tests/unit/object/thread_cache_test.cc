#include "runtime/object/thread_cache.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <vector>

namespace pageward::object {
namespace {

// Hands out addresses that nobody dereferences, and knows which of them are outside.
class FakeSource final : public ObjectSource {
 public:
  std::size_t Fill(SizeClass size_class, std::span<void*> slots) override {
    const std::size_t count = slots.size() < limit_ ? slots.size() : limit_;
    fills_.push_back(slots.size());
    for (void*& slot : slots.last(count)) {
      std::vector<void*>& free = free_[size_class];
      if (free.empty()) {
        next_ += 32768;
        free.push_back(reinterpret_cast<void*>(next_));
      }
      slot = free.back();
      free.pop_back();
      EXPECT_TRUE(outside_.insert(slot).second) << "handed out twice";
    }
    return count;
  }

  void Flush(SizeClass size_class, std::span<void*> objects) override {
    for (void* object : objects) {
      EXPECT_EQ(outside_.erase(object), 1u) << "came back twice";
      free_[size_class].push_back(object);
    }
  }

  void set_limit(std::size_t objects) { limit_ = objects; }
  std::size_t outside() const { return outside_.size(); }
  const std::vector<std::size_t>& fills() const { return fills_; }

 private:
  std::map<SizeClass, std::vector<void*>> free_;
  std::set<void*> outside_;
  std::vector<std::size_t> fills_;
  std::uintptr_t next_ = 0x5000'0000'0000;
  std::size_t limit_ = ~std::size_t{0};
};

class ThreadCacheTest : public testing::Test {
 protected:
  void SetUp() override { cache_.Attach(slots_.get()); }

  void* Take(SizeClass size_class) {
    void* object = cache_.TryTake(size_class);
    return object != nullptr ? object : cache_.TakeFrom(source_, size_class);
  }

  void Put(SizeClass size_class, void* object) {
    if (!cache_.TryPut(size_class, object)) {
      cache_.MakeRoom(source_, size_class);
      ASSERT_TRUE(cache_.TryPut(size_class, object));
    }
  }

  const SizeClass class_64_ = ClassFor(64);
  std::unique_ptr<CacheSlots> slots_ = std::make_unique<CacheSlots>();
  ThreadCache cache_;
  FakeSource source_;
};

TEST(EmptyThreadCacheTest, WithoutSlotsItIsEmptyAndFullAtOnce) {
  ThreadCache cache;
  int object = 0;
  EXPECT_FALSE(cache.HasSlots());
  EXPECT_EQ(cache.TryTake(ClassFor(16)), nullptr);
  EXPECT_FALSE(cache.TryPut(ClassFor(16), &object));
  cache.CheckInvariants();
}

TEST_F(ThreadCacheTest, GivesBackTheObjectPutLast) {
  int a = 0;
  int b = 0;
  ASSERT_TRUE(cache_.TryPut(class_64_, &a));
  ASSERT_TRUE(cache_.TryPut(class_64_, &b));
  EXPECT_EQ(cache_.TryTake(class_64_), &b);
  EXPECT_EQ(cache_.TryTake(class_64_), &a);
  EXPECT_EQ(cache_.TryTake(class_64_), nullptr);
}

TEST_F(ThreadCacheTest, ClassesDoNotMix) {
  int object = 0;
  ASSERT_TRUE(cache_.TryPut(class_64_, &object));
  for (std::size_t i = 0; i < kSizeClassCount; ++i) {
    if (SizeClass(i) != class_64_) {
      EXPECT_EQ(cache_.TryTake(SizeClass(i)), nullptr) << i;
    }
  }
}

TEST_F(ThreadCacheTest, RefillsGrowUpToHalfTheCapacity) {
  for (int i = 0; i < 2000; ++i) {
    ASSERT_NE(Take(class_64_), nullptr);
  }
  const std::vector<std::size_t>& fills = source_.fills();
  ASSERT_GE(fills.size(), 4u);
  EXPECT_EQ(fills[0], CapacityOf(class_64_) / 8);
  EXPECT_EQ(fills[1], 2 * fills[0]);
  EXPECT_EQ(fills.back(), CapacityOf(class_64_) / 2);
}

TEST_F(ThreadCacheTest, ServesWhatASourceThatRunsLowStillHas) {
  source_.set_limit(3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_NE(Take(class_64_), nullptr);
  }
  EXPECT_EQ(source_.fills().size(), 1u);
  source_.set_limit(0);
  EXPECT_EQ(Take(class_64_), nullptr);
  cache_.CheckInvariants();
}

TEST_F(ThreadCacheTest, AFullBinKeepsTheNewerHalf) {
  std::vector<void*> objects;
  for (std::size_t i = 0; i < CapacityOf(class_64_) + 1; ++i) {
    objects.push_back(Take(class_64_));
  }
  cache_.FlushAll(source_);
  for (void* object : objects) {
    Put(class_64_, object);
  }
  // The last one in is the first one out, down to the middle.
  for (std::size_t i = objects.size(); i-- > objects.size() - CapacityOf(class_64_) / 2;) {
    EXPECT_EQ(cache_.TryTake(class_64_), objects[i]);
  }
}

TEST_F(ThreadCacheTest, AThreadThatOnlyFreesKeepsNothingWhenItMakesRoom) {
  std::vector<void*> objects(UnusedCapacityOf(class_64_));
  ASSERT_EQ(source_.Fill(class_64_, objects), objects.size());  // By another thread.
  for (void* object : objects) {
    ASSERT_TRUE(cache_.TryPut(class_64_, object));
  }
  int one_more = 0;
  EXPECT_FALSE(cache_.TryPut(class_64_, &one_more)) << "a part is enough for it";
  cache_.MakeRoom(source_, class_64_);
  EXPECT_EQ(cache_.CachedBytes(), 0u);
}

TEST_F(ThreadCacheTest, ABinIsWholeOnceItHasServed) {
  std::vector<void*> objects(CapacityOf(class_64_));
  for (void*& object : objects) {
    object = Take(class_64_);
  }
  cache_.FlushAll(source_);
  for (void* object : objects) {
    ASSERT_TRUE(cache_.TryPut(class_64_, object));
  }
}

TEST_F(ThreadCacheTest, CollectingReturnsHalfOfWhatNobodyNeeded) {
  for (int i = 0; i < 20; ++i) {
    int* object = reinterpret_cast<int*>(Take(class_64_));
    ASSERT_NE(object, nullptr);
  }
  cache_.Collect(source_);  // The bin ran dry before: nothing is in excess.
  const std::size_t cached = cache_.CachedBytes() / 64;
  ASSERT_GT(cached, 1u);
  cache_.Collect(source_);
  EXPECT_EQ(cache_.CachedBytes() / 64, cached / 2);
}

TEST_F(ThreadCacheTest, NothingIsLostWhenTheThreadEnds) {
  std::vector<std::pair<SizeClass, void*>> held;
  for (std::size_t i = 0; i < kSizeClassCount; ++i) {
    for (int n = 0; n < 5; ++n) {
      held.emplace_back(SizeClass(i), Take(SizeClass(i)));
    }
  }
  for (const auto& [size_class, object] : held) {
    Put(size_class, object);
  }
  EXPECT_EQ(cache_.Detach(source_), slots_.get());
  EXPECT_EQ(source_.outside(), 0u);
  EXPECT_FALSE(cache_.HasSlots());
  cache_.CheckInvariants();
}

TEST_F(ThreadCacheTest, AbandoningTouchesNoObject) {
  ASSERT_NE(Take(class_64_), nullptr);
  const std::size_t outside = source_.outside();
  EXPECT_EQ(cache_.Abandon(), slots_.get());
  EXPECT_EQ(source_.outside(), outside);
  EXPECT_EQ(cache_.TryTake(class_64_), nullptr);
}

TEST_F(ThreadCacheTest, RandomUseNeverHandsAnObjectOutTwice) {
  std::uint64_t seed = 88172645463325252;
  const auto next = [&seed] {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
  };
  std::vector<std::pair<SizeClass, void*>> held;
  std::set<void*> ours;
  for (int step = 0; step < 20000; ++step) {
    const std::uint64_t dice = next() % 100;
    if (dice < 50) {
      const SizeClass size_class(next() % kSizeClassCount);
      void* object = Take(size_class);
      ASSERT_NE(object, nullptr);
      ASSERT_TRUE(ours.insert(object).second);
      held.emplace_back(size_class, object);
    } else if (dice < 99 && !held.empty()) {
      const std::size_t victim = next() % held.size();
      ours.erase(held[victim].second);
      Put(held[victim].first, held[victim].second);
      held[victim] = held.back();
      held.pop_back();
    } else {
      cache_.Collect(source_);
    }
  }
}

#if PW_CHECK_LEVEL >= 2
using ThreadCacheDeathTest = ThreadCacheTest;

TEST_F(ThreadCacheDeathTest, AnObjectThatIsPutTwiceIsFoundByTheWalk) {
  int object = 0;
  ASSERT_TRUE(cache_.TryPut(class_64_, &object));
  ASSERT_TRUE(cache_.TryPut(class_64_, &object));
  EXPECT_DEATH(cache_.CheckInvariants(), "invariant broken: 0x3");
}
#endif

}  // namespace
}  // namespace pageward::object
