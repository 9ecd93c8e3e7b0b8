#include "tools/pageward/import/kmem_replay.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/ptable/random.h"
#include "tests/support/sim/test_simulation.h"

namespace pageward::tool {
namespace {

using sim::ConversionPolicy;
using sim::Tally;
using testing_support::Random;
using testing_support::SimulationOf;
using testing_support::TestSimulation;

sim::SimulationConfig With(ConversionPolicy conversion, sim::WindowPolicy window) {
  sim::SimulationConfig config = SimulationOf();
  config.kernel.conversion = conversion;
  config.window = window;
  return config;
}

KmemEvent Allocation(std::uint64_t pfn, unsigned order, std::string_view flags, unsigned cpu = 0) {
  const GfpFlags gfp = *ParseGfpFlags(flags);
  const bool is_movable = gfp.Has(GfpFlags::Flag::kMovable);
  return KmemEvent{.kind = KmemKind::kAllocated,
                   .pfn = pfn,
                   .order = order,
                   .cpu = cpu,
                   .mobility = is_movable ? frame::Mobility::kMovable : frame::Mobility::kUnmovable,
                   .gfp = gfp};
}

KmemEvent FreeOf(std::uint64_t pfn, unsigned order, unsigned cpu = 0) {
  return KmemEvent{.kind = KmemKind::kFreed, .pfn = pfn, .order = order, .cpu = cpu};
}

// A simulation with a replay on it.
class Replay {
 public:
  explicit Replay(const sim::SimulationConfig& config, std::string_view rule = "user")
      : simulation_(config), rule_(rule) {
    simulation_.TakeCounts();
  }

  void Take(const KmemEvent& event) { matcher_.Take(event); }
  HeldBlock BlockAt(std::uint64_t pfn) const { return *matcher_.ledger().Containing(pfn); }
  bool IsPresent(std::uint64_t pfn) {
    const HeldBlock block = BlockAt(pfn);
    return kernel().direct_map().IsPresent(block.frame);
  }
  sim::Kernel& kernel() { return simulation_.kernel(); }
  TestSimulation& simulation() { return simulation_; }
  const ReplayCounts& counts() const { return replay_.counts(); }
  const KmemMatcher& matcher() const { return matcher_; }

