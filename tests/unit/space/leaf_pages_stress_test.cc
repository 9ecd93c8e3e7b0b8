// The one cycle with four threads in it: every cut needs a table page, table pages need pageblocks,
// and getting those fails at random.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "runtime/arch/cpu.h"
#include "runtime/keys/gate.h"
#include "tests/support/memory_probe.h"
#include "tests/support/open_metadata.h"
#include "tests/support/process_keys.h"
#include "tests/support/space/keyed_zone.h"

namespace pageward::space {
namespace {

using frame::Mobility;
using frame::Request;
using testing_support::Access;
using testing_support::FaultyOs;
using testing_support::KeyedZone;

constexpr std::uint64_t kZoneBytes = std::uint64_t{1} << 30;
constexpr std::uint32_t kBlocks = kZoneBytes / kPageblockBytes;
constexpr int kThreads = 4;
constexpr int kRounds = 4;
constexpr int kStepsPerThread = 1500;
constexpr std::size_t kMostHeld = 60;

class LeafPagesStressTest : public testing::Test {
 protected:
  // Keys of the machine where there are some, else remembered ones.
  void SetUp() override {
    const bool has_keys = arch::HasOspke();
    os_.set_fakes_keys(!has_keys);
    keys::KeyBroker& keys =
        has_keys ? testing_support::ProcessKeys(keys::KeyUse::kIfPresent) : faked_keys_;
    key_ = *keys.KeyFor(keys::KeyBroker::Purpose::kMetadata);
    ASSERT_TRUE(keys.KeyFor(keys::KeyBroker::Purpose::kClosed).ok());
    zone_.emplace(os_, keys, kZoneBytes);
    zone_->frames().set_walk_interval(4099);
    if (has_keys) {
      ASSERT_TRUE(keys::CloseMetadata(os_, key_).ok());
    }
    ASSERT_TRUE(pool().UseKey(key_).ok());
    os_.set_protect_observer([this](VirtRange) { SampleLeaves(); });
  }
  void TearDown() override {
    os_.set_protect_observer(nullptr);
    if (keys::IsMetadataClosed()) {
      testing_support::OpenMetadata(os_);
    }
  }

  TablePool& pool() { return zone_->leaf_pool(); }
  frame::PageAllocator& frames() { return zone_->frames(); }

  bool IsProtected(FrameNumber leaf) {
    if (!pool().Owns(leaf)) {
      return false;
    }
    if (!arch::HasOspke()) {
      return os_.KeyAt(zone_->AddressOf(leaf)) == key_;
    }
    const keys::BaselineScope outside;
    return testing_support::TryWrite(zone_->AddressOf(leaf)) == Access::kKeyDenied;
  }

  // Looks at the leaf of one pageblock: a table from when it is hung in until it is taken out.
  void Sample(BlockNumber block) {
    if (const std::optional<FrameNumber> leaf = zone_->LeafOf(block)) {
      ++samples_;
      unprotected_ += IsProtected(*leaf) ? 0 : 1;
    }
  }
  void SampleLeaves() {
    for (std::uint32_t block = 0; block < kBlocks; ++block) {
      Sample(BlockNumber(block));
    }
  }

  // What a thread does: whole pageblocks are cut in two, which takes a leaf each, and joined again,
  // which gives it back.
  class Worker {
   public:
    Worker(LeafPagesStressTest& test, unsigned seed) : test_(test), random_(seed) {}

    void Run() {
      const keys::Gate gate;
      for (int step = 0; step < kStepsPerThread; ++step) {
        const unsigned what = static_cast<unsigned>(random_() % 16);
        if (what == 0) {
          Drain();
        } else if (what == 1) {
          GiveBack();
        } else if (held_.empty() || (what < 10 && held_.size() < kMostHeld)) {
          Cut();
        } else {
          Join(random_() % held_.size());
        }
      }
      while (!held_.empty()) {
        Join(held_.size() - 1);
      }
      GiveBack();
    }

