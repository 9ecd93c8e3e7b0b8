// The heap's memory on the real system: every claim about reach is proved by touching the page.
#include "runtime/space/private_zone.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "runtime/arch/cpu.h"
#include "runtime/keys/key_broker.h"
#include "tests/support/memory_probe.h"
#include "tests/support/os/faulty_os.h"
#include "tests/support/process_keys.h"

namespace pageward::space {
namespace {

using testing_support::Access;
using testing_support::FaultyOs;
using testing_support::TryRead;
using testing_support::TryWrite;

constexpr std::uint64_t kZoneBytes = std::uint64_t{1} << 30;
constexpr std::uint32_t kTables[] = {PrivateZone::kFlagBytes, PrivateZone::kFlagBytes};

struct Means {
  const char* name;
  GoneBy gone_by;
  bool has_guards;
  bool uses_key;
};

// Every kernel generation of D10, with and without protection keys.
constexpr Means kMeans[] = {
    {"Guards", GoneBy::kGuardMarkers, true, false},
    {"GuardsAndKey", GoneBy::kGuardMarkers, true, true},
    {"NoGuardsInThisKernel", GoneBy::kGuardMarkers, false, false},
    {"Protection", GoneBy::kProtection, true, true},
    {"Pageblock", GoneBy::kPageblock, true, false},
};

class PrivateZoneTest : public testing::Test {
 protected:
  void Make(const PrivateZone::Options& options, bool has_guards = true, bool uses_keys = true) {
    os_.set_has_guards(has_guards);
    keys_ =
        &testing_support::ProcessKeys(uses_keys ? keys::KeyUse::kIfPresent : keys::KeyUse::kNever);
    const auto reservation = ZoneReservation::Make(os_, kZoneBytes, kZoneBytes, kTables);
    ASSERT_TRUE(reservation.ok());
    zone_.emplace(os_, *keys_, *reservation, 0, 1, options);
    reservation_ = reservation->whole();
  }

  void TearDown() override {
    zone_.reset();
    if (reservation_.bytes > 0) {
      ASSERT_TRUE(os_.Unmap(reservation_).ok());
    }
  }

  FrameRange GrowBlocks(Backing backing, std::uint32_t blocks) {
    const Result<BlockRange> grown = zone_->Grow(backing, blocks);
    EXPECT_TRUE(grown.ok());
    return grown->frames();
  }

  static FrameRange Part(FrameRange of, std::uint32_t first, std::uint32_t count) {
    return FrameRange{of.begin + FrameCount(first), FrameCount(count)};
  }

  VirtAddr At(FrameNumber frame) const { return zone_->AddressOf(frame); }

  bool IsUsable(FrameRange range) const {
    for (FrameNumber frame = range.begin; frame < range.end(); frame = frame + FrameCount(1)) {
      if (TryWrite(At(frame)) != Access::kOk) {
        return false;
      }
    }
    return true;
  }

  bool IsUnreachable(FrameRange range) const {
    for (FrameNumber frame = range.begin; frame < range.end(); frame = frame + FrameCount(1)) {
      if (TryRead(At(frame)) == Access::kOk || TryWrite(At(frame)) == Access::kOk) {
        return false;
      }
    }
    return true;
  }

  bool ReadsZero(FrameRange range) const {
    for (FrameNumber frame = range.begin; frame < range.end(); frame = frame + FrameCount(1)) {
      if (*At(frame).AsPointer<volatile char>() != 0) {
        return false;
      }
    }
    return true;
  }

  FaultyOs os_;
  keys::KeyBroker* keys_ = nullptr;
  std::optional<PrivateZone> zone_;
  VirtRange reservation_;
};

class PrivateZoneMeansTest : public PrivateZoneTest, public testing::WithParamInterface<Means> {
 protected:
  void SetUp() override {
    if (GetParam().uses_key && !arch::HasOspke()) {
      GTEST_SKIP() << "no protection keys on this machine";
    }
    if (GetParam().has_guards && GetParam().gone_by == GoneBy::kGuardMarkers &&
        os_.ProbeInChild(os::ProbedCall::kGuardInstall) != os::ProbeOutcome::kWorks) {
      GTEST_SKIP() << "this kernel has no guard markers (Linux 6.13)";
    }
    Make({.gone_by = GetParam().gone_by}, GetParam().has_guards, GetParam().uses_key);
  }

