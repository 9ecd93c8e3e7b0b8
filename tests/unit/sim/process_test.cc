#include "runtime/sim/process.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/support/sim/test_simulation.h"

namespace pageward::sim {
namespace {

using testing_support::SimulationOf;
using testing_support::TestSimulation;

constexpr VirtAddr kAt{0x7f00'0000'0000};
constexpr std::uint64_t kPage = kFrameBytes;

class ProcessTest : public testing::Test {
 protected:
  void TearDown() override { simulation_->CheckInvariants(); }
  Process& process() { return simulation_.process(); }
  static VirtRange Pages(std::uint64_t count) { return VirtRange{kAt, count * kPage}; }

  TestSimulation simulation_;
};

TEST_F(ProcessTest, MemoryComesWhenItIsTouchedAndIsZero) {
  ASSERT_TRUE(process().AddArea(Area{.range = Pages(10)}).ok());
  EXPECT_EQ(process().mapped_frames(), 0u);
  const WordAccess read = process().UserRead(kAt + 5 * kPage);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.word, 0u);
  EXPECT_EQ(process().mapped_frames(), 1u);
  ASSERT_TRUE(process().UserWrite(kAt, 42).ok());
  EXPECT_EQ(process().UserRead(kAt).word, 42u);
  EXPECT_FALSE(process().UserRead(kAt + 10 * kPage).ok()) << "outside of any area";
}

TEST_F(ProcessTest, PopulatingMapsAllWithoutFaults) {
  ASSERT_TRUE(process().AddArea(Area{.range = Pages(1000)}).ok());
  simulation_.TakeCounts();
  ASSERT_TRUE(process().Populate(Pages(1000)).ok());
  const Counts counts = simulation_.TakeCounts();
  EXPECT_EQ(process().mapped_frames(), 1000u);
  EXPECT_EQ(counts[Primitive::kFault], 0u);
  EXPECT_EQ(counts[Primitive::kFrameCleared], 1000u + counts[Tally::kTablePageTaken]);
  EXPECT_EQ(process().Populate(VirtRange{kAt, 1001 * kPage}).error(), Error::kInvalid);
}

TEST_F(ProcessTest, LargeAreasAreMappedByLargeLeaves) {
  const VirtRange range{kAt, 4 * kPageblockBytes};
  ASSERT_TRUE(process().AddArea(Area{.range = range, .pages = AreaPages::kLarge}).ok());
  ASSERT_TRUE(process().Populate(range).ok());
  EXPECT_EQ(process().table().Find(kAt).level, 1u);
  EXPECT_EQ(process().mapped_frames(), 4 * 512u);
  EXPECT_EQ(process().RemoveRange(Pages(1)).error(), Error::kInvalid) << "whole ones only";
  ASSERT_TRUE(process().RemoveRange(VirtRange{kAt, kPageblockBytes}).ok());
  EXPECT_EQ(process().mapped_frames(), 3 * 512u);
}

TEST_F(ProcessTest, NonsenseIsRefused) {
  EXPECT_EQ(process().AddArea(Area{.range = {}}).error(), Error::kInvalid);
  EXPECT_EQ(process().AddArea(Area{.range = {kAt + 1, kPage}}).error(), Error::kInvalid);
  EXPECT_EQ(process().AddArea(Area{.range = {kDirectMapBase, kPage}}).error(), Error::kInvalid);
  EXPECT_EQ(process()
                .AddArea(Area{.range = {kAt + kPage, kPageblockBytes}, .pages = AreaPages::kLarge})
                .error(),
            Error::kInvalid);
  ASSERT_TRUE(process().AddArea(Area{.range = Pages(4)}).ok());
  EXPECT_EQ(process().AddArea(Area{.range = {kAt + 3 * kPage, kPage}}).error(), Error::kInUse);
}

TEST_F(ProcessTest, AreasThatTouchAreOneAndAHoleMakesTwo) {
  for (std::uint64_t i = 0; i < 4 * Process::kMostAreas; ++i) {
    ASSERT_TRUE(process().AddArea(Area{.range = {kAt + i * kPage, kPage}}).ok()) << i;
  }
  std::uint64_t holes = 0;
  while (process().RemoveRange({kAt + (2 * holes + 1) * kPage, kPage}).ok()) {
    ++holes;
  }
  EXPECT_EQ(holes, Process::kMostAreas - 1);
  EXPECT_EQ(process().RemoveRange({kAt + (2 * holes + 1) * kPage, kPage}).error(), Error::kLimit);
  EXPECT_EQ(process().AddArea(Area{.range = {kAt + (std::uint64_t{1} << 30), kPage}}).error(),
            Error::kLimit);
}

TEST_F(ProcessTest, WhatIsUnmappedFaultsAndItsFramesAreFree) {
  ASSERT_TRUE(process().AddArea(Area{.range = Pages(600)}).ok());
  ASSERT_TRUE(process().Populate(Pages(600)).ok());
  ASSERT_TRUE(process().UserWrite(kAt + 3 * kPage, 7).ok());
  const FrameNumber frame = *process().FrameAt(kAt + 3 * kPage);
  simulation_.TakeCounts();
  ASSERT_TRUE(process().RemoveRange(Pages(600)).ok());
  EXPECT_FALSE(process().UserRead(kAt + 3 * kPage).ok());
  EXPECT_EQ(process().mapped_frames(), 0u);
  EXPECT_EQ(simulation_.kernel().users().count(frame), 0u);
  EXPECT_LE(simulation_.TakeCounts()[Tally::kFlushEvent], 3u) << "not one for each page";
  EXPECT_EQ(process().table().table_count(), 3u) << "what stands for more than was unmapped";
}

TEST_F(ProcessTest, AFrameIsNotFreeBeforeEveryProcessorHasForgottenIt) {
  ASSERT_TRUE(process().AddArea(Area{.range = Pages(1)}).ok());
  {
    const OnCpu other(simulation_.cpu(1));
    process().Run();
    ASSERT_TRUE(process().UserWrite(kAt, 7).ok());
  }
  ASSERT_TRUE(process().RemoveRange(Pages(1)).ok());
  const OnCpu other(simulation_.cpu(1));
  EXPECT_FALSE(simulation_.cpu(1).Read(kAt, ptable::AccessMode::kUser).ok());
}

// Spec: T59, T115
TEST_F(ProcessTest, TheSameAddressIsOtherMemoryInAnotherProcess) {
  Process& other = **simulation_->CreateProcess();
  for (Process* each : {&process(), &other}) {
    ASSERT_TRUE(each->AddArea(Area{.range = Pages(1)}).ok());
    each->Run();
    ASSERT_TRUE(each->UserWrite(kAt, each->number().value).ok());
  }
  for (Process* each : {&process(), &other}) {
    each->Run();
    EXPECT_EQ(each->UserRead(kAt).word, each->number().value) << "PCIDs keep them apart";
  }
}

// --- Fork ----------------------------------------------------------------------------------------

TEST_F(ProcessTest, AChildSharesFramesUntilOneOfTheTwoWrites) {
  ASSERT_TRUE(process().AddArea(Area{.range = Pages(8)}).ok());
  for (std::uint64_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(process().UserWrite(kAt + i * kPage, 100 + i).ok());
  }
  Process& child = **simulation_->ForkProcess(process());
  EXPECT_EQ(child.mapped_frames(), 8u);
  EXPECT_EQ(child.FrameAt(kAt), process().FrameAt(kAt));
  ASSERT_TRUE(process().UserWrite(kAt, 1).ok());
  EXPECT_NE(child.FrameAt(kAt), process().FrameAt(kAt));
  child.Run();
  EXPECT_EQ(child.UserRead(kAt).word, 100u);
  ASSERT_TRUE(child.UserWrite(kAt, 2).ok());
  EXPECT_EQ(child.UserRead(kAt).word, 2u);
  EXPECT_EQ(child.UserRead(kAt + 7 * kPage).word, 107u);
  process().Run();
  EXPECT_EQ(process().UserRead(kAt).word, 1u);
  const Counts counts = simulation_.TakeCounts();
  EXPECT_EQ(counts[Tally::kCopyOnWrite], 1u) << "the second writer had the frame for itself";
}

TEST_F(ProcessTest, AForkCopiesLargeLeavesAsSuch) {
  const VirtRange range{kAt, 2 * kPageblockBytes};
  ASSERT_TRUE(process().AddArea(Area{.range = range, .pages = AreaPages::kLarge}).ok());
  ASSERT_TRUE(process().UserWrite(kAt + 8, 5).ok());
  Process& child = **simulation_->ForkProcess(process());
  EXPECT_EQ(child.table().Find(kAt).level, 1u);
  ASSERT_TRUE(process().UserWrite(kAt + 8, 6).ok());
  child.Run();
  EXPECT_EQ(child.UserRead(kAt + 8).word, 5u);
  process().Run();
}

TEST_F(ProcessTest, AForkThatFailsAtAnyTableLeavesNoChild) {
  ASSERT_TRUE(process().AddArea(Area{.range = {kAt, 3 * kPageblockBytes}}).ok());
  for (std::uint64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(process().UserWrite(kAt + i * kPageblockBytes, 9).ok());
  }
  const std::uint32_t kernel_charges = simulation_.kernel().accounts().charges(kKernelAccount);
  std::uint64_t failed = 0;
  for (;; ++failed) {
    simulation_.faults().FailAfter(FaultPoint::kTablePage, failed);
    const auto child = simulation_->ForkProcess(process());
    if (child.ok()) {
      simulation_->EndProcess(**child);
      break;
    }
    EXPECT_EQ(child.error(), Error::kNoFrames);
    simulation_->CheckInvariants();
  }
  simulation_.faults().Stop();
  EXPECT_EQ(failed, 6u) << "a root, two tables above, three below";
  EXPECT_EQ(simulation_.kernel().accounts().charges(kKernelAccount), kernel_charges);
  EXPECT_TRUE(process().UserWrite(kAt, 1).ok());
}

// Spec: T76
TEST_F(ProcessTest, AForkSwitchesLevelsOncePerTable) {
  ASSERT_TRUE(process().AddArea(Area{.range = {kAt, 4 * kPageblockBytes}}).ok());
  ASSERT_TRUE(process().Populate({kAt, 4 * kPageblockBytes}).ok());
  simulation_.TakeCounts();
  ASSERT_TRUE(simulation_->ForkProcess(process()).ok());
  const Counts counts = simulation_.TakeCounts();
  EXPECT_GT(counts[Primitive::kTableWrite], 2 * 2048u);
  EXPECT_LT(counts[Primitive::kKeyRegisterWrite], 80u);
}

// --- Ending --------------------------------------------------------------------------------------

// Spec: T110, T115, T118
TEST_F(ProcessTest, AfterItsEndNothingIsLeftOfAProcess) {
  simulation_.kernel().DrainLists();
  const auto frames = simulation_.kernel().frames().counters();
  const std::uint32_t kernel_charges = simulation_.kernel().accounts().charges(kKernelAccount);
  Process& other = **simulation_->CreateProcess();
  ASSERT_TRUE(other.AddArea(Area{.range = Pages(2000)}).ok());
  ASSERT_TRUE(other.Populate(Pages(2000)).ok());
  ASSERT_TRUE(other.mm_local().PrepareViews().ok());
  const AccountId account = other.account();
  EXPECT_GT(simulation_.kernel().accounts().charges(account), 8u);
  simulation_->EndProcess(other);
  EXPECT_EQ(simulation_.kernel().accounts().charges(account), 0u);
  EXPECT_EQ(simulation_.kernel().accounts().charges(kKernelAccount), kernel_charges);
  simulation_.kernel().DrainLists();
  const auto after = simulation_.kernel().frames().counters();
  EXPECT_EQ(after.live_frames, frames.live_frames);
}

// Spec: T69
TEST_F(ProcessTest, AProcessThatEndsLeavesNoRightsOpen) {
  Process& other = **simulation_->CreateProcess();
  const OnCpu on_cpu(simulation_.cpu(1));
  other.Run();
  ASSERT_TRUE(other.mm_local().PrepareViews().ok());
  const auto view = other.mm_local().views(1).Get({.first = FrameNumber(5000)});
  ASSERT_TRUE(view.ok());
  EXPECT_NE(simulation_.cpu(1).registers().pkrs, DefaultRights());
  ASSERT_TRUE(other.mm_local().views(1).Put(*view).ok());
  simulation_->EndProcess(other);
  for (std::uint32_t cpu = 0; cpu < 4; ++cpu) {
    EXPECT_EQ(simulation_.cpu(cpu).registers().pkrs, DefaultRights()) << cpu;
  }
}

TEST_F(ProcessTest, ANumberThatIsUsedAgainFindsNothingOfItsPredecessor) {
  Process& first = **simulation_->CreateProcess();
  ASSERT_TRUE(first.AddArea(Area{.range = Pages(1)}).ok());
  first.Run();
  ASSERT_TRUE(first.UserWrite(kAt, 5).ok());
  const arch::Pcid pcid = first.pcid();
  simulation_->EndProcess(first);
  Process& second = **simulation_->CreateProcess();
  ASSERT_EQ(second.pcid(), pcid);
  second.Run();
  EXPECT_FALSE(simulation_.cpu().Read(kAt, ptable::AccessMode::kUser).ok());
  process().Run();
}

// --- Others' frames ------------------------------------------------------------------------------

TEST_F(ProcessTest, ASharedFrameIsFreedByItsLastUser) {
  const FrameNumber frame = *simulation_.kernel().AllocateFrame(
      Order(0), frame::Request::Mapped(frame::Mobility::kUnmovable));
  simulation_.kernel().users().Add(frame, FrameUser{});
  simulation_.kernel().ram().Fill(frame, FillTag{77});
  ASSERT_TRUE(process().MapShared(kAt, frame, false).ok());
  EXPECT_EQ(process().MapShared(kAt, frame, false).error(), Error::kInUse);
  EXPECT_EQ(simulation_.cpu().Read(kAt, ptable::AccessMode::kUser).word,
            SimRam::PatternOf(FillTag{77}));
  EXPECT_FALSE(simulation_.cpu().Write(kAt, 1, ptable::AccessMode::kUser).ok());
  process().UnmapShared(kAt);
  EXPECT_EQ(simulation_.kernel().users().count(frame), 1u) << "its keeper's";
  EXPECT_EQ(simulation_.kernel().users().Remove(frame), 0u);
  simulation_.kernel().FreeFrame(frame, Order(0));
}

// Spec: T42
TEST_F(ProcessTest, CompactionMovesFramesUnderneathARunningProcess) {
  const std::uint64_t managed =
      simulation_.kernel().frames().counters().free_frames[frame::Visibility::kMapped].value;
  const std::uint64_t pages = managed - 2000;
  ASSERT_TRUE(process().AddArea(Area{.range = Pages(pages)}).ok());
  ASSERT_TRUE(process().Populate(Pages(pages)).ok());
  // One page in a hundred stays, so that every pageblock has some.
  std::vector<std::uint64_t> kept;
  for (std::uint64_t page = 0; page < pages; page += 100) {
    ASSERT_TRUE(process().UserWrite(kAt + page * kPage, page + 1).ok());
    kept.push_back(page);
  }
  for (std::uint64_t page = 0; page + 1 < pages; page += 100) {
    const std::uint64_t gap = std::min<std::uint64_t>(99, pages - page - 1);
    const Status removed = process().RemoveRange({kAt + (page + 1) * kPage, gap * kPage});
    if (!removed.ok()) {
      break;  // No place for more areas; what is left is enough.
    }
  }
  simulation_.kernel().DrainLists();
  std::uint64_t hidden = 0;
  while (simulation_.kernel().frames().Allocate(kPageblockOrder, frame::Request::Unmapped()).ok()) {
    ++hidden;
  }
  EXPECT_GT(simulation_.kernel().compactor().moved_frames(), 0u);
  EXPECT_GT(hidden, 0u);
  for (const std::uint64_t page : kept) {
    ASSERT_EQ(process().UserRead(kAt + page * kPage).word, page + 1) << page;
  }
}

TEST_F(ProcessTest, ThreadsOfOneProcessFaultInTheSameMemory) {
  ASSERT_TRUE(process().AddArea(Area{.range = Pages(400)}).ok());
  std::vector<std::thread> threads;
  for (std::uint32_t number = 1; number < 4; ++number) {
    threads.emplace_back([&, number] {
      const OnCpu on_cpu(simulation_.cpu(number));
      process().Run();
      for (std::uint64_t page = 0; page < 400; ++page) {
        ASSERT_TRUE(process().UserWrite(kAt + page * kPage + 8 * number, page).ok());
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(process().mapped_frames(), 400u);
  for (std::uint64_t page = 0; page < 400; ++page) {
    for (std::uint64_t number = 1; number < 4; ++number) {
      ASSERT_EQ(process().UserRead(kAt + page * kPage + 8 * number).word, page);
    }
  }
}

}  // namespace
}  // namespace pageward::sim
