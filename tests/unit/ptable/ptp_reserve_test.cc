#include "runtime/ptable/ptp_reserve.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <vector>

namespace pageward::ptable {
namespace {

constexpr TaskId kMe{1};
constexpr TaskId kOther{2};

// Blocks of any order, and a mapping whose split can be made to need table pages.
class FakeBlocks final : public PtpBlockSource {
 public:
  std::optional<FrameNumber> Allocate(Order order) override {
    asked_.push_back(order.value());
    if (unavailable_.contains(order.value())) {
      return std::nullopt;
    }
    // Aligned, as blocks of the buddy system are.
    next_ = (next_ + order.frames().value - 1) & ~(order.frames().value - 1);
    const FrameNumber first(next_);
    next_ += order.frames().value;
    ++outside_;
    return first;
  }

  Status Protect(FrameRange block) override {
    if (while_protecting_) {
      const Status status = while_protecting_();
      if (!status.ok()) {
        return status;
      }
    }
    for (std::uint32_t i = 0; i < block.count.value; ++i) {
      protected_.insert(block.begin + FrameCount(i));
    }
    return {};
  }

  void Free(FrameRange block) override {
    EXPECT_FALSE(protected_.contains(block.begin)) << "freed with its key";
    --outside_;
  }

  void MakeUnavailable(std::set<unsigned> orders) { unavailable_ = std::move(orders); }
  void WhileProtecting(std::function<Status()> action) { while_protecting_ = std::move(action); }
  bool IsProtected(FrameNumber frame) const { return protected_.contains(frame); }
  const std::vector<unsigned>& asked() const { return asked_; }
  int outside() const { return outside_; }

 private:
  std::set<unsigned> unavailable_;
  std::function<Status()> while_protecting_;
  std::set<FrameNumber> protected_;
  std::vector<unsigned> asked_;
  std::uint32_t next_ = 4096;
  int outside_ = 0;
};

constexpr PtpReserveShape kShape;
constexpr std::size_t kLinks = 16384;

class Links {
 public:
  PtpReserve::Memory memory() { return {links_, counts_}; }
  std::uint64_t& operator[](std::size_t frame) { return links_[frame]; }

 private:
  std::vector<std::uint64_t> links_ = std::vector<std::uint64_t>(kLinks);
  std::vector<std::uint16_t> counts_ = std::vector<std::uint16_t>(kLinks / kPageblockFrames);
};

class PtpReserveTest : public testing::Test {
 protected:
  void TearDown() override { reserve_.CheckInvariants(); }

  // Leaves exactly `frames` behind, whatever was there before.
  void HoldExactly(std::size_t frames) {
    FrameNumber next(0);
    while (reserve_.size() < frames) {
      reserve_.Put(next);
      next = next + FrameCount(1);
    }
  }

  // The refill's own split takes `count` frames.
  void SplitWhileProtecting(std::size_t count) {
    blocks_.WhileProtecting([this, count]() -> Status {
      EXPECT_TRUE(reserve_.Prepare(kMe).ok());
      EXPECT_TRUE(reserve_.IsReady(kMe));
      for (std::size_t i = 0; i < count; ++i) {
        if (!reserve_.TakeForSplit(kMe)) {
          return Error::kNoFrames;
        }
      }
      return {};
    });
  }

