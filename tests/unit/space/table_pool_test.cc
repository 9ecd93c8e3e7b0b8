// Table pages of a zone of 128 MiB, with keys that are remembered and take no rights: what has
// which key is asked, not tried. The reserve by itself is shown in tests/unit/ptable.
#include "runtime/space/table_pool.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "tests/support/memory_probe.h"
#include "tests/support/space/keyed_zone.h"

namespace pageward::space {
namespace {

using frame::Freetype;
using frame::Mobility;
using frame::Request;
using testing_support::Access;
using testing_support::FaultyOs;
using testing_support::KeyedZone;
using testing_support::TryRead;
using testing_support::TryWrite;

constexpr std::uint64_t kZoneBytes = std::uint64_t{128} << 20;
constexpr arch::Pkey kUsersKey(5);
constexpr arch::Pkey kLeafKey(6);

class TablePoolTest : public testing::Test {
 protected:
  TablePoolTest() {
    os_.set_fakes_keys(true);
    zone_.emplace(os_, keys_, kZoneBytes);
    // Claimed here, so that no later call is one of a claim.
    EXPECT_TRUE(keys_.KeyFor(keys::KeyBroker::Purpose::kClosed).ok());
    EXPECT_TRUE(users().UseKey(kUsersKey).ok());
    EXPECT_TRUE(zone_->leaf_pool().UseKey(kLeafKey).ok());
  }
  ~TablePoolTest() override { zone_->CheckInvariants(); }

  TablePool& users() { return zone_->users(); }
  frame::PageAllocator& frames() { return zone_->frames(); }
  arch::Pkey KeyOf(FrameNumber frame) { return os_.KeyAt(zone_->AddressOf(frame)); }

  std::vector<FrameNumber> Take(std::size_t pages) {
    std::vector<FrameNumber> taken;
    for (std::size_t i = 0; i < pages; ++i) {
      const Result<FrameNumber> frame = users().Take();
      EXPECT_TRUE(frame.ok());
      taken.push_back(*frame);
    }
    return taken;
  }
  void PutAll(const std::vector<FrameNumber>& pages) {
    for (const FrameNumber frame : pages) {
      users().Put(frame);
    }
  }
  // Takes pages until `pages` are cached.
  std::vector<FrameNumber> LeaveCached(std::size_t pages) {
    EXPECT_TRUE(users().Prepare().ok());
    return Take(users().cached() - pages);
  }

