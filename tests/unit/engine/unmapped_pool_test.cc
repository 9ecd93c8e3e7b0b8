// A pool of unmapped memory on the real system, for one thread and several.
#include "runtime/engine/unmapped_pool.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/memory_probe.h"
#include "tests/support/os/faulty_os.h"
#include "tests/support/process_keys.h"

namespace pageward::engine {
namespace {

using space::ViewAccess;
using space::ViewHandle;
using testing_support::Access;
using testing_support::FaultyOs;
using testing_support::ProcessKeys;
using testing_support::TryRead;
using Kind = FaultyOs::Kind;
using Part = UnmappedPool::Part;

std::vector<std::byte> Pattern(std::size_t bytes, unsigned seed = 1) {
  std::vector<std::byte> pattern(bytes);
  for (std::size_t i = 0; i < bytes; ++i) {
    pattern[i] = static_cast<std::byte>(1 + (i * 31 + seed) % 255);
  }
  return pattern;
}

class UnmappedPoolTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kBytes = 8 * kPageblockBytes;

  void Start(UnmappedPool::Options options) {
    options.bytes = options.bytes == 0 ? kBytes : options.bytes;
    options.uses_secret = false;
    ASSERT_TRUE(pool_->Start(os_, ProcessKeys(keys::KeyUse::kIfPresent), options).ok());
    views_ = *pool_->AddThread();
  }
  void SetUp() override { Start({}); }
  void TearDown() override {
    os_.faults().StopFailing();
    pool_->RemoveThread(*views_);
    pool_->Stop();
  }

  UnmappedHandle Allocate(std::uint64_t bytes) {
    const auto memory = pool_->Allocate(bytes);
    EXPECT_TRUE(memory.ok());
    return memory.ok() ? *memory : UnmappedHandle();
  }
  Status Free(UnmappedHandle memory) { return pool_->Free(*views_, memory, nullptr); }
  Result<ViewHandle> Get(const Part& part, ViewAccess access = ViewAccess::kReadWrite) {
    return pool_->Get(*views_, part, access, nullptr);
  }
  void Put(const ViewHandle& view) { EXPECT_TRUE(pool_->Put(*views_, view).ok()); }
  std::vector<std::byte> ReadAll(UnmappedHandle memory) {
    std::vector<std::byte> bytes(*pool_->SizeOf(memory));
    EXPECT_TRUE(pool_->Read(*views_, memory, 0, bytes).ok());
    return bytes;
  }
  static bool IsZero(const std::vector<std::byte>& bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
  }