  Links links_;
  FakeBlocks blocks_;
  PtpReserve reserve_{links_.memory(), blocks_};
};

// Spec: T82
TEST_F(PtpReserveTest, ThePreparedReserveHoldsFourProtectedFrames) {
  EXPECT_FALSE(reserve_.IsReady(kMe));
  ASSERT_TRUE(reserve_.Prepare(kMe).ok());
  EXPECT_TRUE(reserve_.IsReady(kMe));
  EXPECT_GE(reserve_.size(), kShape.reserved());
  for (std::size_t taken = 0; taken < kShape.for_others; ++taken) {
    const auto frame = reserve_.TakeForSplit(kMe);
    ASSERT_TRUE(frame);
    EXPECT_TRUE(blocks_.IsProtected(*frame));
  }
}

// Spec: T83
TEST_F(PtpReserveTest, OrdinaryRequestsLeaveFourAndSplitsMayTakeThem) {
  HoldExactly(6);
  blocks_.MakeUnavailable({9, 4, 2});
  EXPECT_TRUE(reserve_.Take(kMe).ok());
  EXPECT_TRUE(reserve_.Take(kMe).ok());
  EXPECT_EQ(reserve_.size(), 4u);
  EXPECT_EQ(reserve_.Take(kMe).error(), Error::kNoFrames);
  EXPECT_EQ(reserve_.size(), 4u);
  EXPECT_TRUE(reserve_.TakeForSplit(kMe));
  EXPECT_TRUE(reserve_.TakeForSplit(kMe));
  EXPECT_EQ(reserve_.size(), 2u);
}

TEST_F(PtpReserveTest, ASplitOfSomebodyElseLeavesTheRefillersShare) {
  HoldExactly(3);
  EXPECT_TRUE(reserve_.TakeForSplit(kMe));
  EXPECT_FALSE(reserve_.TakeForSplit(kMe));
  EXPECT_EQ(reserve_.size(), kShape.for_refill);
}

// Spec: T84
TEST_F(PtpReserveTest, ARefillsOwnSplitTakesTwoAtMostAndDoesNotRefill) {
  HoldExactly(3);
  std::vector<bool> granted;
  blocks_.WhileProtecting([&]() -> Status {
    EXPECT_TRUE(reserve_.Prepare(kMe).ok()) << "at once, although there are fewer than four";
    EXPECT_TRUE(reserve_.IsReady(kMe));
    for (int i = 0; i < 3; ++i) {
      granted.push_back(reserve_.TakeForSplit(kMe).has_value());
    }
    return {};
  });
  ASSERT_TRUE(reserve_.Prepare(kMe).ok());
  EXPECT_EQ(granted, (std::vector<bool>{true, true, false}));
  EXPECT_EQ(blocks_.asked(), (std::vector<unsigned>{9})) << "one refill, not nested";
}

TEST_F(PtpReserveTest, OrdinaryRequestsInsideOfARefillFailAndDoNotNest) {
  HoldExactly(2);
  blocks_.WhileProtecting([&]() -> Status {
    EXPECT_EQ(reserve_.Take(kMe).error(), Error::kNoFrames);
    return {};
  });
  ASSERT_TRUE(reserve_.Prepare(kMe).ok());
  EXPECT_EQ(blocks_.asked(), (std::vector<unsigned>{9}));
}

// Spec: T85
TEST_F(PtpReserveTest, EveryRefillRaisesTheCountEvenInTheWorstCase) {
  blocks_.MakeUnavailable({9, 4});
  for (std::size_t before = 2; before <= 3; ++before) {
    for (std::size_t used = 0; used <= 2; ++used) {
      FakeBlocks blocks;
      Links links;
      PtpReserve reserve(links.memory(), blocks);
      blocks.MakeUnavailable({9, 4});
      for (std::uint32_t i = 0; i < before; ++i) {
        reserve.Put(FrameNumber(i));
      }
      blocks.WhileProtecting([&]() -> Status {
        for (std::size_t i = 0; i < used; ++i) {
          EXPECT_TRUE(reserve.TakeForSplit(kMe));
        }
        return {};
      });
      ASSERT_TRUE(reserve.Prepare(kMe).ok());
      EXPECT_EQ(reserve.size(), before + 4 - used);
    }
  }
}

// Spec: T85
TEST_F(PtpReserveTest, ARefillThatHandsAFrameOutStillRaisesTheCountByOne) {
  HoldExactly(4);
  blocks_.MakeUnavailable({9, 4});
  SplitWhileProtecting(2);
  const Result<FrameNumber> frame = reserve_.Take(kMe);
  ASSERT_TRUE(frame.ok());
  EXPECT_TRUE(blocks_.IsProtected(*frame));
  EXPECT_EQ(reserve_.size(), 5u);
}

// Spec: T86
TEST_F(PtpReserveTest, OrdersAreTriedFromTheLargestToTheSmallest) {
  struct Row {
    std::set<unsigned> unavailable;
    std::vector<unsigned> asked;
    std::size_t size;
  };
  const Row rows[] = {{{}, {9}, 512}, {{9}, {9, 4}, 16}, {{9, 4}, {9, 4, 2}, 4}};
  for (const Row& row : rows) {
    FakeBlocks blocks;
    Links links;
    PtpReserve reserve(links.memory(), blocks);
    blocks.MakeUnavailable(row.unavailable);
    ASSERT_TRUE(reserve.Prepare(kMe).ok());
    EXPECT_EQ(blocks.asked(), row.asked);
    EXPECT_EQ(reserve.size(), row.size);
    EXPECT_EQ(reserve.counters().refills[row.asked.size() - 1], 1u);
  }
}

// Spec: T86
TEST_F(PtpReserveTest, WithoutAnyOrderARefillFailsAndChangesNothing) {
  HoldExactly(3);
  blocks_.MakeUnavailable({9, 4, 2});
  EXPECT_EQ(reserve_.Prepare(kMe).error(), Error::kNoFrames);
  EXPECT_EQ(reserve_.size(), 3u);
  EXPECT_FALSE(reserve_.IsRefilling());
  EXPECT_EQ(reserve_.counters().failed_refills, 1u);
  blocks_.MakeUnavailable({});
  EXPECT_TRUE(reserve_.Prepare(kMe).ok()) << "and can be tried again";
}

// Spec: T87
TEST_F(PtpReserveTest, PrepareReturnsAtOnceIfThereAreFour) {
  HoldExactly(4);
  ASSERT_TRUE(reserve_.Prepare(kMe).ok());
  EXPECT_TRUE(blocks_.asked().empty());
}

// Spec: T87
TEST_F(PtpReserveTest, BelowFourOnlyTheRefillerIsReady) {
  HoldExactly(3);
  blocks_.WhileProtecting([&]() -> Status {
    EXPECT_TRUE(reserve_.IsReady(kMe));
    EXPECT_FALSE(reserve_.IsReady(kOther));
    EXPECT_EQ(reserve_.Prepare(kOther).error(), Error::kWouldBlock);
    EXPECT_EQ(reserve_.Take(kOther).error(), Error::kWouldBlock);
    return {};
  });
  EXPECT_FALSE(reserve_.IsReady(kMe));
  ASSERT_TRUE(reserve_.Prepare(kMe).ok());
  EXPECT_TRUE(reserve_.IsReady(kOther));
}

// Spec: T89
TEST_F(PtpReserveTest, ABlockThatCannotBeProtectedGoesBackWhole) {
  HoldExactly(3);
  blocks_.WhileProtecting([]() -> Status { return Error::kNotPermitted; });
  EXPECT_EQ(reserve_.Prepare(kMe).error(), Error::kNotPermitted);
  EXPECT_EQ(blocks_.outside(), 0);
  EXPECT_EQ(reserve_.size(), 3u);
  EXPECT_FALSE(reserve_.IsRefilling());
}

// Spec: T91
TEST_F(PtpReserveTest, TheLastFrameInIsTheFirstOneOut) {
  HoldExactly(5);
  reserve_.Put(FrameNumber(100));
  reserve_.Put(FrameNumber(200));
  EXPECT_EQ(reserve_.TakeForSplit(kMe), FrameNumber(200));
  EXPECT_EQ(*reserve_.Take(kMe), FrameNumber(100));
}

TEST_F(PtpReserveTest, ABlockIsHandedOutFromItsFirstFrameOn) {
  const FrameNumber first = *reserve_.Take(kMe);
  EXPECT_EQ(first.value % 512, 0u);
  EXPECT_EQ(*reserve_.Take(kMe), first + FrameCount(1));
}

// Spec: T94
TEST_F(PtpReserveTest, ASplitThatFindsNothingFailsAndWaitsForNobody) {
  EXPECT_FALSE(reserve_.TakeForSplit(kMe));
  EXPECT_TRUE(blocks_.asked().empty()) << "nor does it refill";
  // Not even for a refiller whose own split finds nothing.
  SplitWhileProtecting(1);
  EXPECT_EQ(reserve_.Prepare(kMe).error(), Error::kNoFrames);
  EXPECT_EQ(reserve_.size(), 0u);
  EXPECT_EQ(blocks_.outside(), 0);
}

// Spec: T99
TEST_F(PtpReserveTest, UnderPressureTheRefillInProgressFinishesAndTheNextOneFails) {
  HoldExactly(4);
  // Somebody's split uses all that is not the refiller's.
  ASSERT_TRUE(reserve_.TakeForSplit(kOther));
  ASSERT_TRUE(reserve_.TakeForSplit(kOther));
  blocks_.MakeUnavailable({9, 4});
  blocks_.WhileProtecting([&]() -> Status {
    blocks_.MakeUnavailable({9, 4, 2});  // From now on memory is in pairs and less.
    EXPECT_FALSE(reserve_.TakeForSplit(kOther));
    EXPECT_TRUE(reserve_.TakeForSplit(kMe));
    EXPECT_TRUE(reserve_.TakeForSplit(kMe));
    return {};
  });
  ASSERT_TRUE(reserve_.Prepare(kMe).ok());
  EXPECT_EQ(reserve_.size(), 4u) << "one more split of anybody can go ahead";
  ASSERT_TRUE(reserve_.TakeForSplit(kOther));
  ASSERT_TRUE(reserve_.TakeForSplit(kOther));
  EXPECT_EQ(reserve_.Prepare(kMe).error(), Error::kNoFrames) << "and then splits are refused";
  EXPECT_EQ(reserve_.size(), 2u);
}

TEST_F(PtpReserveTest, FramesThatArriveDuringARefillStay) {
  blocks_.MakeUnavailable({9, 4});
  blocks_.WhileProtecting([&]() -> Status {
    reserve_.Put(FrameNumber(1));
    reserve_.Put(FrameNumber(2));
    return {};
  });
  ASSERT_TRUE(reserve_.Prepare(kMe).ok());
  EXPECT_EQ(reserve_.size(), 6u);
}

TEST_F(PtpReserveTest, AnOrdinaryRequestRefillsUntilFourAreLeftOver) {
  HoldExactly(2);
  blocks_.MakeUnavailable({9, 4});
  SplitWhileProtecting(2);
  ASSERT_TRUE(reserve_.Take(kMe).ok());
  EXPECT_GE(reserve_.size(), kShape.reserved());
}

TEST_F(PtpReserveTest, AShapeThatIsTooSmallEndsInAnErrorAndNotInALoop) {
  const PtpReserveShape tiny{.refill_orders = {Order(1)}, .refill_order_count = 1};
  Links links;
  PtpReserve reserve(links.memory(), blocks_, tiny);
  for (std::uint32_t i = 0; i < 4; ++i) {
    reserve.Put(FrameNumber(i));
  }
  blocks_.WhileProtecting([&]() -> Status {
    EXPECT_TRUE(reserve.TakeForSplit(kMe));
    EXPECT_TRUE(reserve.TakeForSplit(kMe));
    return {};
  });
  EXPECT_EQ(reserve.Take(kMe).error(), Error::kNoFrames);
  EXPECT_EQ(reserve.size(), 4u);
}

TEST_F(PtpReserveTest, WithNothingPutAsideASplitCanFindNothing) {
  Links links;
  PtpReserve reserve(links.memory(), blocks_, PtpReserveShape{.for_refill = 0, .for_others = 0});
  EXPECT_TRUE(reserve.IsReady(kMe)) << "which promises nothing";
  EXPECT_FALSE(reserve.TakeForSplit(kMe));
}

TEST_F(PtpReserveTest, FramesAreVisitedInTheOrderInWhichTheyWouldBeTaken) {
  HoldExactly(4);
  std::vector<std::uint32_t> visited;
  reserve_.VisitWhile([&](FrameNumber frame) {
    visited.push_back(frame.value);
    return visited.size() < 3;
  });
  EXPECT_EQ(visited, (std::vector<std::uint32_t>{3, 2, 1}));
}

TEST_F(PtpReserveTest, AWholeBlockLeavesOnlyIfAllOfItIsHereAndEnoughOthersAre) {
  blocks_.MakeUnavailable({9, 4});
  const FrameNumber first = *reserve_.Take(kMe);
  const FrameRange block{first, FrameCount(4)};
  EXPECT_EQ(reserve_.CountIn(block), 3u);
  EXPECT_FALSE(reserve_.TryTakeWhole(block, 4)) << "one is in use";
  reserve_.Put(first);
  const std::size_t others = reserve_.size() - 4;
  EXPECT_FALSE(reserve_.TryTakeWhole(block, others + 1)) << "too few would be left";
  EXPECT_TRUE(reserve_.TryTakeWhole(block, others));
  EXPECT_EQ(reserve_.size(), others);
  EXPECT_EQ(reserve_.CountIn(block), 0u);
  reserve_.CheckInvariants();
}

// Spec: T95
TEST_F(PtpReserveTest, ThePageblocksCountOfFramesIsThatOfTheCache) {
  ASSERT_TRUE(reserve_.Prepare(kMe).ok());
  const FrameNumber first = *reserve_.Take(kMe);
  const BlockNumber block = first.block();
  EXPECT_EQ(reserve_.CountIn(block), kPageblockFrames - 1);
  ASSERT_TRUE(reserve_.TakeForSplit(kMe));
  EXPECT_EQ(reserve_.CountIn(block), kPageblockFrames - 2);
  reserve_.Put(first);
  EXPECT_EQ(reserve_.CountIn(block), kPageblockFrames - 1);
  EXPECT_EQ(reserve_.CountIn(block), reserve_.CountIn(BlockRange{block, 1}.frames()));
}

class PtpReserveDeathTest : public PtpReserveTest {};

TEST_F(PtpReserveDeathTest, AFramePutTwiceIsADoubleFree) {
  HoldExactly(2);
  EXPECT_DEATH(reserve_.Put(FrameNumber(1)), "double free: 0x1");
}

TEST_F(PtpReserveDeathTest, AFrameWithoutALinkIsForeign) {
  EXPECT_DEATH(reserve_.Put(FrameNumber(kLinks)), "foreign frame: 0x4000");
}

TEST_F(PtpReserveDeathTest, ALinkThatSomebodyOverwroteIsFound) {
  HoldExactly(3);
  EXPECT_DEATH(
      {
        links_[1] ^= 2;
        reserve_.CheckInvariants();
      },
      "invariant broken: .*R1");
}

}  // namespace
}  // namespace pageward::ptable
