#include "runtime/frame/thread_lists.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "tests/support/frame/parts.h"

namespace pageward::frame {
namespace {

using testing_support::Parts;

constexpr Order kOrder0{0};
constexpr ThreadListIndex kMovable0 =
    *ThreadListIndex::Of(Freetype::Mapped(Mobility::kMovable), kOrder0);

// Spec: T13
TEST(ThreadListIndexTest, EveryCombinationHasItsOwnIndexAndEveryIndexItsCombination) {
  std::map<std::size_t, std::pair<Freetype, Order>> seen;
  for (std::size_t type = 0; type < kCentralTypeCount; ++type) {
    const Freetype freetype = FreetypeAt(FreetypeIndex(type));
    for (const Order order : {Order(0), Order(1), Order(2), Order(3), kPageblockOrder}) {
      const auto index = ThreadListIndex::Of(freetype, order);
      ASSERT_TRUE(index.has_value());
      EXPECT_LT(index->value(), ThreadListIndex::kCount);
      // Unlike the kernel's, not even the lists of huge blocks are shared.
      EXPECT_TRUE(seen.try_emplace(index->value(), freetype, order).second);
    }
  }
  EXPECT_EQ(seen.size(), ThreadListIndex::kCount);
}

// Spec: T13
TEST(ThreadListIndexTest, AnIndexLeadsBackToItsOrderAndFreetype) {
  for (std::size_t value = 0; value < ThreadListIndex::kCount; ++value) {
    const ThreadListIndex index(value);
    EXPECT_EQ(ThreadListIndex::Of(index.freetype(), index.order()), index);
  }
}

TEST(ThreadListIndexTest, OtherOrdersAndKeyedMemoryHaveNone) {
  for (const Order order : {Order(4), Order(8), Order(10), kMaxOrder}) {
    EXPECT_EQ(ThreadListIndex::Of(Freetype::Unmapped(), order), std::nullopt);
  }
  EXPECT_EQ(ThreadListIndex::Of(Freetype::Keyed(OwnerId(1)), kOrder0), std::nullopt);
  EXPECT_EQ(ThreadListIndex::Of(Freetype::Unmapped().With(Mobility::kMovable), kOrder0),
            std::nullopt);
}

TEST(ThreadListIndexTest, ABatchIsPartOfTheCapacity) {
  for (std::size_t value = 0; value < ThreadListIndex::kCount; ++value) {
    const ThreadListIndex index(value);
    EXPECT_GE(index.batch(), 1u);
    EXPECT_LE(index.batch() * 2, index.capacity());
  }
}

// The tables of the fast path say the same as the definition.
TEST(ThreadListIndexTest, TablesAgreeWithTheIndexOfEveryPageblockAndOrder) {
  for (std::uint32_t word = 0; word < 256; ++word) {
    const BlockFlags flags(word);
    const bool exists = static_cast<std::size_t>(flags.freetype().mobility) < kMobilityCount &&
                        static_cast<std::size_t>(flags.freetype().visibility) < kVisibilityCount;
    const bool is_usable =
        exists && flags.is_managed() && !flags.is_isolated() && !flags.is_converting();
    for (unsigned order = 0; order < kOrderCount; ++order) {
      const auto index =
          is_usable ? ThreadListIndex::Of(flags.freetype(), Order(order)) : std::nullopt;
      const std::size_t number =
          internal::kBankOf[word] * ThreadListIndex::kOrdersPerBank + internal::kPlaceOf[order];
      if (index.has_value()) {
        EXPECT_EQ(number, index->value());
        EXPECT_EQ(internal::kCapacityOf[number], index->capacity());
      } else {
        EXPECT_GE(number, ThreadListIndex::kCount);
      }
    }
  }
}

class ThreadListsTest : public testing::Test {
 protected:
  ThreadListsTest() { registry_.Attach(lists_); }
  ~ThreadListsTest() override {
    registry_.CheckInvariants(parts_.table);
    Empty(lists_);
    registry_.Detach(lists_);
  }