  FaultyOs os_;
  std::unique_ptr<UnmappedPool> pool_ = std::make_unique<UnmappedPool>();
  ThreadViews* views_ = nullptr;
};

// --- Memory --------------------------------------------------------------------------------------

// Spec: U27, T100
TEST_F(UnmappedPoolTest, NothingOfThePoolIsEverAtHome) {
  const UnmappedHandle memory = Allocate(3 * kFrameBytes);
  ASSERT_TRUE(pool_->Write(*views_, memory, 0, Pattern(3 * kFrameBytes)).ok());
  const auto view = Get({memory, 0, kFrameBytes});
  ASSERT_TRUE(view.ok());
  for (std::uint64_t offset = 0; offset < pool_->home().bytes; offset += kFrameBytes) {
    ASSERT_NE(TryRead(pool_->home().begin + offset), Access::kOk) << offset;
  }
  Put(*view);
  ASSERT_TRUE(Free(memory).ok());
  EXPECT_NE(TryRead(pool_->home().begin), Access::kOk) << "and it stays away when it is freed";
}

TEST_F(UnmappedPoolTest, WhatIsWrittenIsRead) {
  const UnmappedHandle memory = Allocate(3 * kPageblockBytes + 5);
  EXPECT_EQ(pool_->SizeOf(memory).value(), 3 * kPageblockBytes + kFrameBytes);
  const auto pattern = Pattern(2 * kPageblockBytes + 999);
  ASSERT_TRUE(pool_->Write(*views_, memory, 777, pattern).ok());
  std::vector<std::byte> read(pattern.size());
  ASSERT_TRUE(pool_->Read(*views_, memory, 777, read).ok());
  EXPECT_EQ(read, pattern);
}

// Spec: U19, U31, T102
TEST_F(UnmappedPoolTest, WhatIsHandedOutAgainIsZero) {
  std::vector<UnmappedHandle> all;
  for (std::uint64_t i = 0; i < kBytes / kPageblockBytes; ++i) {
    all.push_back(Allocate(kPageblockBytes));
    ASSERT_TRUE(pool_->Write(*views_, all.back(), 0, Pattern(kPageblockBytes)).ok());
  }
  EXPECT_EQ(pool_->Allocate(1).error(), Error::kNoFrames);
  for (const UnmappedHandle memory : all) {
    ASSERT_TRUE(Free(memory).ok());
  }
  EXPECT_EQ(pool_->counters().wiped_bytes, kBytes);
  const UnmappedHandle whole = Allocate(kBytes);
  EXPECT_TRUE(IsZero(ReadAll(whole)));
}

TEST_F(UnmappedPoolTest, SizesThatMakeNoSenseAreRefused) {
  EXPECT_EQ(pool_->Allocate(0).error(), Error::kInvalid);
  EXPECT_EQ(pool_->Allocate(kBytes + 1).error(), Error::kNoFrames);
  EXPECT_EQ(pool_->Allocate(~std::uint64_t{0}).error(), Error::kNoFrames);
}

TEST_F(UnmappedPoolTest, PartsThatAreNotThereAreRefused) {
  const UnmappedHandle memory = Allocate(2 * kFrameBytes);
  const std::uint64_t most = ~std::uint64_t{0};
  for (const Part& part :
       {Part{memory, 0, 0}, Part{memory, 0, 2 * kFrameBytes + 1}, Part{memory, 2 * kFrameBytes, 1},
        Part{memory, most, 2}, Part{memory, 1, most}, Part{UnmappedHandle{}, 0, 1},
        Part{UnmappedHandle{memory.value + 1}, 0, 1}}) {
    EXPECT_EQ(Get(part).error(), Error::kInvalid) << part.offset << " " << part.bytes;
  }
  std::byte byte = {};
  EXPECT_EQ(pool_->Read(*views_, memory, 2 * kFrameBytes, std::span(&byte, 1)).error(),
            Error::kInvalid);
}

TEST_F(UnmappedPoolTest, AHandleThatWasFreedNamesNothing) {
  const UnmappedHandle memory = Allocate(kFrameBytes);
  ASSERT_TRUE(Free(memory).ok());
  EXPECT_EQ(Free(memory).error(), Error::kInvalid);
  const UnmappedHandle next = Allocate(kFrameBytes);
  EXPECT_EQ(static_cast<std::uint32_t>(next.value), static_cast<std::uint32_t>(memory.value))
      << "the same frame";
  EXPECT_EQ(Free(memory).error(), Error::kInvalid) << "and not the same memory";
  EXPECT_EQ(Get({memory, 0, 1}).error(), Error::kInvalid);
  EXPECT_TRUE(Free(next).ok());
  EXPECT_EQ(pool_->counters().allocated_bytes, 0u);
}

// --- Views and freeing ---------------------------------------------------------------------------

// Spec: U30
TEST_F(UnmappedPoolTest, MemoryWithAnOpenViewIsNotFreed) {
  const UnmappedHandle memory = Allocate(4 * kFrameBytes);
  ASSERT_TRUE(pool_->Write(*views_, memory, 0, Pattern(64)).ok());
  const auto view = Get({memory, 3 * kFrameBytes, 1});
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(Free(memory).error(), Error::kInUse);
  EXPECT_EQ(pool_->counters().freed_while_open, 1u);
  EXPECT_EQ(ReadAll(memory)[5], Pattern(64)[5]) << "it lives on, with its contents";
  Put(*view);
  EXPECT_TRUE(Free(memory).ok());
}

// Spec: U30, T68, T103
TEST_F(UnmappedPoolTest, MemoryWithAStaleViewIsFlushedOnceAndCounted) {
  const UnmappedHandle memory = Allocate(2 * kFrameBytes);
  const UnmappedHandle other = Allocate(kFrameBytes);
  for (const UnmappedHandle shown : {memory, other}) {
    const auto view = Get({shown, 0, kFrameBytes});
    ASSERT_TRUE(view.ok());
    Put(*view);
  }
  ASSERT_TRUE(Free(memory).ok());
  EXPECT_EQ(pool_->counters().freed_while_stale, 1u);
  EXPECT_EQ(pool_->counters().view_mappings, 1u) << "what shows other memory stays";
  const UnmappedHandle fresh = Allocate(2 * kFrameBytes);
  ASSERT_TRUE(Free(fresh).ok());
  EXPECT_EQ(pool_->counters().freed_while_stale, 1u) << "nobody has looked at it";
}

// Spec: U30, T103
TEST_F(UnmappedPoolTest, StaleViewsOfOtherThreadsAreFlushedToo) {
  const UnmappedHandle memory = Allocate(kFrameBytes);
  ThreadViews* theirs = *pool_->AddThread();
  const auto view = pool_->Get(*theirs, {memory, 0, kFrameBytes}, ViewAccess::kReadWrite, nullptr);
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(Free(memory).error(), Error::kInUse) << "open in another thread";
  ASSERT_TRUE(pool_->Put(*theirs, *view).ok());
  ASSERT_TRUE(Free(memory).ok());
  EXPECT_EQ(pool_->counters().view_mappings, 0u);
  pool_->RemoveThread(*theirs);
}

TEST_F(UnmappedPoolTest, AThreadThatEndsWithAnOpenViewIsCounted) {
  const UnmappedHandle memory = Allocate(kFrameBytes);
  ThreadViews* theirs = *pool_->AddThread();
  ASSERT_TRUE(pool_->Get(*theirs, {memory, 0, 1}, ViewAccess::kReadWrite, nullptr).ok());
  pool_->RemoveThread(*theirs);
  EXPECT_EQ(pool_->counters().left_open, 1u);
  EXPECT_TRUE(Free(memory).ok()) << "and its view is open no more";
}

// Spec: U29
TEST_F(UnmappedPoolTest, TheStatusSaysWhyThereIsNoView) {
  const UnmappedHandle memory = Allocate(4 * kPageblockBytes);
  const std::uint64_t region = std::uint64_t{space::HostViews::kPages} * kFrameBytes;
  EXPECT_EQ(Get({memory, 0, region}).error(), Error::kNoAddressSpace);
  std::vector<ViewHandle> views;
  for (std::uint64_t i = 0; i < 3; ++i) {
    views.push_back(*Get({memory, i * kFrameBytes, 1}));
  }
  EXPECT_EQ(Get({memory, 0, 1}).error(), Error::kInUse);
  const auto reserved =
      pool_->GetReserved(*views_, {memory, 9 * kFrameBytes, 5}, ViewAccess::kReadWrite, nullptr);
  ASSERT_TRUE(reserved.ok());
  EXPECT_EQ(pool_->GetReserved(*views_, {memory, 0, 1}, ViewAccess::kReadWrite, nullptr).error(),
            Error::kInUse);
  Put(*reserved);
  for (const ViewHandle& view : views) {
    Put(view);
  }
  os_.faults().FailAfter(Kind::kAlias, 0, Error::kNoMemory);
  EXPECT_EQ(Get({memory, 20 * kFrameBytes, 1}).error(), Error::kNoMemory);
}

TEST_F(UnmappedPoolTest, AViewThatFindsNoMappingLeftMakesRoomByFlushing) {
  TearDown();
  pool_ = std::make_unique<UnmappedPool>();
  Start({.most_view_mappings = 2});
  const UnmappedHandle memory = Allocate(8 * kFrameBytes);
  for (const std::uint64_t page : {0u, 2u, 4u, 6u}) {
    const auto view = Get({memory, page * kFrameBytes, 1});
    ASSERT_TRUE(view.ok()) << page;
    Put(*view);
  }
  const auto one = Get({memory, 0, 1});
  const auto two = Get({memory, 2 * kFrameBytes, 1});
  EXPECT_EQ(Get({memory, 4 * kFrameBytes, 1}).error(), Error::kTooManyMappings);
  Put(*one);
  Put(*two);
}

TEST_F(UnmappedPoolTest, CopyingAndWipingGoOnWhenAllOrdinaryViewsAreTaken) {
  const UnmappedHandle memory = Allocate(3 * kFrameBytes);
  const UnmappedHandle other = Allocate(3 * kFrameBytes);
  std::vector<ViewHandle> views;
  for (std::uint64_t i = 0; i < 3; ++i) {
    views.push_back(*Get({other, i * kFrameBytes, 1}));
  }
  const auto pattern = Pattern(2 * kFrameBytes + 50);
  ASSERT_TRUE(pool_->Write(*views_, memory, 100, pattern).ok());
  std::vector<std::byte> read(pattern.size());
  ASSERT_TRUE(pool_->Read(*views_, memory, 100, read).ok());
  EXPECT_EQ(read, pattern);
  EXPECT_TRUE(Free(memory).ok());
  for (const ViewHandle& view : views) {
    Put(view);
  }
  EXPECT_TRUE(IsZero(ReadAll(Allocate(3 * kFrameBytes))));
}

// Spec: U38
TEST_F(UnmappedPoolTest, AFreeThatFailsAtAnyStepIsDoneOrNotDone) {
  ThreadViews* theirs = *pool_->AddThread();
  bool was_reached = true;
  for (std::uint32_t step = 0; was_reached; ++step) {
    ASSERT_LT(step, 20u);
    const UnmappedHandle memory = Allocate(3 * kFrameBytes);
    ASSERT_TRUE(pool_->Write(*views_, memory, 0, Pattern(3 * kFrameBytes)).ok());
    const auto seen = pool_->Get(*theirs, {memory, 0, 1}, ViewAccess::kReadWrite, nullptr);
    ASSERT_TRUE(seen.ok() && pool_->Put(*theirs, *seen).ok());
    os_.faults().FailNthCall(step, Error::kNoMemory);
    const std::uint32_t before = os_.faults().all_calls();
    const Status freed = Free(memory);
    was_reached = os_.faults().all_calls() - before > step;
    os_.faults().StopFailing();
    EXPECT_EQ(Free(memory).ok(), !freed.ok()) << step;
    EXPECT_EQ(pool_->counters().allocated_bytes, 0u);
    EXPECT_EQ(pool_->counters().view_mappings, 0u) << "no view of it is left, in no thread";
    const UnmappedHandle fresh = Allocate(3 * kFrameBytes);
    EXPECT_TRUE(IsZero(ReadAll(fresh)));
    ASSERT_TRUE(Free(fresh).ok());
  }
  pool_->RemoveThread(*theirs);
}

// Spec: U38
TEST_F(UnmappedPoolTest, AFreeThatCannotWipeIsRefused) {
  const UnmappedHandle memory = Allocate(kFrameBytes);
  ASSERT_TRUE(pool_->Write(*views_, memory, 0, Pattern(10)).ok());
  ThreadViews* theirs = *pool_->AddThread();
  os_.faults().FailAfter(Kind::kAlias, 0, Error::kTooManyMappings);
  EXPECT_EQ(pool_->Free(*theirs, memory, nullptr).error(), Error::kTooManyMappings);
  os_.faults().StopFailing();
  EXPECT_EQ(ReadAll(memory)[3], Pattern(10)[3]);
  os_.faults().FailAfter(Kind::kSynchronize, 0, Error::kNotPermitted);
  const Status freed = Free(memory);
  os_.faults().StopFailing();
  if (!freed.ok()) {
    EXPECT_EQ(freed.error(), Error::kNotPermitted);
    EXPECT_TRUE(Free(memory).ok());
  }
  pool_->RemoveThread(*theirs);
}

// --- Populating ----------------------------------------------------------------------------------

TEST_F(UnmappedPoolTest, AFileIsReadStraightIntoTheMemoryInBatches) {
  const auto pattern = Pattern(3 * kPageblockBytes + 123);
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(std::fwrite(pattern.data(), 1, pattern.size(), file), pattern.size());
  std::rewind(file);
  const UnmappedHandle memory = Allocate(4 * kPageblockBytes);
  const std::uint32_t before = os_.faults().CallsOf(Kind::kAlias);
  const auto got =
      pool_->Populate(*views_, {memory, 10, pattern.size() + 1000}, os::Descriptor{fileno(file)});
  std::fclose(file);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(*got, pattern.size()) << "up to the end of the file";
  EXPECT_LE(os_.faults().CallsOf(Kind::kAlias) - before, 6u) << "a view for 2 MiB, not for a page";
  const auto all = ReadAll(memory);
  EXPECT_TRUE(std::equal(pattern.begin(), pattern.end(), all.begin() + 10));
  EXPECT_EQ(all[9], std::byte{0});
  EXPECT_EQ(all[10 + pattern.size()], std::byte{0});
}

TEST_F(UnmappedPoolTest, APipeThatIsShortOfDataGivesWhatItHas) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK), 0);
  const UnmappedHandle memory = Allocate(kFrameBytes);
  const Part part{memory, 0, kFrameBytes};
  EXPECT_EQ(pool_->Populate(*views_, part, os::Descriptor{ends[0]}).error(), Error::kWouldBlock);
  ASSERT_EQ(::write(ends[1], "secret", 6), 6);
  EXPECT_EQ(pool_->Populate(*views_, part, os::Descriptor{ends[0]}).value(), 6u);
  EXPECT_EQ(ReadAll(memory)[0], static_cast<std::byte>('s'));
  ::close(ends[0]);
  ::close(ends[1]);
  EXPECT_EQ(pool_->Populate(*views_, part, os::Descriptor{ends[0]}).error(), Error::kInvalid);
}

