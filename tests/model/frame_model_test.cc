// Long random programs on the page allocator agree with a slow, obvious reference.
//
//   single thread   every operation, with failures of the converter and of the source of leaves, is
//                   compared with FrameModel at each step
//   many threads    each frame that is handed out is claimed in one table for all; between rounds,
//                   while everybody rests, table and allocator are compared piece by piece
//
// PAGEWARD_MODEL_OPERATIONS sets how many operations the threads perform in all.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "runtime/frame/page_allocator.h"
#include "tests/support/frame/program.h"
#include "tests/support/frame/test_zone.h"

namespace pageward::frame {
namespace {

using testing_support::AttachedLists;
using testing_support::Draw;
using testing_support::FrameModel;
using testing_support::MemoryKind;
using testing_support::ModelError;
using testing_support::Program;
using testing_support::SeededEntropy;
using testing_support::SourceOf;
using testing_support::TestZone;
using testing_support::Via;
namespace op = testing_support::op;

constexpr std::uint32_t kBlocks = 12;

// What is being performed, for a death in the middle of it.
const Program* g_program = nullptr;

void PrintProgram(Violation) {
  if (g_program != nullptr) {
    std::cerr << SourceOf(*g_program);
  }
}

// Performs a program and, if there is disagreement, prints it as a test to be pasted below.
void RunProgram(const Program& program) {
  FrameModel model(kBlocks);
  try {
    for (const auto& operation : program) {
      Perform(operation, model);
      model.CheckAll();
    }
  } catch (const ModelError& error) {
    FAIL() << error.what() << "\n" << SourceOf(program);
  }
}

class FrameModelTest : public testing::TestWithParam<std::uint32_t> {};

// Spec: T5, T6, T43
TEST_P(FrameModelTest, RandomProgramsAgreeWithTheReference) {
  constexpr int kOperations = 1500;
  Program done;
  g_program = &done;
  SetFatalHook(PrintProgram);
  FrameModel model(kBlocks);
  SeededEntropy entropy(GetParam());
  try {
    for (int i = 0; i < kOperations; ++i) {
      done.push_back(Draw(entropy));
      Perform(done.back(), model);
      if (i % 8 == 0) {
        model.CheckAll();
      }
    }
    model.CheckAll();
  } catch (const ModelError& error) {
    ADD_FAILURE() << "seed " << GetParam() << ": " << error.what() << "\n" << SourceOf(done);
  }
  SetFatalHook(nullptr);
  g_program = nullptr;
}

INSTANTIATE_TEST_SUITE_P(Seeds, FrameModelTest,
                         testing::Values(1u, 2u, 3u, 5u, 8u, 13u, 21u, 34u, 55u, 89u));

TEST(FrameModelRegressionTest, AProgramOfEveryOperationRuns) {
  RunProgram({
      op::Allocate{0, MemoryKind::kUnmapped, Via::kThreadLists, 0},
      op::Allocate{9, MemoryKind::kKeyedA, Via::kAllocator, 0},
      op::AllocateRun{700, 4, MemoryKind::kReclaimable, 1},
      op::Split{2, 300},
      op::Merge{2},
      op::Grow{2, 20},
      op::Isolate{3},
      op::Free{0, Via::kThreadLists},
      op::FailConverter{1},
      op::FailSet{0},
      op::FailLeaves{0},
      op::Allocate{0, MemoryKind::kKeyedB, Via::kAllocator, 0},
      op::StopFailing{},
      op::Unisolate{3},
      op::Drain{},
      op::ReturnBlocks{MemoryKind::kUnmapped},
      op::TrimLeaf{0},
      op::AddBlocks{2},
  });
}

TEST(FrameModelRegressionTest, AProgramPrintsAsTheTestThatPerformsIt) {
  const Program program{op::Free{3, Via::kThreadLists},
                        op::Allocate{9, MemoryKind::kKeyedA, Via::kAllocator, 2}};
  EXPECT_EQ(SourceOf(program),
            "TEST(FrameModelRegressionTest, NameTheBehaviour) {\n"
            "  RunProgram({\n"
            "      op::Free{3, Via::kThreadLists},\n"
            "      op::Allocate{9, MemoryKind::kKeyedA, Via::kAllocator, 2},\n"
            "  });\n"
            "}\n");
}

// A frame that is handed out twice must be noticed: the reference is tested on a table that lies.
TEST(FrameModelRegressionTest, TheReferenceNoticesARunThatVanished) {
  FrameModel model(kBlocks);
  model.Allocate(3, MemoryKind::kMovable, Via::kAllocator, 0);
  model.CheckAll();
  model.zone().FreeAllRuns();
  EXPECT_THROW(model.CheckAll(), ModelError);
}

// --- Many threads ------------------------------------------------------------------------------

std::uint64_t OperationsWanted() {
  const char* text = std::getenv("PAGEWARD_MODEL_OPERATIONS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 60000;
}

class ManyThreads {
 public:
  static constexpr std::uint32_t kThreads = 4;
  static constexpr std::uint32_t kZoneBlocks = 32;

  ManyThreads() : holders_(kZoneBlocks * kPageblockFrames), hands_(kThreads) {
    allocator().set_walk_interval(20011);
    for (const auto& owner : owners_) {
      allocator().RegisterOwner(*owner);
    }
    for (std::uint32_t i = 0; i < kThreads; ++i) {
      hands_[i].random.seed(1009 * (i + 1));
    }
  }
  ~ManyThreads() {
    zone_.converter().StopFailing();
    zone_.leaves().StopFailing();
    zone_.FreeAllRuns();
    for (const auto& owner : owners_) {
      allocator().ReturnFreeBlocks(Request::Keyed(*owner));
      EXPECT_TRUE(allocator().UnregisterOwner(*owner).ok());
    }
    allocator().CheckInvariantsAtRest();
  }

  PageAllocator& allocator() { return zone_.allocator(); }

  // Lets every thread perform its share, then compares.
  void Round(std::uint64_t operations) {
    std::vector<std::thread> threads;
    for (std::uint32_t i = 0; i < kThreads; ++i) {
      threads.emplace_back([this, i, operations] { Work(i, operations / kThreads); });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    Compare();
    // Nobody reads the steps, and a billion operations have many.
    zone_.converter().ForgetSteps();
  }

 private:
  struct Held {
    FrameRange range;
    Freetype type;
  };
  // One thread's runs and numbers. They outlive the thread.
  struct Hand {
    std::vector<Held> runs;
    std::mt19937_64 random;

    std::uint32_t Below(std::uint32_t limit) {
      return static_cast<std::uint32_t>(random() % limit);
    }
    Held& Pick() {
      std::swap(runs[Below(static_cast<std::uint32_t>(runs.size()))], runs.back());
      return runs.back();
    }
  };

  Request Any(Hand& hand) {
    switch (hand.Below(6)) {
      case 0:
        return Request::Unmapped();
      case 1:
        return Request::Keyed(*owners_[hand.Below(2)]);
      case 2:
        return Request::Mapped(Mobility::kUnmovable);
      case 3:
        return Request::Mapped(Mobility::kReclaimable);
      default:
        return Request::Mapped(Mobility::kMovable);
    }
  }

  void Claim(std::uint32_t thread, FrameRange range, Freetype type) {
    for (FrameNumber frame = range.begin; frame < range.end(); ++frame.value) {
      std::uint32_t nobody = 0;
      ASSERT_TRUE(holders_[frame.value].compare_exchange_strong(nobody, thread + 1))
          << frame.value << " is held by thread " << nobody - 1;
      ASSERT_TRUE(CanMerge(zone_.TypeOf(frame), type)) << frame.value;
    }
    ASSERT_EQ(zone_.converter().IsPresent(range.begin), type.IsMapped()) << range.begin.value;
  }
  void Release(std::uint32_t thread, FrameRange range) {
    for (FrameNumber frame = range.begin; frame < range.end(); ++frame.value) {
      ASSERT_EQ(holders_[frame.value].exchange(0), thread + 1) << frame.value;
    }
  }

  void Take(std::uint32_t thread, Hand& hand, ThreadLists& lists) {
    const Request request = Any(hand);
    Result<FrameRange> run = Error::kNoFrames;
    if (hand.Below(4) == 0) {
      run = allocator().AllocateRun(FrameCount(1 + hand.Below(300)), Order(0), request);
    } else {
      const Order order(hand.Below(16) == 0 ? 9 : hand.Below(4));
      const Result<FrameNumber> frame = hand.Below(2) == 0
                                            ? allocator().Allocate(order, request)
                                            : allocator().Allocate(order, request, lists);
      run = frame.ok() ? Result<FrameRange>(FrameRange{*frame, order.frames()}) : frame.error();
    }
    if (run.ok()) {
      Claim(thread, *run, request.freetype());
      hand.runs.push_back(Held{*run, request.freetype()});
    }
  }

  void Give(std::uint32_t thread, Hand& hand, ThreadLists& lists) {
    const Held held = hand.Pick();
    hand.runs.pop_back();
    Release(thread, held.range);
    if (hand.Below(2) == 0 && IsPowerOfTwo(held.range.count.value)) {
      allocator().Free(held.range.begin, Order(FloorLog2(held.range.count.value)), lists);
    } else {
      allocator().FreeRun(held.range);
    }
  }

  void Reshape(std::uint32_t thread, Hand& hand) {
    Held& held = hand.Pick();
    const FrameRange run = held.range;
    if (hand.Below(2) == 0) {
      const FrameCount extra(1 + hand.Below(40));
      if (allocator().GrowRun(run, extra).ok()) {
        held.range.count += extra;
        Claim(thread, FrameRange{run.end(), extra}, held.type);
      }
    } else if (run.count.value > 1) {
      const FrameCount first(1 + hand.Below(run.count.value - 1));
      if (allocator().SplitRun(run, first).ok()) {
        const FrameRange second{run.begin + first, run.count - first};
        if (hand.Below(2) == 0) {
          EXPECT_TRUE(allocator().MergeRuns(FrameRange{run.begin, first}, second).ok());
        } else {
          held.range.count = first;
          hand.runs.push_back(Held{second, held.type});
        }
      }
    }
  }

  void Disturb(Hand& hand) {
    switch (hand.Below(5)) {
      case 0:
        zone_.converter().FailSetAfterBlocks(hand.Below(2), Error::kNoMemory);
        break;
      case 1:
        zone_.leaves().FailAfter(hand.Below(3));
        break;
      case 2:
        zone_.leaves().StopFailing();
        break;
      case 3:
        allocator().ReturnFreeBlocks(hand.Below(2) == 0 ? Request::Unmapped()
                                                        : Request::Keyed(*owners_[hand.Below(2)]));
        break;
      case 4:
        allocator().TrimLeaf(BlockNumber(hand.Below(kZoneBlocks)));
        break;
    }
  }

  void Work(std::uint32_t thread, std::uint64_t operations) {
    AttachedLists lists(allocator());
    Hand& hand = hands_[thread];
    for (std::uint64_t i = 0; i < operations && !testing::Test::HasFatalFailure(); ++i) {
      const std::uint32_t draw = hand.Below(1000);
      if (draw < 5) {
        Disturb(hand);
      } else if (hand.runs.empty() || draw < 500) {
        Take(thread, hand, *lists);
      } else if (draw < 900 || hand.runs.size() > 400) {
        Give(thread, hand, *lists);
      } else {
        Reshape(thread, hand);
      }
    }
  }

  // Every run of the allocator is held by the thread that has it, and nothing else is.
  void Compare() {
    allocator().CheckInvariantsAtRest();
    std::size_t runs = 0;
    for (const Hand& hand : hands_) {
      for (const Held& held : hand.runs) {
        ASSERT_EQ(allocator().RunContaining(held.range.begin), held.range);
        ++runs;
      }
    }
    std::size_t found = 0;
    for (FrameNumber frame; frame.value < holders_.size();) {
      const FrameReport report = *allocator().Describe(frame);
      const bool is_run = report.state == FrameState::kRun;
      found += is_run ? 1 : 0;
      for (; frame < report.piece.end(); ++frame.value) {
        ASSERT_EQ(holders_[frame.value].load() != 0, is_run) << frame.value;
      }
    }
    ASSERT_EQ(found, runs);
  }

  TestZone zone_{kZoneBlocks};
  const std::unique_ptr<OwnerLists> owners_[2] = {std::make_unique<OwnerLists>(OwnerId(1)),
                                                  std::make_unique<OwnerLists>(OwnerId(2))};
  std::vector<std::atomic<std::uint32_t>>
      holders_;  // One more than the thread's number; 0: nobody.
  std::vector<Hand> hands_;
};

// Spec: T43, U40
TEST(FrameThreadsModelTest, ManyThreadsAgreeWithOneTableOfAllFrames) {
  constexpr std::uint64_t kPerRound = 1 << 20;
  ManyThreads threads;
  std::uint64_t left = OperationsWanted();
  // Rounds of a third at most, so that short runs have rests in between as well.
  const std::uint64_t round = std::min(kPerRound, left / 3 + 1);
  while (left > 0 && !HasFatalFailure()) {
    const std::uint64_t operations = std::min(round, left);
    threads.Round(operations);
    left -= operations;
  }
  const Counters counters = threads.allocator().counters();
  EXPECT_GT(counters.conversions[Visibility::kUnmapped], 0u);
  EXPECT_GT(counters.conversions[Visibility::kKeyed], 0u);
  EXPECT_GT(counters.claims, 0u);
}

}  // namespace
}  // namespace pageward::frame