  FaultyOs os_;
  keys::KeyBroker keys_{os_, keys::KeyUse::kIfPresent};
  std::optional<KeyedZone> zone_;
};

// Spec: T82
TEST_F(TablePoolTest, ThePreparedPoolHasFourPagesAndEachHasTheKey) {
  EXPECT_FALSE(users().IsReady());
  ASSERT_TRUE(users().Prepare().ok());
  EXPECT_TRUE(users().IsReady());
  ASSERT_GE(users().cached(), 4u);
  for (const FrameNumber frame : Take(users().cached() - 4)) {
    ASSERT_EQ(KeyOf(frame), kUsersKey);
    ASSERT_EQ(TryWrite(zone_->AddressOf(frame)), Access::kOk);
    users().Put(frame);
  }
}

TEST_F(TablePoolTest, APageblockIsTakenByOneConversion) {
  const FrameNumber frame = Take(1).front();
  EXPECT_EQ(frames().FlagsOf(frame.block()).freetype(), Freetype::Keyed(KeyedZone::kUsers));
  EXPECT_EQ(users().counters().refills[0], 1u);
  EXPECT_EQ(users().cached(), kPageblockFrames - 1);
  EXPECT_EQ(users().bytes(), kPageblockBytes);
  users().Put(frame);
}

// Spec: T83
TEST_F(TablePoolTest, OrdinaryRequestsLeaveFourToSplits) {
  const auto others = zone_->TakeAllPageblocks();
  frames().Free(others.back(), kPageblockOrder);
  auto taken = LeaveCached(4);
  EXPECT_EQ(users().Take().error(), Error::kNoFrames);
  EXPECT_EQ(users().cached(), 4u);
  taken.push_back(*users().TakeForSplit());
  taken.push_back(*users().TakeForSplit());
  EXPECT_FALSE(users().TakeForSplit()) << "the last two are for a refill";
  PutAll(taken);
}

// Spec: T94
TEST_F(TablePoolTest, ASplitWithNothingSetAsideFails) {
  EXPECT_FALSE(users().TakeForSplit());
  EXPECT_EQ(users().cached(), 0u);
}

// Spec: T91, U36
TEST_F(TablePoolTest, TheLastPageInIsTheFirstOneOut) {
  const auto pages = Take(3);
  users().Put(pages[1]);
  users().Put(pages[0]);
  users().Put(pages[2]);
  EXPECT_EQ(Take(3), (std::vector<FrameNumber>{pages[2], pages[0], pages[1]}));
  PutAll(pages);
}

// Spec: T95
TEST_F(TablePoolTest, APageblockKnowsHowManyOfItsPagesAreHere) {
  const auto pages = Take(5);
  users().CheckInvariants();
  EXPECT_EQ(users().cached(), kPageblockFrames - 5);
  PutAll(pages);
  users().CheckInvariants();
  EXPECT_EQ(users().cached(), std::size_t{kPageblockFrames});
}

// Spec: T86
TEST_F(TablePoolTest, WithoutWholePageblocksTheOnesThatItHasServeBySixteenAndByFour) {
  const FrameNumber keyed = *frames().Allocate(kPageblockOrder, Request::Keyed(users().owner()));
  zone_->TakeAllPageblocks();
  EXPECT_EQ(users().Prepare().error(), Error::kNoFrames);
  EXPECT_EQ(users().cached(), 0u);
  // Of the pool's own pageblock there are 4 frames, and 16, in different places.
  const FrameRange whole{keyed, FrameCount(kPageblockFrames)};
  const FrameRange rest{keyed + FrameCount(256), FrameCount(256)};
  const FrameRange behind{rest.begin + FrameCount(16), FrameCount(240)};
  ASSERT_TRUE(frames().SplitRun(whole, FrameCount(256)).ok());
  ASSERT_TRUE(frames().SplitRun(rest, FrameCount(16)).ok());
  ASSERT_TRUE(frames().SplitRun(behind, FrameCount(4)).ok());
  frames().FreeRun(FrameRange{behind.begin, FrameCount(4)});
  ASSERT_TRUE(users().Prepare().ok());
  EXPECT_EQ(users().counters().refills[2], 1u);
  EXPECT_EQ(users().cached(), 4u);
  frames().FreeRun(FrameRange{rest.begin, FrameCount(16)});
  const FrameNumber taken = Take(1).front();
  EXPECT_EQ(users().counters().refills[1], 1u);
  EXPECT_EQ(KeyOf(taken), kUsersKey);
  users().Put(taken);
}

// Spec: T89
TEST_F(TablePoolTest, WithoutTheKeyThePageblockGoesBackAndNothingIsCached) {
  ASSERT_TRUE(users().Prepare().ok());  // The zone has grown by then.
  const auto taken = LeaveCached(4);
  const frame::Counters before = frames().counters();
  os_.faults().FailAfter(FaultyOs::Kind::kProtect, 0, Error::kNoMemory, 1);
  EXPECT_FALSE(users().Take().ok());
  EXPECT_EQ(users().cached(), 4u);
  const frame::Counters after = frames().counters();
  EXPECT_EQ(after.free_frames[frame::Visibility::kMapped],
            before.free_frames[frame::Visibility::kMapped]);
  EXPECT_EQ(after.conversion_failures, before.conversion_failures + 1);
  EXPECT_EQ(users().bytes(), kPageblockBytes);
  PutAll(taken);
}

TEST_F(TablePoolTest, AFailureOfAnyStepLeavesThePoolAsItWas) {
  for (std::uint32_t n = 0;; ++n) {
    ASSERT_LT(n, 40u);
    FaultyOs os;
    os.set_fakes_keys(true);
    keys::KeyBroker keys(os, keys::KeyUse::kIfPresent);
    KeyedZone zone(os, keys, kZoneBytes);
    ASSERT_TRUE(zone.users().UseKey(kUsersKey).ok());
    const std::uint32_t calls = os.faults().all_calls();
    os.faults().FailNthCall(n, Error::kNoMemory);
    const bool is_prepared = zone.users().Prepare().ok();
    const bool has_failed = os.faults().all_calls() - calls > n;
    os.faults().StopFailing();
    // Without room for 32 pageblocks it makes do with one.
    ASSERT_EQ(zone.users().cached(), is_prepared ? std::size_t{kPageblockFrames} : 0u) << n;
    zone.CheckInvariants();
    ASSERT_TRUE(zone.users().Prepare().ok()) << n;
    ASSERT_EQ(zone.users().bytes(), kPageblockBytes) << n;
    if (!has_failed) {
      EXPECT_GT(n, 5u);
      break;
    }
  }
}

TEST_F(TablePoolTest, PagesOfAPageblockThatWasOutOfReachCanBeUsed) {
  zone_->GrowToTheEnd();
  const FrameRange all{FrameNumber(0), FramesFor(kZoneBytes)};
  static_cast<void>(zone_->zone().MakeGone(all));
  const FrameNumber frame = Take(1).front();
  EXPECT_EQ(TryWrite(zone_->AddressOf(frame)), Access::kOk);
  EXPECT_EQ(KeyOf(frame), kUsersKey);
  users().Put(frame);
}

// --- Keys that come late ------------------------------------------------------------------------

// Spec: T96
TEST_F(TablePoolTest, PagesFromBeforeTheKeyGetItWithTheirPageblock) {
  FaultyOs os;
  os.set_fakes_keys(true);
  KeyedZone zone(os, keys_, kZoneBytes);
  std::vector<FrameNumber> early;
  for (int i = 0; i < 700; ++i) {  // Of two pageblocks.
    early.push_back(*zone.users().Take());
    ASSERT_EQ(os.KeyAt(zone.AddressOf(early.back())), arch::kDefaultPkey);
  }
  ASSERT_TRUE(zone.users().UseKey(kUsersKey).ok());
  EXPECT_EQ(zone.users().bytes(), 2 * kPageblockBytes);
  for (const FrameNumber frame : early) {
    ASSERT_EQ(os.KeyAt(zone.AddressOf(frame)), kUsersKey);
    zone.users().Put(frame);
  }
}

// Spec: T97
TEST_F(TablePoolTest, EarlyPageblocksThatTouchGetTheKeyAsOne) {
  FaultyOs os;
  os.set_fakes_keys(true);
  KeyedZone zone(os, keys_, kZoneBytes);
  for (int i = 0; i < 1200; ++i) {
    ASSERT_TRUE(zone.users().Take().ok());
  }
  const std::uint32_t calls = os.faults().CallsOf(FaultyOs::Kind::kProtect);
  ASSERT_TRUE(zone.users().UseKey(kUsersKey).ok());
  EXPECT_EQ(os.faults().CallsOf(FaultyOs::Kind::kProtect), calls + 1);
  EXPECT_EQ(zone.users().bytes(), 3 * kPageblockBytes);
}

TEST_F(TablePoolTest, AKeyThatCannotBeGivenLeavesEarlyPagesWithoutIt) {
  FaultyOs os;
  os.set_fakes_keys(true);
  KeyedZone zone(os, keys_, kZoneBytes);
  const FrameNumber early = *zone.users().Take();
  os.faults().FailAfter(FaultyOs::Kind::kProtect, 0, Error::kNoMemory, 1);
  EXPECT_EQ(zone.users().UseKey(kUsersKey).error(), Error::kNoMemory);
  EXPECT_FALSE(zone.users().key());
  EXPECT_EQ(os.KeyAt(zone.AddressOf(early)), arch::kDefaultPkey);
}

TEST_F(TablePoolTest, ASealedPoolSealsEachPageblockThatItTakes) {
  const auto early = Take(600);
  ASSERT_TRUE(users().Seal().ok());
  EXPECT_EQ(os_.faults().CallsOf(FaultyOs::Kind::kSeal), 1u) << "two that touch";
  const auto more = Take(512);
  EXPECT_EQ(os_.faults().CallsOf(FaultyOs::Kind::kSeal), 2u);
  PutAll(early);
  PutAll(more);
}

TEST_F(TablePoolTest, WhatCannotBeSealedIsNotUsed) {
  ASSERT_TRUE(users().Prepare().ok());
  ASSERT_TRUE(users().Seal().ok());
  const auto taken = LeaveCached(4);
  os_.faults().FailAfter(FaultyOs::Kind::kSeal, 0, Error::kNotPermitted);
  EXPECT_FALSE(users().Take().ok());
  EXPECT_FALSE(users().Take().ok());
  EXPECT_EQ(users().cached(), 4u);
  os_.faults().StopFailing();
  EXPECT_TRUE(users().Take().ok());
}

// --- Shrinking ----------------------------------------------------------------------------------

// Spec: T92
TEST_F(TablePoolTest, AShrinkerGivesWholeFreePageblocksBackAndLeavesSixteenPages) {
  const auto taken = Take(600);
  PutAll(taken);
  ASSERT_EQ(users().bytes(), 2 * kPageblockBytes);
  const std::uint32_t calls = os_.faults().CallsOf(FaultyOs::Kind::kProtect);
  EXPECT_EQ(users().Shrink(1), std::uint64_t{kPageblockFrames});
  EXPECT_EQ(os_.faults().CallsOf(FaultyOs::Kind::kProtect), calls + 1) << "one change of rights";
  EXPECT_EQ(users().bytes(), kPageblockBytes);
  EXPECT_EQ(users().Shrink(1), 0u) << "fewer than sixteen would be left";
  EXPECT_EQ(users().cached(), std::size_t{kPageblockFrames});
}

TEST_F(TablePoolTest, APageblockInUseIsNotGivenBackInPieces) {
  const auto taken = Take(600);
  // All but one page of the first pageblock, four of which never left.
  PutAll({taken.begin() + 1, taken.begin() + 508});
  EXPECT_EQ(users().Shrink(~std::uint64_t{0}), 0u);
  EXPECT_EQ(users().bytes(), 2 * kPageblockBytes);
  PutAll({taken.front()});
  EXPECT_EQ(users().Shrink(~std::uint64_t{0}), std::uint64_t{kPageblockFrames});
  PutAll({taken.begin() + 508, taken.end()});
}

TEST_F(TablePoolTest, WhatWasGivenBackIsOutOfReachAndZeroWhenItIsUsedAgain) {
  const auto taken = Take(600);
  const FrameNumber first = taken.front();
  ASSERT_EQ(TryWrite(zone_->AddressOf(first)), Access::kOk);
  ASSERT_EQ(TryWrite(zone_->AddressOf(taken.back())), Access::kOk);
  PutAll(taken);
  ASSERT_EQ(users().Shrink(kPageblockFrames), std::uint64_t{kPageblockFrames});
  const FrameNumber gone = users().Owns(first) ? taken.back() : first;
  EXPECT_NE(TryRead(zone_->AddressOf(gone)), Access::kOk);
  const FrameRange whole = BlockRange{gone.block(), 1}.frames();
  ASSERT_TRUE(zone_->zone().MakeUsable(whole).ok());
  EXPECT_EQ(KeyOf(gone), arch::kDefaultPkey);
  EXPECT_EQ(*zone_->AddressOf(gone).AsPointer<volatile char>(), 0);
}

// Spec: T93
TEST_F(TablePoolTest, APageblockWhoseWayBackFailsIsTakenAgainFirst) {
  PutAll(Take(600));
  os_.FailProtectHalfway();
  EXPECT_EQ(users().Shrink(kPageblockFrames), 0u);
  // Free, still the pool's, and with its key throughout.
  EXPECT_EQ(users().cached(), std::size_t{kPageblockFrames});
  EXPECT_EQ(users().bytes(), 2 * kPageblockBytes);
  EXPECT_EQ(frames().counters().free_frames[frame::Visibility::kKeyed],
            FrameCount(kPageblockFrames));
  const std::uint64_t conversions = frames().counters().conversions[frame::Visibility::kKeyed];
  const auto taken = Take(600);
  EXPECT_EQ(frames().counters().conversions[frame::Visibility::kKeyed], conversions);
  for (const FrameNumber frame : taken) {
    ASSERT_EQ(KeyOf(frame), kUsersKey);
  }
  PutAll(taken);
}

// --- Mistakes -----------------------------------------------------------------------------------

using TablePoolDeathTest = TablePoolTest;

TEST_F(TablePoolDeathTest, APageOfAnotherPoolOrOfNoneIsRefused) {
  const FrameNumber page = Take(1).front();
  ASSERT_TRUE(zone_->leaf_pool().Prepare().ok());
  EXPECT_DEATH(zone_->leaf_pool().Put(page), "foreign frame");
  const FrameNumber heap = *frames().Allocate(Order(0), Request::Mapped(Mobility::kMovable));
  EXPECT_DEATH(users().Put(heap), "foreign frame");
  EXPECT_DEATH(users().Put(FrameNumber(1u << 27)), "foreign frame");
  users().Put(page);
  EXPECT_DEATH(users().Put(page), "double free");
}

}  // namespace
}  // namespace pageward::space
