// Long random programs on the simulated kernel against what they must mean:
//
//   * a process reads what it last wrote, whoever shares or copies or moves its frames meanwhile
//   * a guest's page holds what was last written to it
//   * no processor reaches a hidden frame through the direct map, whatever it has cached
//   * a process that has a file's page mapped reads that page
//
// Steps of operations fail at random; then nothing may have changed that can be seen.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/sim/page_cache.h"
#include "tests/support/ptable/random.h"
#include "tests/support/sim/test_simulation.h"

namespace pageward::sim {
namespace {

using testing_support::Random;
using testing_support::SimulationOf;
using testing_support::TestSimulation;

constexpr VirtAddr kAt{0x7f00'0000'0000};
constexpr std::uint64_t kPages = 96;
constexpr std::uint32_t kFilePages = 700;
constexpr std::uint32_t kCpus = 4;

struct Axes {
  ConversionPolicy conversion;
  PtpPolicy tables;
  WindowPolicy window;
  std::uint64_t seed;
  UserTables user_tables = UserTables::kShared;
};

SimulationConfig ConfigOf(const Axes& axes) {
  SimulationConfig config = SimulationOf(std::uint64_t{64} << 20);
  config.kernel.conversion = axes.conversion;
  config.kernel.tables.policy = axes.tables;
  config.kernel.user_tables = axes.user_tables;
  config.kernel.direct_map.is_global = axes.user_tables == UserTables::kShared;
  config.window = axes.window;
  config.processes = 6;
  return config;
}

class SimModel {
 public:
  explicit SimModel(const Axes& axes)
      : axes_(axes), simulation_(ConfigOf(axes)), random_(axes.seed) {
    Adopt(simulation_.process());
  }

  void Step() {
    const std::uint32_t number = static_cast<std::uint32_t>(random_.Below(kCpus));
    const OnCpu on_cpu(simulation_.cpu(number));
    Known& known = Any();
    known.process->Run();
    if (random_.OneIn(6)) {
      PlanFault();
    }
    switch (random_.Below(12)) {
      case 0:
        AddArea(known);
        break;
      case 1:
        Remove(known);
        break;
      case 2:
        Fork(known);
        break;
      case 3:
        End(known);
        break;
      case 4:
      case 5:
        WriteGuest(known);
        break;
      case 6:
        RemoveGuest();
        break;
      case 7:
        GiveBack();
        break;
      default:
        Touch(known);
        break;
    }
    simulation_.faults().Stop();
    ASSERT_NO_FATAL_FAILURE(CompareSome());
  }

  void CheckAll() {
    guest_.CheckInvariants();
    simulation_->CheckInvariants();
    for (Known& known : known_) {
      for (std::uint64_t page = 0; page < kPages; ++page) {
        ASSERT_NO_FATAL_FAILURE(ComparePage(known, page));
      }
    }
    for (std::uint32_t page = 0; page < kFilePages; ++page) {
      ASSERT_NO_FATAL_FAILURE(CompareGuest(page));
    }
  }

  std::uint64_t failures() const { return failures_; }
  std::uint64_t forks() const { return forks_; }

 private:
  struct Known {
    Process* process = nullptr;
    std::map<std::uint64_t, std::uint64_t> words;  // By page; a page in an area is at least 0.
  };

  static VirtAddr AddressOf(std::uint64_t page) { return kAt + page * kFrameBytes; }

  void Adopt(Process& process) { known_.push_back(Known{&process, {}}); }
  Known& Any() { return known_[random_.Below(known_.size())]; }

  void PlanFault() {
    simulation_.faults().FailAfter(
        random_.OneOf({FaultPoint::kTablePage, FaultPoint::kBlockProtected, FaultPoint::kScrub,
                       FaultPoint::kViewPage, FaultPoint::kCacheInsert}),
        random_.Below(4));
  }

  VirtRange RandomRange(std::uint64_t* first, std::uint64_t* count) {
    *first = random_.Below(kPages);
    *count = 1 + random_.Below(12);
    *count = *first + *count > kPages ? kPages - *first : *count;
    return VirtRange{AddressOf(*first), *count * kFrameBytes};
  }

  void AddArea(Known& known) {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    const VirtRange range = RandomRange(&first, &count);
    if (known.process->AddArea(Area{.range = range}).ok()) {
      for (std::uint64_t page = first; page < first + count; ++page) {
        known.words[page] = 0;
      }
      static_cast<void>(known.process->Populate(range));
    }
  }

  void Remove(Known& known) {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    const VirtRange range = RandomRange(&first, &count);
    if (known.process->RemoveRange(range).ok()) {
      for (std::uint64_t page = first; page < first + count; ++page) {
        known.words.erase(page);
      }
    }
  }

  void Touch(Known& known) {
    const std::uint64_t page = random_.Below(kPages);
    if (random_.OneIn(2)) {
      const std::uint64_t word = random_.Next();
      const bool is_written = known.process->UserWrite(AddressOf(page), word).ok();
      ASSERT_TRUE(known.words.contains(page) || !is_written);
      if (is_written) {
        known.words[page] = word;
      } else {
        failures_ += known.words.contains(page) ? 1u : 0u;
      }
    } else {
      ComparePage(known, page);
    }
  }

  void Fork(Known& known) {
    const auto child = simulation_->ForkProcess(*known.process);
    if (child.ok()) {
      ++forks_;
      known_.push_back(Known{*child, known.words});
    } else {
      ++failures_;
    }
  }

  void End(Known& known) {
    if (known_.size() > 1) {
      simulation_->EndProcess(*known.process);
      known_.erase(known_.begin() + (&known - known_.data()));
    }
  }