// --- Starting ------------------------------------------------------------------------------------

std::size_t MappingCount() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    ++count;
  }
  return count;
}

// Spec: U38
TEST(UnmappedPoolStartTest, AStartThatFailsAtAnyStepLeavesNothingMapped) {
  FaultyOs os;
  keys::KeyBroker& keys = ProcessKeys(keys::KeyUse::kIfPresent);
  for (const bool uses_secret : {false, true}) {
    for (const Kind kind : {Kind::kReserve, Kind::kProtect, Kind::kShared, Kind::kAdvise,
                            Kind::kLock, Kind::kSynchronize}) {
      bool was_reached = true;
      for (std::uint32_t step = 0; was_reached; ++step) {
        ASSERT_LT(step, 40u);
        auto pool = std::make_unique<UnmappedPool>();
        const std::size_t mappings = MappingCount();
        os.faults().FailAfter(kind, step, Error::kNoMemory, 1);
        const std::uint32_t before = os.faults().CallsOf(kind);
        const Status started = pool->Start(os, keys, {.uses_secret = uses_secret});
        was_reached = os.faults().CallsOf(kind) - before > step;
        os.faults().StopFailing();
        EXPECT_TRUE(started.ok() || was_reached);
        if (started.ok()) {
          pool->Stop();
        }
        EXPECT_EQ(MappingCount(), mappings) << step << " of kind " << static_cast<int>(kind);
      }
    }
  }
}