 private:
  TestSimulation simulation_;
  HideRule rule_;
  KmemReplay replay_{*simulation_, simulation_.process(), rule_};
  KmemMatcher matcher_{replay_};
};

using Policies = std::tuple<ConversionPolicy, sim::WindowPolicy>;
class KmemReplayTest : public testing::TestWithParam<Policies> {
 protected:
  static sim::SimulationConfig Config() {
    return With(std::get<0>(GetParam()), std::get<1>(GetParam()));
  }
};

TEST_P(KmemReplayTest, WhatTheRuleHidesIsAbsentForAsLongAsItLives) {
  Replay replay(Config());
  replay.Take(Allocation(0x1000, 0, "GFP_HIGHUSER_MOVABLE|__GFP_ZERO", 1));
  replay.Take(Allocation(0x2000, 9, "GFP_TRANSHUGE_LIGHT", 2));
  replay.Take(Allocation(0x3000, 2, "GFP_KERNEL|__GFP_ZERO", 3));
  EXPECT_FALSE(replay.IsPresent(0x1000));
  EXPECT_FALSE(replay.IsPresent(0x2000));
  EXPECT_TRUE(replay.IsPresent(0x3000));
  EXPECT_EQ(replay.counts().hidden, 2u);
  EXPECT_EQ(replay.counts().hidden_pages, 513u);
  replay.Take(FreeOf(0x1000, 0));
  EXPECT_FALSE(replay.IsPresent(0x2000));
  replay.Take(FreeOf(0x2000, 9));
  replay.Take(FreeOf(0x3000, 2));
  EXPECT_EQ(replay.counts().peak_hidden_pages, 513u);
  EXPECT_EQ(replay.counts().failed, 0u);
  replay.kernel().DrainLists();
  replay.simulation()->CheckInvariants();
}

TEST_P(KmemReplayTest, HiddenMemoryIsClearedThroughAWindowForEachPage) {
  Replay replay(Config());
  // Tables of views and of the direct map are made with the first.
  replay.Take(Allocation(0x0800, 3, "GFP_HIGHUSER|__GFP_ZERO", 2));
  replay.simulation().TakeCounts();
  replay.Take(Allocation(0x1000, 3, "GFP_HIGHUSER|__GFP_ZERO", 2));
  const sim::Counts counts = replay.simulation().TakeCounts();
  EXPECT_EQ(counts[sim::Primitive::kFrameCleared], 8u);
  const bool is_mermap = std::get<1>(GetParam()) == sim::WindowPolicy::kMermap;
  EXPECT_EQ(counts[Tally::kWindowOpened], is_mermap ? 8u : counts[Tally::kWindowOpened]);
  EXPECT_EQ(counts[Tally::kOops], 0u);
  EXPECT_EQ(replay.counts().unclearable, 0u);
}

TEST_P(KmemReplayTest, ALargePageThatWasSplitGoesInParts) {
  Replay replay(Config());
  const auto live = [&] { return replay.kernel().frames().counters().live_frames.value; };
  const std::uint32_t before = live();
  replay.Take(Allocation(0x2000, 9, "GFP_TRANSHUGE_LIGHT"));
  for (std::uint64_t page = 0; page < 512; page += 2) {
    replay.Take(FreeOf(0x2000 + page, 0, static_cast<unsigned>(page) % 4));
  }
  for (std::uint64_t page = 1; page < 512; page += 2) {
    ASSERT_FALSE(replay.IsPresent(0x2000 + page));
    replay.Take(FreeOf(0x2000 + page, 0));
  }
  replay.kernel().DrainLists();
  // Table pages that splits took stay.
  EXPECT_LE(live(), before + 8);
  replay.simulation()->CheckInvariants();
}

// Whatever comes, hidden memory is absent, other memory present, and nobody shares a frame.
TEST_P(KmemReplayTest, RandomTracesKeepWhatIsHiddenHidden) {
  constexpr std::string_view kFlags[] = {"GFP_HIGHUSER_MOVABLE|__GFP_ZERO", "GFP_KERNEL",
                                         "GFP_TRANSHUGE", "GFP_ATOMIC|__GFP_ZERO",
                                         "GFP_HIGHUSER_MOVABLE|__GFP_COMP"};
  Replay replay(Config());
  Random random(11);
  std::map<std::uint64_t, unsigned> held;
  for (int i = 0; i < 4000; ++i) {
    const auto cpu = static_cast<unsigned>(random.Below(6));
    if (held.size() > 200 || (!held.empty() && random.OneIn(3))) {
      auto chosen = held.begin();
      std::advance(chosen, static_cast<long>(random.Below(held.size())));
      replay.Take(FreeOf(chosen->first, chosen->second, cpu));
      held.erase(chosen);
    } else {
      const auto order = static_cast<unsigned>(random.OneIn(8) ? random.Below(10) : 0);
      const std::uint64_t pfn = 0x10'0000 + static_cast<std::uint64_t>(i) * 512;
      replay.Take(Allocation(pfn, order, random.OneOf(kFlags), cpu));
      held[pfn] = order;
    }
  }
  std::map<std::uint32_t, std::uint32_t> frames;
  for (const auto& [pfn, order] : held) {
    const HeldBlock block = replay.BlockAt(pfn);
    ASSERT_EQ(block.order, order);
    if (block.place == BlockPlace::kNowhere) {
      continue;
    }
    EXPECT_EQ(replay.IsPresent(pfn), block.place == BlockPlace::kMapped);
    const auto [at, is_new] = frames.emplace(block.frame.value, block.pages());
    EXPECT_TRUE(is_new) << block.frame.value;
  }
  for (auto at = frames.begin(); at != frames.end() && std::next(at) != frames.end(); ++at) {
    EXPECT_LE(at->first + at->second, std::next(at)->first);
  }
  EXPECT_EQ(replay.matcher().counts().unmatched_frees, 0u);
  replay.simulation()->CheckInvariants();
}

INSTANTIATE_TEST_SUITE_P(
    Policies, KmemReplayTest,
    testing::Combine(testing::Values(ConversionPolicy::kGrouped, ConversionPolicy::kAdhoc,
                                     ConversionPolicy::kSkipFlush),
                     testing::Values(sim::WindowPolicy::kMermap, sim::WindowPolicy::kKmapLocal)));

TEST(KmemReplayFailureTest, WhatCannotBeHadIsCountedAndItsFreeIsNoSurprise) {
  sim::SimulationConfig config = SimulationOf();
  Replay replay(config);
  std::uint64_t pfn = 0x10'0000;
  for (; replay.counts().failed == 0; pfn += 1024) {
    replay.Take(Allocation(pfn, 10, "GFP_HIGHUSER_MOVABLE"));
  }
  EXPECT_EQ(replay.counts().failed_hidden, 1u);
  for (std::uint64_t at = 0x10'0000; at < pfn; at += 1024) {
    replay.Take(FreeOf(at, 10));
  }
  EXPECT_EQ(replay.matcher().counts().unmatched_frees, 0u);
  replay.kernel().DrainLists();
  replay.simulation()->CheckInvariants();
}

TEST(KmemReplayFailureTest, ABlockThatCannotBeSplitIsKeptAsAWhole) {
  Replay replay(With(ConversionPolicy::kAdhoc, sim::WindowPolicy::kMermap));
  replay.Take(Allocation(0x2000, 9, "GFP_TRANSHUGE_LIGHT"));
  replay.simulation().faults().FailAfter(sim::FaultPoint::kTablePage, 0);
  replay.Take(FreeOf(0x2003, 0));
  replay.simulation().faults().Stop();
  EXPECT_EQ(replay.counts().unsplit, 1u);
  EXPECT_EQ(replay.BlockAt(0x2003).order, 9u);
  EXPECT_FALSE(replay.IsPresent(0x2003));
  replay.Take(FreeOf(0x2004, 0));
  EXPECT_EQ(replay.counts().unsplit, 1u);
  EXPECT_FALSE(replay.matcher().ledger().Containing(0x2004).has_value());
  replay.simulation()->CheckInvariants();
}

TEST(KmemReplayFailureTest, AnAllocationThatMayNotWaitNeverConverts) {
  // Everything is unmapped and free; only a conversion could give mapped memory.
  Replay replay(SimulationOf());
  std::uint64_t pfn = 0x10'0000;
  for (; replay.counts().failed == 0; ++pfn) {
    replay.Take(Allocation(pfn, 0, "GFP_HIGHUSER_MOVABLE"));
  }
  for (std::uint64_t at = 0x10'0000; at < pfn; ++at) {
    replay.Take(FreeOf(at, 0));
  }
  replay.kernel().DrainLists();
  const std::uint64_t failed = replay.counts().failed;
  replay.simulation().TakeCounts();
  replay.Take(Allocation(0x20, 5, "GFP_ATOMIC"));
  EXPECT_EQ(replay.counts().failed, failed + 1);
  EXPECT_EQ(replay.simulation().TakeCounts()[Tally::kConversion], 0u);
  replay.Take(Allocation(0x40, 5, "GFP_KERNEL"));
  EXPECT_EQ(replay.counts().failed, failed + 1);
  EXPECT_GT(replay.simulation().TakeCounts()[Tally::kConversion], 0u);
}

}  // namespace
}  // namespace pageward::tool