   private:
    void Cut() {
      const Request request = Request::Mapped(Mobility::kMovable);
      const Result<FrameNumber> first = test_.frames().Allocate(kPageblockOrder, request);
      if (!first.ok()) {
        return;
      }
      const FrameRange whole{*first, FrameCount(kPageblockFrames)};
      const FrameCount lower(1 + static_cast<std::uint32_t>(random_() % 511));
      if (const Status cut = test_.frames().SplitRun(whole, lower); !cut.ok()) {
        EXPECT_EQ(cut.error(), Error::kNoMemory);
        ++test_.refused_;
        test_.frames().FreeRun(whole);
        return;
      }
      ++test_.cuts_;
      test_.Sample(first->block());
      held_.push_back(Held{whole, lower});
    }
    void Join(std::size_t index) {
      const Held held = held_[index];
      held_[index] = held_.back();
      held_.pop_back();
      const FrameRange lower{held.whole.begin, held.lower};
      const FrameRange upper{lower.end(), held.whole.count - held.lower};
      test_.Sample(held.whole.begin.block());
      EXPECT_TRUE(test_.frames().MergeRuns(lower, upper).ok());
      EXPECT_TRUE(test_.frames().TrimLeaf(held.whole.begin.block()));
      test_.frames().FreeRun(held.whole);
    }
    // Takes pages away, so that the next cut finds few.
    void Drain() {
      for (int i = 0; i < 500 && test_.pool().cached() > 6; ++i) {
        const Result<FrameNumber> page = test_.pool().Take();
        if (!page.ok()) {
          return;
        }
        taken_.push_back(*page);
      }
    }
    void GiveBack() {
      for (const FrameNumber page : taken_) {
        test_.pool().Put(page);
      }
      taken_.clear();
    }

    struct Held {
      FrameRange whole;
      FrameCount lower;
    };

    LeafPagesStressTest& test_;
    std::mt19937 random_;
    std::vector<Held> held_;
    std::vector<FrameNumber> taken_;
  };

  void RunWorkers(unsigned round) {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kThreads; ++i) {
      threads.emplace_back([this, round, i] { Worker(*this, 100 * round + i).Run(); });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }

  FaultyOs os_;
  keys::KeyBroker faked_keys_{os_, keys::KeyUse::kIfPresent};
  arch::Pkey key_;
  std::optional<KeyedZone> zone_;
  std::atomic<std::uint64_t> cuts_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint64_t> samples_{0};
  std::atomic<std::uint64_t> unprotected_{0};
};

// Spec: T84, T87, T88
TEST_F(LeafPagesStressTest, TheCycleEndsWithoutRecursionOrLeakAndNoLeafIsEverUnprotected) {
  {
    const keys::Gate gate;
    zone_->GrowToTheEnd();
  }
  for (unsigned round = 0; round < kRounds; ++round) {
    os_.FailGivingKeys(12);
    RunWorkers(round);
    os_.FailGivingKeys(1);
    const keys::Gate gate;
    zone_->CheckInvariants();
    // Everything is where it was: no leaf in use, every page in the cache, every run free.
    EXPECT_EQ(frames().counters().leaves, 0u);
    EXPECT_EQ(pool().cached() * kFrameBytes, pool().bytes());
    EXPECT_EQ(frames().counters().live_frames, FramesFor(pool().bytes()));
    static_cast<void>(pool().Shrink(~std::uint64_t{0}));
  }
  const ptable::PtpReserveCounters counters = pool().counters();
  EXPECT_EQ(pool().deepest(), 1u);
  EXPECT_EQ(unprotected_.load(), 0u);
  EXPECT_GT(samples_.load(), cuts_.load());
  EXPECT_EQ(counters.split_frames, cuts_.load()) << "a page for each cut, and for nothing else";
  // The test is none if these have not happened.
  EXPECT_GT(counters.refills[0], 20u);
  EXPECT_GT(counters.failed_refills, 5u);
  EXPECT_GT(refused_.load(), 0u);
  RecordProperty("cuts", std::to_string(cuts_.load()));
  RecordProperty("refused", std::to_string(refused_.load()));
  RecordProperty("refills", std::to_string(counters.refills[0]));
  RecordProperty("failed_refills", std::to_string(counters.failed_refills));
  RecordProperty("samples", std::to_string(samples_.load()));
}

}  // namespace
}  // namespace pageward::space