TEST(UnmappedPoolStartTest, SizesThatAreNoPoolAreRefused) {
  FaultyOs os;
  UnmappedPool pool;
  for (const std::uint64_t bytes :
       {std::uint64_t{kFrameBytes}, std::uint64_t{3} << 21, std::uint64_t{1} << 63}) {
    EXPECT_EQ(pool.Start(os, ProcessKeys(keys::KeyUse::kNever), {.bytes = bytes}).error(),
              Error::kInvalid);
  }
}

// --- The debug mode ------------------------------------------------------------------------------

using UnmappedPoolReportTest = UnmappedPoolTest;

TEST_F(UnmappedPoolReportTest, TheReportNamesWhoFreesAndWhoLooked) {
  TearDown();
  pool_ = std::make_unique<UnmappedPool>();
  Start({.reports_views = true});
  const UnmappedHandle memory = Allocate(kFrameBytes);
  const auto* got_at = VirtAddr(0x1234).AsPointer<const void>();
  const auto* freed_at = VirtAddr(0x5678).AsPointer<const void>();
  const auto view = pool_->Get(*views_, {memory, 0, 1}, ViewAccess::kReadWrite, got_at);
  testing::internal::CaptureStderr();
  EXPECT_EQ(pool_->Free(*views_, memory, freed_at).error(), Error::kInUse);
  Put(*view);
  EXPECT_TRUE(pool_->Free(*views_, memory, freed_at).ok());
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "pageward: views: memory of 4096 bytes is freed by 0x5678 while a view of it is open, "
            "got by 0x1234\n"
            "pageward: views: memory of 4096 bytes is freed by 0x5678 while a view of it is stale, "
            "got by 0x1234\n");
}

}  // namespace
}  // namespace pageward::engine
