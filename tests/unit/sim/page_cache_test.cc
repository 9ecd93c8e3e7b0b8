#include "runtime/sim/page_cache.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/sim/test_simulation.h"

namespace pageward::sim {
namespace {

using testing_support::SimulationOf;
using testing_support::TestSimulation;

constexpr VirtAddr kAt{0x7f00'0000'0000};
constexpr std::uint32_t kPages = 2048;

SimulationConfig With(ConversionPolicy policy) {
  SimulationConfig config = SimulationOf();
  config.kernel.conversion = policy;
  return config;
}

class CachedFileTest : public testing::TestWithParam<ConversionPolicy> {
 protected:
  void TearDown() override {
    secret_.CheckInvariants();
    guest_.CheckInvariants();
    simulation_->CheckInvariants();
  }

  CachedFile& FileOf(FileKind kind) { return kind == FileKind::kSecret ? secret_ : guest_; }
  Process& process() { return simulation_.process(); }
  static VirtAddr AddressOf(std::uint32_t page) { return kAt + page * kFrameBytes; }
  bool IsPresent(FrameNumber frame) { return simulation_.kernel().direct_map().IsPresent(frame); }

  TestSimulation simulation_{With(GetParam())};
  std::vector<std::uint32_t> secret_pages_ = std::vector<std::uint32_t>(kPages);
  std::vector<std::uint32_t> guest_pages_ = std::vector<std::uint32_t>(kPages);
  CachedFile secret_{*simulation_, CachedFile::Memory{secret_pages_}, FileKind::kSecret};
  CachedFile guest_{*simulation_, CachedFile::Memory{guest_pages_}, FileKind::kGuest};
};

// Spec: T100, T121
TEST_P(CachedFileTest, APageIsAbsentFromTheDirectMapExactlyWhileItIsInTheCache) {
  for (const FileKind kind : {FileKind::kSecret, FileKind::kGuest}) {
    CachedFile& file = FileOf(kind);
    ASSERT_TRUE(file.Fault(process(), 3, AddressOf(3)).ok());
    const FrameNumber frame = *file.FrameOf(3);
    EXPECT_FALSE(IsPresent(frame));
    file.CheckInvariants();
    ASSERT_TRUE(process().UserWrite(AddressOf(3), 77).ok());
    EXPECT_EQ(process().UserRead(AddressOf(3)).word, 77u);
    EXPECT_EQ(file.Remove(3, 1), 0u) << "somebody maps it";
    process().UnmapShared(AddressOf(3));
    EXPECT_EQ(file.Remove(3, 1), 1u);
    EXPECT_FALSE(file.FrameOf(3).has_value());
    const bool stays_hidden = kind == FileKind::kGuest && GetParam() == ConversionPolicy::kGrouped;
    EXPECT_EQ(IsPresent(frame), !stays_hidden);
  }
}

// Spec: T102, T121
TEST_P(CachedFileTest, ASecretIsPresentAgainAndClearWhenItIsFree) {
  ASSERT_TRUE(secret_.Fault(process(), 0, AddressOf(0)).ok());
  const FrameNumber frame = *secret_.FrameOf(0);
  ASSERT_TRUE(process().UserWrite(AddressOf(0), 77).ok());
  process().UnmapShared(AddressOf(0));
  ASSERT_EQ(secret_.Remove(0, 1), 1u);
  EXPECT_TRUE(IsPresent(frame));
  EXPECT_TRUE(simulation_.kernel().ram().IsZero(frame));
}

// Spec: T101
TEST_P(CachedFileTest, AnAddThatFailsLeavesEverythingAsItWas) {
  for (const FileKind kind : {FileKind::kSecret, FileKind::kGuest}) {
    CachedFile& file = FileOf(kind);
    simulation_.kernel().DrainLists();
    const auto before = simulation_.kernel().frames().counters().live_frames;
    simulation_.faults().FailAfter(FaultPoint::kCacheInsert, 0);
    EXPECT_EQ(file.Fault(process(), 1, AddressOf(1)).error(), Error::kNoMemory);
    EXPECT_FALSE(file.FrameOf(1).has_value());
    EXPECT_EQ(file.counters().failed_adds, 1u);
    simulation_.kernel().DrainLists();
    EXPECT_EQ(simulation_.kernel().frames().counters().live_frames, before);
    EXPECT_FALSE(process().UserRead(AddressOf(1)).ok());
    // What is free and mapped is present: nothing was left out of the direct map.
    for (std::uint32_t block = 1; block < 128; ++block) {
      const FrameNumber first = FirstFrameOf(BlockNumber(block));
      const bool is_mapped =
          simulation_.kernel().frames().FlagsOf(BlockNumber(block)).freetype().IsMapped();
      ASSERT_EQ(IsPresent(first), is_mapped || simulation_.kernel().tables().IsProtected(first))
          << block;
    }
    EXPECT_TRUE(file.Fault(process(), 1, AddressOf(1)).ok());
    process().UnmapShared(AddressOf(1));
    EXPECT_EQ(file.Remove(1, 1), 1u);
  }
}

// Spec: T101
TEST_P(CachedFileTest, FailuresOfOtherStepsLeaveNothingEither) {
  simulation_.kernel().DrainLists();
  const auto before = simulation_.kernel().frames().counters().live_frames;
  for (const FaultPoint point : {FaultPoint::kViewPage, FaultPoint::kTablePage}) {
    simulation_.faults().FailAfter(point, 0);
    EXPECT_FALSE(guest_.Fault(process(), 1, AddressOf(1)).ok());
    simulation_.faults().FailAfter(FaultPoint::kTablePage, 0);
    static_cast<void>(secret_.Fault(process(), 1, AddressOf(2)));
    simulation_.faults().Stop();
    guest_.CheckInvariants();
    secret_.CheckInvariants();
  }
  // A page that came in and could not be mapped stays in the cache, and leaves it like any other.
  guest_.Remove(1, 1);
  secret_.Remove(1, 1);
  EXPECT_EQ(guest_.cached_pages(), 0u);
  EXPECT_EQ(secret_.cached_pages(), 0u);
  simulation_.kernel().DrainLists();
  EXPECT_EQ(simulation_.kernel().frames().counters().live_frames, before);
}

// Spec: T120
TEST_P(CachedFileTest, AWriteGoesThroughAWindowAndNeverThroughTheDirectMap) {
  ASSERT_TRUE(guest_.Write(process(), 5, FillTag{50}).ok());
  const FrameNumber frame = *guest_.FrameOf(5);
  EXPECT_FALSE(IsPresent(frame));
  EXPECT_EQ(simulation_.WordOf(frame), SimRam::PatternOf(FillTag{50}));
  ASSERT_TRUE(guest_.Write(process(), 5, FillTag{51}).ok());
  EXPECT_EQ(*guest_.FrameOf(5), frame);
  EXPECT_EQ(simulation_.WordOf(frame), SimRam::PatternOf(FillTag{51}));
  EXPECT_EQ(simulation_.kernel().counts()[Tally::kWindowOpened], 2u);
  EXPECT_EQ(secret_.Write(process(), 0, FillTag{1}).error(), Error::kUnsupported);
}

// Spec: T103, T120
TEST_P(CachedFileTest, NoFrameGoesBackWithAStaleViewAndOneFlushServesAll) {
  for (std::uint32_t page = 0; page < 300; ++page) {
    ASSERT_TRUE(guest_.Write(process(), page, FillTag{page + 1}).ok());
  }
  std::vector<FrameNumber> frames;
  for (std::uint32_t page = 0; page < 300; ++page) {
    frames.push_back(*guest_.FrameOf(page));
  }
  EXPECT_TRUE(simulation_.kernel().stale().Contains(frames[299]));
  simulation_.TakeCounts();
  EXPECT_EQ(guest_.Remove(0, 300), 300u);
  EXPECT_EQ(simulation_.TakeCounts()[Tally::kWindowFlush], 1u);
  EXPECT_EQ(guest_.counters().view_flushes, 1u);
  for (const FrameNumber frame : frames) {
    EXPECT_FALSE(simulation_.kernel().stale().Contains(frame));
  }
  EXPECT_EQ(simulation_->stale_view_reports(), 0u) << "so nobody had to complain";
}

// Spec: T120
TEST_P(CachedFileTest, AFaultClearsThroughAWindow) {
  // Leave something behind in the frames that come next.
  for (std::uint32_t page = 0; page < 4; ++page) {
    ASSERT_TRUE(guest_.Write(process(), page, FillTag{7}).ok());
  }
  guest_.Remove(0, 4);
  ASSERT_TRUE(guest_.Fault(process(), 9, AddressOf(9)).ok());
  EXPECT_EQ(process().UserRead(AddressOf(9)).word, 0u);
  EXPECT_EQ(guest_.counters().faults, 1u);
  process().UnmapShared(AddressOf(9));
}

// Spec: T121
TEST_P(CachedFileTest, CompactionDoesNotMoveASecret) {
  ASSERT_TRUE(secret_.Fault(process(), 0, AddressOf(0)).ok());
  const FrameNumber frame = *secret_.FrameOf(0);
  EXPECT_FALSE(CachedFile::IsMovable());
  EXPECT_EQ(simulation_.kernel().users().OnlyUserOf(frame), std::nullopt);
  EXPECT_EQ(simulation_.kernel().users().count(frame), 2u);
  process().UnmapShared(AddressOf(0));
}

// Spec: T121
TEST_P(CachedFileTest, ASecretIsFlushedPageByPage) {
  simulation_.TakeCounts();
  for (std::uint32_t page = 0; page < 10; ++page) {
    ASSERT_TRUE(secret_.Fault(process(), page, AddressOf(page)).ok());
  }
  EXPECT_GE(simulation_.TakeCounts()[Tally::kFlushEvent], 10u);
  for (std::uint32_t page = 0; page < 10; ++page) {
    process().UnmapShared(AddressOf(page));
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, CachedFileTest,
                         testing::Values(ConversionPolicy::kGrouped, ConversionPolicy::kAdhoc,
                                         ConversionPolicy::kSkipFlush));

}  // namespace
}  // namespace pageward::sim