  FrameTable& table() { return parts_.table; }
  void Empty(ThreadLists& lists) {
    for (std::size_t value = 0; value < ThreadListIndex::kCount; ++value) {
      while (const auto frame = lists.TakeForDrain(table(), ThreadListIndex(value))) {
        table().Store(*frame, FrameRecord());
      }
    }
  }
  FrameNumber Run(std::uint32_t index, std::uint32_t frames) {
    const FrameNumber head = Parts::At(1, index);
    EXPECT_TRUE(table().EnsureRecord(head));
    table().Store(head, FrameRecord::Run(FrameCount(frames), Mobility::kUnmovable));
    return head;
  }
  std::optional<FrameNumber> Take(ThreadLists& lists, ThreadListIndex index) {
    FrameNumber frame;
    return lists.TryTake(table(), Request(index.freetype(), nullptr, {}), index.order(), &frame)
               ? std::optional(frame)
               : std::nullopt;
  }
  FrameState StateOf(FrameNumber frame) { return table().Load(frame).state(); }

  Parts parts_{4};
  ThreadListsRegistry registry_;
  ThreadLists lists_;
};

using ThreadListsDeathTest = ThreadListsTest;

TEST_F(ThreadListsTest, GivesTheFramePutLastAsARunOfTheMobilityAskedFor) {
  ASSERT_TRUE(lists_.TryPut(table(), Run(1, 1), kOrder0));
  ASSERT_TRUE(lists_.TryPut(table(), Run(2, 1), kOrder0));
  EXPECT_EQ(StateOf(Parts::At(1, 2)), FrameState::kListed);
  EXPECT_EQ(lists_.held_frames(), FrameCount(2));
  EXPECT_EQ(Take(lists_, kMovable0), Parts::At(1, 2));
  EXPECT_EQ(table().Load(Parts::At(1, 2)), FrameRecord::Run(FrameCount(1), Mobility::kMovable));
  EXPECT_EQ(Take(lists_, kMovable0), Parts::At(1, 1));
  EXPECT_EQ(Take(lists_, kMovable0), std::nullopt);
}

// What counts is what the pageblock is for, not what the run was for.
TEST_F(ThreadListsTest, TheBankIsThatOfThePageblock) {
  ASSERT_TRUE(lists_.TryPut(table(), Run(1, 1), kOrder0));
  const auto unmovable = ThreadListIndex::Of(Freetype::Mapped(Mobility::kUnmovable), kOrder0);
  EXPECT_EQ(Take(lists_, *unmovable), std::nullopt);
  EXPECT_EQ(lists_.count(kMovable0), 1u);
}

TEST_F(ThreadListsTest, UnmappedFramesHaveABankOfTheirOwn) {
  parts_.Convert(BlockNumber(1), Freetype::Unmapped(), nullptr);
  ASSERT_TRUE(lists_.TryPut(table(), Run(8, 8), Order(3)));
  EXPECT_EQ(Take(lists_, kMovable0), std::nullopt);
  const auto unmapped = ThreadListIndex::Of(Freetype::Unmapped(), Order(3));
  EXPECT_EQ(Take(lists_, *unmapped), Parts::At(1, 8));
}

TEST_F(ThreadListsTest, WholePageblocksCanBeListed) {
  ASSERT_TRUE(lists_.TryPut(table(), Run(0, kPageblockFrames), kPageblockOrder));
  EXPECT_EQ(lists_.held_frames(), FrameCount(kPageblockFrames));
}

TEST_F(ThreadListsTest, RefusesWhatIsNoRunOfTheOrder) {
  const FrameNumber run = Run(4, 2);
  EXPECT_FALSE(lists_.TryPut(table(), run, kOrder0));
  EXPECT_FALSE(lists_.TryPut(table(), run, Order(2)));
  EXPECT_FALSE(lists_.TryPut(table(), run + FrameCount(1), kOrder0));
  EXPECT_FALSE(lists_.TryPut(table(), Parts::At(2, 5), kOrder0));
  EXPECT_FALSE(lists_.TryPut(table(), Parts::At(4, 0), kOrder0));
  EXPECT_EQ(StateOf(run), FrameState::kRun);
  ASSERT_TRUE(lists_.TryPut(table(), run, Order(1)));
  EXPECT_FALSE(lists_.TryPut(table(), run, Order(1))) << "freed twice";
}

TEST_F(ThreadListsTest, RefusesARunThatIsNotAligned) {
  EXPECT_FALSE(lists_.TryPut(table(), Run(3, 2), Order(1)));
}

TEST_F(ThreadListsTest, RefusesOrdersAndPageblocksWithoutALists) {
  EXPECT_FALSE(lists_.TryPut(table(), Run(16, 16), Order(4)));
  const FrameNumber run = Run(1, 1);
  parts_.blocks.Isolate(BlockNumber(1));
  EXPECT_FALSE(lists_.TryPut(table(), run, kOrder0));
  parts_.blocks.Unisolate(BlockNumber(1));
  OwnerLists owner(OwnerId(3));
  parts_.Convert(BlockNumber(1), Freetype::Keyed(OwnerId(3)), &owner);
  EXPECT_FALSE(lists_.TryPut(table(), run, kOrder0));
}

TEST_F(ThreadListsTest, RefusesMoreThanItsCapacity) {
  for (std::uint32_t i = 0; i < kMovable0.capacity(); ++i) {
    ASSERT_TRUE(lists_.TryPut(table(), Run(1 + i, 1), kOrder0));
  }
  EXPECT_TRUE(lists_.IsFull(kMovable0));
  EXPECT_FALSE(lists_.TryPut(table(), Run(200, 1), kOrder0));
}

TEST_F(ThreadListsTest, NothingLeavesAPageblockThatWasIsolatedMeanwhile) {
  ASSERT_TRUE(lists_.TryPut(table(), Run(1, 1), kOrder0));
  parts_.blocks.Isolate(BlockNumber(1));
  EXPECT_EQ(Take(lists_, kMovable0), std::nullopt);
  EXPECT_EQ(lists_.count(kMovable0), 1u);
  EXPECT_EQ(lists_.TakeForDrain(table(), kMovable0), Parts::At(1, 1));
  table().Store(Parts::At(1, 1), FrameRecord());
}

TEST_F(ThreadListsTest, FillingMakesBlocksListed) {
  ASSERT_TRUE(table().EnsureRecord(Parts::At(1, 9)));
  lists_.PutForFill(table(), kMovable0, Parts::At(1, 9));
  EXPECT_EQ(StateOf(Parts::At(1, 9)), FrameState::kListed);
  EXPECT_EQ(lists_.count(kMovable0), 1u);
}

TEST_F(ThreadListsTest, TheRegistryAddsUpAllThreads) {
  ThreadLists second;
  registry_.Attach(second);
  EXPECT_NE(second.id(), lists_.id());
  EXPECT_EQ(registry_.attached_count(), 2u);
  ASSERT_TRUE(lists_.TryPut(table(), Run(1, 1), kOrder0));
  ASSERT_TRUE(second.TryPut(table(), Run(2, 2), Order(1)));
  EXPECT_EQ(registry_.held_frames(), FrameCount(3));
  registry_.CheckInvariants(table());
  Empty(second);
  registry_.Detach(second);
  EXPECT_EQ(registry_.held_frames(), FrameCount(1));
}

// Two threads that free one frame at once: both find it allocated, and the later write wins.
TEST_F(ThreadListsDeathTest, AFrameThatIsInTheListsOfAnotherThreadAsWellDies) {
  ThreadLists second;
  registry_.Attach(second);
  const FrameNumber frame = Run(1, 1);
  ASSERT_TRUE(lists_.TryPut(table(), frame, kOrder0));
  table().EntryOf(frame).Relabel(FrameRecord::Run(FrameCount(1), Mobility::kMovable));
  ASSERT_TRUE(second.TryPut(table(), frame, kOrder0));
  EXPECT_DEATH(static_cast<void>(Take(lists_, kMovable0)), "double free: 0x201 ");
  EXPECT_DEATH(static_cast<void>(lists_.TakeForDrain(table(), kMovable0)), "double free: 0x201 ");
  EXPECT_DEATH(registry_.CheckInvariants(table()), "invariant broken: 0x201 .*F11");
  Empty(second);
  registry_.Detach(second);
  // Put right what the test broke.
  table().Store(frame, FrameRecord::Listed(ListLabel(kOrder0, lists_.id()), FrameNumber(0)));
}

TEST_F(ThreadListsDeathTest, ListsThatEndWhileAttachedDie) {
  EXPECT_DEATH(
      {
        ThreadLists lost;
        registry_.Attach(lost);
      },
      "assertion failed: 0x1 ");
}

TEST_F(ThreadListsDeathTest, DetachingListsThatHoldFramesDies) {
  ASSERT_TRUE(lists_.TryPut(table(), Run(1, 1), kOrder0));
  EXPECT_DEATH(registry_.Detach(lists_), "assertion failed: 0x0 ");
}

TEST_F(ThreadListsDeathTest, AttachingTwiceDies) {
  EXPECT_DEATH(registry_.Attach(lists_), "assertion failed: 0x0 ");
}

}  // namespace
}  // namespace pageward::frame
