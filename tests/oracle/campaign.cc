#include "tests/oracle/campaign.h"

#include <algorithm>
#include <iterator>

#include "tests/oracle/qemu_machine.h"
#include "tests/support/ptable/software_machine.h"

namespace pageward::oracle {
namespace {

using testing_support::FlushDiscipline;
using testing_support::KnownErrors;
using testing_support::MmuProgram;
using testing_support::MmuProgramWriter;
using testing_support::ProgramShape;
using testing_support::SeededNumbers;

constexpr std::uint64_t kAccessesOfProgram = 16'384;
constexpr unsigned kPhysBits[] = {40, 46, 52, 36};

}  // namespace

ProgramShape ShapeOf(CampaignMode mode, std::uint64_t n) {
  ProgramShape shape;
  const bool is_coherent =
      mode == CampaignMode::kBoth ? n % 2 == 0 : mode == CampaignMode::kCoherent;
  const std::uint64_t turn = mode == CampaignMode::kBoth ? n / 2 : n;
  shape.flushes = is_coherent ? FlushDiscipline::kCoherent : FlushDiscipline::kRandom;
  // QEMU remembers translations, and no tables on the way.
  shape.walk_caching = is_coherent ? ptable::WalkCaching::kOn : ptable::WalkCaching::kOff;
  shape.known_errors = KnownErrors::kAvoided;
  shape.levels = turn % 2 == 0 ? 4 : 5;
  shape.has_pcids = turn / 2 % 2 == 0;
  shape.phys_bits = kPhysBits[turn % std::size(kPhysBits)];
  shape.open_key = static_cast<unsigned>(turn * 5 % 16);
  return shape;
}

CampaignResult RunCampaign(
    const Campaign& campaign,
    const std::function<void(const testing_support::ComparisonReport&)>& progress) {
  CampaignResult result;
  for (std::uint64_t n = 0;
       result.report.accesses < campaign.accesses && result.report.mismatches() == 0; ++n) {
    SeededNumbers numbers(campaign.seed * 1'000'003 + n);
    MmuProgramWriter writer(numbers, ShapeOf(campaign.mode, n));
    writer.Write(std::min(kAccessesOfProgram, campaign.accesses - result.report.accesses));
    const MmuProgram& program = writer.program();
    const QemuRun qemu = RunOnQemu(program);
    if (!qemu.ok()) {
      result.error = qemu.error;
      return result;
    }
    result.report += Compare(program, RunInSoftware(program), qemu.run);
    progress(result.report);
  }
  return result;
}

}  // namespace pageward::oracle