  // In this mode ranges below a pageblock are only purged.
  bool ClosesSmallRanges() const { return GetParam().gone_by != GoneBy::kPageblock; }
};

INSTANTIATE_TEST_SUITE_P(All, PrivateZoneMeansTest, testing::ValuesIn(kMeans),
                         [](const auto& means) { return std::string(means.param.name); });

TEST_P(PrivateZoneMeansTest, GrownFramesAreUsableAndZero) {
  const FrameRange frames = GrowBlocks(Backing::kSmallPages, 2);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  EXPECT_TRUE(ReadsZero(frames));
  EXPECT_TRUE(IsUsable(frames));
}

// Spec: U17
TEST_P(PrivateZoneMeansTest, AFreedRunFaultsAndComesBackAsZeros) {
  const FrameRange frames = GrowBlocks(Backing::kSmallPages, 1);
  const FrameRange run = Part(frames, 3, 5);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  ASSERT_TRUE(IsUsable(frames));
  const Gone gone = zone_->MakeGone(run);
  if (ClosesSmallRanges()) {
    EXPECT_EQ(gone, Gone::kUnreachable);
    EXPECT_TRUE(IsUnreachable(run));
    EXPECT_TRUE(zone_->IsGone(run.begin));
  } else {
    EXPECT_EQ(gone, Gone::kPurged);
  }
  EXPECT_TRUE(IsUsable(Part(frames, 0, 3)));
  EXPECT_TRUE(IsUsable(Part(frames, 8, 504)));
  ASSERT_TRUE(zone_->MakeUsable(run).ok());
  EXPECT_TRUE(ReadsZero(run));
  EXPECT_TRUE(IsUsable(run));
  EXPECT_FALSE(zone_->IsGone(run.begin));
}

// Spec: U17
TEST_P(PrivateZoneMeansTest, WholePageblocksAreUnreachableByEveryMeans) {
  const FrameRange frames = GrowBlocks(Backing::kHugePages, 4);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  ASSERT_TRUE(IsUsable(frames));
  const FrameRange middle = Part(frames, kPageblockFrames, 2 * kPageblockFrames);
  EXPECT_EQ(zone_->MakeGone(middle), Gone::kUnreachable);
  EXPECT_TRUE(IsUnreachable(middle));
  if (GetParam().uses_key) {
    // Made accessible behind our back, the pages still carry a key that nobody holds.
    ASSERT_TRUE(os_.Protect(zone_->AddressesOf(middle), os::Protection::kReadWrite).ok());
    EXPECT_EQ(TryRead(At(middle.begin)), Access::kKeyDenied);
  }
  EXPECT_TRUE(IsUsable(Part(frames, 0, kPageblockFrames)));
  ASSERT_TRUE(zone_->MakeUsable(middle).ok());
  EXPECT_TRUE(ReadsZero(middle));
  EXPECT_TRUE(IsUsable(middle));
}

TEST_P(PrivateZoneMeansTest, ARunAcrossPageblocksIsGoneFromEndToEnd) {
  const FrameRange frames = GrowBlocks(Backing::kHugePages, 4);
  const FrameRange run = Part(frames, 100, 2 * kPageblockFrames);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  ASSERT_TRUE(IsUsable(frames));
  const Gone gone = zone_->MakeGone(run);
  EXPECT_EQ(gone, ClosesSmallRanges() ? Gone::kUnreachable : Gone::kPurged);
  EXPECT_TRUE(IsUnreachable(Part(frames, kPageblockFrames, kPageblockFrames)));
  EXPECT_TRUE(IsUsable(Part(frames, 0, 100)));
  ASSERT_TRUE(zone_->MakeUsable(run).ok());
  EXPECT_TRUE(ReadsZero(run));
}

TEST_P(PrivateZoneMeansTest, OpeningAPartOfAClosedBlockLeavesTheRestUnreachable) {
  const FrameRange frames = GrowBlocks(Backing::kHugePages, 2);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  ASSERT_TRUE(IsUsable(frames));
  ASSERT_EQ(zone_->MakeGone(frames), Gone::kUnreachable);
  const FrameRange run = Part(frames, 500, 24);  // The end of one block and the start of the next.
  ASSERT_TRUE(zone_->MakeUsable(run).ok());
  EXPECT_TRUE(IsUsable(run));
  EXPECT_TRUE(IsUnreachable(Part(frames, 0, 500)));
  EXPECT_TRUE(IsUnreachable(Part(frames, 524, 500)));
}

TEST_P(PrivateZoneMeansTest, CountsWhatIsGone) {
  const FrameRange frames = GrowBlocks(Backing::kHugePages, 2);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  static_cast<void>(zone_->MakeGone(frames));
  EXPECT_EQ(zone_->counters().gone_bytes, frames.count.bytes());
  ASSERT_TRUE(zone_->MakeUsable(Part(frames, 0, 10)).ok());
  EXPECT_EQ(zone_->counters().gone_bytes, frames.count.bytes() - 10 * kFrameBytes);
  ASSERT_TRUE(zone_->MakeUsable(Part(frames, 10, 1014)).ok());
  EXPECT_EQ(zone_->counters().gone_bytes, 0u);
  EXPECT_EQ(zone_->counters().gone_bytes_total, frames.count.bytes());
}

TEST_F(PrivateZoneTest, ASmallRunGoesInOneSystemCallAndComesBackInOne) {
  Make({});
  const FrameRange frames = GrowBlocks(Backing::kSmallPages, 1);
  const FrameRange run = Part(frames, 3, 5);
  ASSERT_TRUE(zone_->MakeUsable(run).ok());
  const std::uint32_t before = os_.faults().all_calls();
  if (zone_->MakeGone(run) != Gone::kUnreachable || zone_->gone_by() != GoneBy::kGuardMarkers) {
    GTEST_SKIP() << "this kernel has no guard markers (Linux 6.13)";
  }
  EXPECT_EQ(os_.faults().all_calls() - before, 1u);
  ASSERT_TRUE(zone_->MakeUsable(run).ok());
  EXPECT_EQ(os_.faults().all_calls() - before, 2u);
}

TEST_F(PrivateZoneTest, GrowsFromBothEndsUntilTheyMeet) {
  Make({});
  const Result<BlockRange> small = zone_->Grow(Backing::kSmallPages, 32);
  const Result<BlockRange> huge = zone_->Grow(Backing::kHugePages, 64);
  ASSERT_TRUE(small.ok() && huge.ok());
  EXPECT_EQ(*small, (BlockRange{BlockNumber(0), 32}));
  EXPECT_EQ(*huge, (BlockRange{BlockNumber(448), 64}));
  EXPECT_EQ(zone_->Grow(Backing::kHugePages, 512).error(), Error::kNoAddressSpace);
  // Aligned to its size, a request may take more than it asks for.
  const Result<BlockRange> odd = zone_->Grow(Backing::kHugePages, 33);
  ASSERT_TRUE(odd.ok());
  EXPECT_EQ(odd->begin.value % 64, 0u);
  EXPECT_GE(odd->count, 33u);
  while (zone_->Grow(Backing::kSmallPages, 32).ok()) {
  }
  EXPECT_EQ(zone_->Grow(Backing::kSmallPages, 32).error(), Error::kNoAddressSpace);
}

TEST_F(PrivateZoneTest, AFailedGrowthLeavesNothingBehind) {
  Make({});
  // A commit of each table, then the frames.
  for (std::uint32_t step = 0; step < std::size(kTables) + 1; ++step) {
    os_.faults().FailAfter(FaultyOs::Kind::kProtect, step, Error::kNoMemory, 1);
    EXPECT_EQ(zone_->Grow(Backing::kSmallPages, 1).error(), Error::kNoMemory) << step;
    EXPECT_EQ(TryRead(At(FrameNumber(0))), Access::kNotAllowed) << step;
    os_.faults().StopFailing();
  }
  EXPECT_EQ(*zone_->Grow(Backing::kSmallPages, 1), (BlockRange{BlockNumber(0), 1}));
}

TEST_F(PrivateZoneTest, OverTheBudgetOfMappingsBlocksAreGuardedInstead) {
  Make({.mapping_budget = 8});
  const FrameRange frames = GrowBlocks(Backing::kHugePages, 64);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  for (std::uint32_t block = 0; block < 64; block += 2) {
    const FrameRange run = Part(frames, block * kPageblockFrames, kPageblockFrames);
    ASSERT_EQ(TryWrite(At(run.begin)), Access::kOk);
    const Gone gone = zone_->MakeGone(run);
    if (zone_->gone_by() != GoneBy::kGuardMarkers) {
      GTEST_SKIP() << "this kernel has no guard markers (Linux 6.13)";
    }
    EXPECT_EQ(gone, Gone::kUnreachable);
    EXPECT_NE(TryRead(At(run.begin)), Access::kOk);
    EXPECT_NE(TryRead(At(run.end()) - 1), Access::kOk);
  }
  EXPECT_LE(zone_->counters().mappings_most, 8u);
  for (std::uint32_t block = 0; block < 64; block += 2) {
    const FrameRange run = Part(frames, block * kPageblockFrames, kPageblockFrames);
    ASSERT_TRUE(zone_->MakeUsable(run).ok());
    EXPECT_EQ(TryWrite(At(run.end()) - 1), Access::kOk);
  }
}

TEST_F(PrivateZoneTest, WithoutGuardsTheBudgetLeavesFreedFramesReadableAsZerosAndSaysSo) {
  Make({.gone_by = GoneBy::kProtection, .mapping_budget = 8});
  const FrameRange frames = GrowBlocks(Backing::kSmallPages, 1);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  ASSERT_TRUE(IsUsable(frames));
  std::uint32_t purged = 0;
  for (std::uint32_t frame = 0; frame < 64; frame += 2) {
    const FrameRange run = Part(frames, frame, 1);
    if (zone_->MakeGone(run) == Gone::kPurged) {
      EXPECT_TRUE(ReadsZero(run));
      ++purged;
    } else {
      EXPECT_TRUE(IsUnreachable(run));
    }
  }
  EXPECT_GT(purged, 0u);
  EXPECT_EQ(zone_->counters().purged_bytes_total, purged * kFrameBytes);
  EXPECT_LE(zone_->counters().mappings_most, 8u);
}

// Over the budget, a part of a closed block is opened with its whole block.
TEST_F(PrivateZoneTest, OverTheBudgetFramesOfOthersInTheSameBlockStayUsable) {
  Make({.mapping_budget = 6});
  const FrameRange frames = GrowBlocks(Backing::kHugePages, 8);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  ASSERT_EQ(zone_->MakeGone(frames), Gone::kUnreachable);
  std::vector<FrameRange> used;
  for (std::uint32_t at = 5; at + 3 < frames.count.value; at += 97) {
    used.push_back(Part(frames, at, 3));
    ASSERT_TRUE(zone_->MakeUsable(used.back()).ok());
    for (const FrameRange one : used) {
      ASSERT_TRUE(IsUsable(one)) << one.begin.value;
    }
  }
}

TEST_F(PrivateZoneTest, OverTheBudgetTheRestOfAnOpenedBlockIsGuarded) {
  if (os_.ProbeInChild(os::ProbedCall::kGuardInstall) != os::ProbeOutcome::kWorks) {
    GTEST_SKIP() << "this kernel has no guard markers (Linux 6.13)";
  }
  Make({.mapping_budget = 6});
  const FrameRange frames = GrowBlocks(Backing::kHugePages, 8);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  ASSERT_EQ(zone_->MakeGone(frames), Gone::kUnreachable);
  for (std::uint32_t at = 5; at + 3 < frames.count.value; at += 97) {
    ASSERT_TRUE(zone_->MakeUsable(Part(frames, at, 3)).ok());
    ASSERT_TRUE(IsUnreachable(Part(frames, at - 1, 1))) << at;
    ASSERT_TRUE(IsUnreachable(Part(frames, at + 3, 1))) << at;
  }
}

TEST_F(PrivateZoneTest, AFailedOpeningIsAnAnswerAndMayBeRepeated) {
  Make({});
  const FrameRange frames = GrowBlocks(Backing::kHugePages, 2);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  ASSERT_EQ(zone_->MakeGone(frames), Gone::kUnreachable);
  os_.faults().FailAfter(FaultyOs::Kind::kProtect, 0, Error::kTooManyMappings, 1);
  EXPECT_EQ(zone_->MakeUsable(frames).error(), Error::kTooManyMappings);
  EXPECT_TRUE(IsUnreachable(frames));
  EXPECT_TRUE(zone_->MakeUsable(frames).ok());
  EXPECT_TRUE(IsUsable(frames));
}

TEST_F(PrivateZoneTest, WhenClosingFailsTheFramesAreGuardedOrPurged) {
  Make({});
  const FrameRange frames = GrowBlocks(Backing::kHugePages, 1);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  ASSERT_TRUE(IsUsable(frames));
  os_.faults().FailAfter(FaultyOs::Kind::kProtect, 0, Error::kTooManyMappings);
  os_.faults().FailAfter(FaultyOs::Kind::kGuard, 0, Error::kNoMemory);
  EXPECT_EQ(zone_->MakeGone(frames), Gone::kPurged);
  os_.faults().StopFailing();
  EXPECT_TRUE(ReadsZero(frames));
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  EXPECT_TRUE(IsUsable(frames));
}

TEST_F(PrivateZoneTest, MemoryThatTheSystemKeepsIsOverwritten) {
  Make({});
  const FrameRange frames = GrowBlocks(Backing::kHugePages, 1);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  ASSERT_TRUE(IsUsable(frames));
  os_.faults().FailAfter(FaultyOs::Kind::kDiscard, 0, Error::kUnsupported);
  os_.faults().FailAfter(FaultyOs::Kind::kGuard, 0, Error::kUnsupported);
  os_.faults().FailAfter(FaultyOs::Kind::kProtect, 0, Error::kTooManyMappings);
  EXPECT_EQ(zone_->MakeGone(frames), Gone::kKept);
  os_.faults().StopFailing();
  EXPECT_TRUE(ReadsZero(frames));
}

TEST_F(PrivateZoneTest, SwitchedOffFreedFramesAreGivenBackAndStayReachable) {
  Make({.gone_by = GoneBy::kNothing});
  const FrameRange frames = GrowBlocks(Backing::kHugePages, 2);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  ASSERT_TRUE(IsUsable(frames));
  EXPECT_EQ(zone_->MakeGone(Part(frames, 3, 1000)), Gone::kPurged);
  EXPECT_TRUE(ReadsZero(Part(frames, 3, 1000)));
  EXPECT_EQ(zone_->counters().gone_bytes_total, 0u);
}

TEST_F(PrivateZoneTest, ReopenedBlocksMergeIntoOneMappingAgain) {
  Make({});
  const FrameRange frames = GrowBlocks(Backing::kHugePages, 16);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  const std::uint64_t before = zone_->counters().mappings;
  for (std::uint32_t block = 1; block < 16; block += 2) {
    static_cast<void>(zone_->MakeGone(Part(frames, block * kPageblockFrames, kPageblockFrames)));
  }
  EXPECT_EQ(zone_->counters().mappings, before + 15);
  ASSERT_TRUE(zone_->MakeUsable(frames).ok());
  EXPECT_EQ(zone_->counters().mappings, before);
}

}  // namespace
}  // namespace pageward::space