  void WriteGuest(Known& known) {
    const auto page = static_cast<std::uint32_t>(random_.Below(kFilePages));
    const FillTag tag{static_cast<std::uint32_t>(1 + random_.Below(1'000'000))};
    const auto held = guest_.FrameOf(page);
    const std::uint64_t before = held ? simulation_.WordOf(*held) : 0;
    if (guest_.Write(*known.process, page, tag).ok()) {
      file_[page] = tag.value;
    } else {
      ++failures_;
      const auto after = guest_.FrameOf(page);
      ASSERT_EQ(after.has_value(), held.has_value());
      ASSERT_TRUE(!after || simulation_.WordOf(*after) == before);
    }
  }

  void RemoveGuest() {
    const auto first = static_cast<std::uint32_t>(random_.Below(kFilePages));
    const std::uint32_t count = std::min<std::uint32_t>(
        static_cast<std::uint32_t>(1 + random_.Below(300)), kFilePages - first);
    std::uint32_t expected = 0;
    for (std::uint32_t page = first; page < first + count; ++page) {
      expected += static_cast<std::uint32_t>(file_.erase(page));
    }
    ASSERT_EQ(guest_.Remove(first, count), expected);
  }

  void GiveBack() {
    if (random_.OneIn(2)) {
      simulation_.kernel().tables().Shrink(1 + random_.Below(600));
    } else {
      simulation_.kernel().DrainLists();
      simulation_.kernel().frames().ReturnFreeBlocks(frame::Request::Unmapped());
    }
  }

  void CompareSome() {
    for (int i = 0; i < 4; ++i) {
      ASSERT_NO_FATAL_FAILURE(CompareGuest(static_cast<std::uint32_t>(random_.Below(kFilePages))));
    }
    Known& known = Any();
    known.process->Run();
    ASSERT_NO_FATAL_FAILURE(ComparePage(known, random_.Below(kPages)));
  }

  void ComparePage(Known& known, std::uint64_t page) {
    known.process->Run();
    const auto expected = known.words.find(page);
    const WordAccess read = known.process->UserRead(AddressOf(page));
    if (expected == known.words.end()) {
      ASSERT_FALSE(read.ok()) << page;
    } else if (read.ok()) {
      ASSERT_EQ(read.word, expected->second) << page;
    } else {
      ASSERT_EQ(expected->second, 0u) << "only a page that was never written can be missing";
      ++failures_;
    }
  }

  // What the page holds, and that nobody reads it through the direct map: with what is cached.
  void CompareGuest(std::uint32_t page) {
    const auto frame = guest_.FrameOf(page);
    ASSERT_EQ(frame.has_value(), file_.contains(page)) << page;
    if (!frame) {
      return;
    }
    ASSERT_EQ(simulation_.WordOf(*frame), SimRam::PatternOf(FillTag{file_[page]}));
    if (axes_.conversion == ConversionPolicy::kSkipFlush) {
      return;  // It leaks, which another test shows.
    }
    for (std::uint32_t cpu = 0; cpu < kCpus; ++cpu) {
      ASSERT_FALSE(
          simulation_.cpu(cpu).Read(simulation_.kernel().direct_map().AddressOf(*frame)).ok())
          << "processor " << cpu << " reads a hidden frame";
    }
    // And has its neighbours cached for later.
    const FrameNumber beside(frame->value ^ 1);
    simulation_.cpu(page % kCpus).Read(simulation_.kernel().direct_map().AddressOf(beside));
  }

  const Axes axes_;
  TestSimulation simulation_;
  Random random_;
  std::vector<std::uint32_t> pages_ = std::vector<std::uint32_t>(kFilePages);
  CachedFile guest_{*simulation_, CachedFile::Memory{pages_}, FileKind::kGuest};
  std::vector<Known> known_;
  std::map<std::uint32_t, std::uint32_t> file_;
  std::uint64_t failures_ = 0;
  std::uint64_t forks_ = 0;
};

class SimModelTest : public testing::TestWithParam<Axes> {};

TEST_P(SimModelTest, RandomProgramsMeanWhatTheySay) {
  SimModel model(GetParam());
  for (int i = 0; i < 3000; ++i) {
    ASSERT_NO_FATAL_FAILURE(model.Step()) << "step " << i << " of seed " << GetParam().seed;
    if (i % 100 == 99) {
      ASSERT_NO_FATAL_FAILURE(model.CheckAll()) << "after step " << i;
    }
  }
  EXPECT_GT(model.failures(), 20u) << "or failure was never tried";
  EXPECT_GT(model.forks(), 20u);
}

INSTANTIATE_TEST_SUITE_P(
    Axes, SimModelTest,
    testing::Values(
        Axes{ConversionPolicy::kGrouped, PtpPolicy::kReserve, WindowPolicy::kMermap, 1},
        Axes{ConversionPolicy::kGrouped, PtpPolicy::kReserve, WindowPolicy::kMermap, 2},
        Axes{ConversionPolicy::kGrouped, PtpPolicy::kReserve, WindowPolicy::kKmapLocal, 3},
        Axes{ConversionPolicy::kGrouped, PtpPolicy::kNone, WindowPolicy::kMermap, 4},
        Axes{ConversionPolicy::kGrouped, PtpPolicy::kPerPage, WindowPolicy::kMermap, 5},
        Axes{ConversionPolicy::kAdhoc, PtpPolicy::kReserve, WindowPolicy::kMermap, 6},
        Axes{ConversionPolicy::kAdhoc, PtpPolicy::kNone, WindowPolicy::kKmapLocal, 7},
        Axes{ConversionPolicy::kSkipFlush, PtpPolicy::kReserve, WindowPolicy::kMermap, 8},
        Axes{ConversionPolicy::kGrouped, PtpPolicy::kReserve, WindowPolicy::kMermap, 9,
             UserTables::kIsolated}));

}  // namespace
}  // namespace pageward::sim
