#include "tests/support/ptable/mmu_comparison.h"

#include <algorithm>
#include <sstream>

namespace pageward::testing_support {
namespace {

constexpr std::size_t kExamples = 8;
constexpr const char* kPerformers[kPerformerCount] = {"software", "oracle"};

// Bits of an error code (4.7).
constexpr std::uint32_t kPresent = 1u << 0;
constexpr std::uint32_t kReserved = 1u << 3;
constexpr std::uint32_t kKey = 1u << 5;

template <std::size_t kSize>
void AddTo(std::array<std::uint64_t, kSize>& sums, const std::array<std::uint64_t, kSize>& more) {
  for (std::size_t i = 0; i < kSize; ++i) {
    sums[i] += more[i];
  }
}

class Comparison {
 public:
  Comparison(const MmuProgram& program, const MmuRun& software, const MmuRun* oracle)
      : program_(program), runs_{&software, oracle}, reference_(program, TrackingFor(program)) {}

  ComparisonReport Run() {
    report_.avoided = program_.avoided;
    for (index_ = 0; index_ < program_.operations.size(); ++index_) {
      const MmuOperation& operation = program_.operations[index_];
      if (const auto* access = std::get_if<mmu_op::Access>(&operation)) {
        CompareAccess(*access);
        continue;
      }
      if (const auto* poke = std::get_if<mmu_op::Poke>(&operation)) {
        ForEachPerformer([&](Performer performer) {
          CompareWord(performer, poke->at, ObservationOf(performer).value);
        });
      }
      reference_.Perform(operation);
    }
    ForEachPerformer([&](Performer performer) { CompareRam(performer); });
    return report_;
  }

 private:
  // Nothing has to be remembered if there is nothing stale.
  static Tracking TrackingFor(const MmuProgram& program) {
    const bool is_coherent = std::all_of(
        program.operations.begin(), program.operations.end(), [](const MmuOperation& operation) {
          const auto* access = std::get_if<mmu_op::Access>(&operation);
          return access == nullptr || access->is_coherent;
        });
    return is_coherent                                        ? Tracking::kNothing
           : program.walk_caching == ptable::WalkCaching::kOn ? Tracking::kTablesToo
                                                              : Tracking::kTranslations;
  }

  template <typename Body>
  void ForEachPerformer(Body body) {
    for (unsigned i = 0; i < kPerformerCount; ++i) {
      if (runs_[i] != nullptr) {
        body(static_cast<Performer>(i));
      }
    }
  }

  const Observation& ObservationOf(Performer performer) const {
    return runs_[static_cast<unsigned>(performer)]->observations[index_];
  }

  void AddExample(const std::string& text) {
    if (report_.examples.size() < kExamples) {
      report_.examples.push_back(text);
    }
  }

  bool Matches(const Observation& observation, const AllowedEnd& end,
               const mmu_op::Access& access) const {
    if (end.is_fault) {
      // Which byte of a descriptor is written first is not said anywhere.
      const std::uint64_t mask =
          access.instruction == Instruction::kSegment ? ~std::uint64_t{7} : ~std::uint64_t{0};
      return observation.end == Observation::End::kPageFault && observation.code == end.code &&
             (observation.fault_address.value() & mask) == access.at.value();
    }
    const std::uint64_t offset = end.at.value() % 8;
    const PhysAddr at(end.at.value() - offset);
    const std::uint64_t expected =
        LoadedBy(access.instruction, reference_.ram().Load(at), static_cast<unsigned>(offset));
    // A table can be read as data; A and D of its entries are compared at the end.
    const std::uint64_t open = reference_.IsEntry(at) ? MmuReference::kUsageBits : 0;
    return observation.end == Observation::End::kDone &&
           ((observation.value ^ expected) & ~open) == 0;
  }

  // The observation as it should be if it is one of the known deviations.
  bool MatchesButFor(Deviation deviation, Observation observation, const AllowedEnd& end,
                     const mmu_op::Access& access) const {
    const bool is_fault = observation.end == Observation::End::kPageFault;
    switch (deviation) {
      case Deviation::kReservedWithoutPresent:
        if (!is_fault || (observation.code & (kReserved | kPresent)) != kReserved) {
          return false;
        }
        observation.code |= kPresent;
        break;
      case Deviation::kKeyOfSupervisorPage:
        if (!is_fault || !access.is_user || IsImplicit(access.instruction) || end.is_of_user_page ||
            (observation.code ^ end.code) != kKey) {
          return false;
        }
        observation.code = end.code;
        break;
      case Deviation::kKeptAfterFault:
        if (!end.is_dropped[static_cast<unsigned>(Performer::kOracle)]) {
          return false;
        }
        break;
    }
    return Matches(observation, end, access);
  }

  bool IsAllowed(Performer performer, const Expectation& expectation,
                 const mmu_op::Access& access) {
    const Observation& observation = ObservationOf(performer);
    if (!expectation.is_canonical) {
      return observation.end == Observation::End::kGeneralProtection;
    }
    for (const AllowedEnd& end : expectation.ends) {
      if (!end.is_dropped[static_cast<unsigned>(performer)] && Matches(observation, end, access)) {
        return true;
      }
    }
    if (performer != Performer::kOracle) {
      return false;
    }
    for (unsigned i = 0; i < kDeviationCount; ++i) {
      for (const AllowedEnd& end : expectation.ends) {
        const auto deviation = static_cast<Deviation>(i);
        const bool is_dropped = end.is_dropped[static_cast<unsigned>(performer)];
        if (is_dropped == (deviation == Deviation::kKeptAfterFault) &&
            MatchesButFor(deviation, observation, end, access)) {
          ++report_.deviations[i];
          return true;
        }
      }
    }
    return false;
  }

  void CompareAccess(const mmu_op::Access& access) {
    const Expectation expectation = reference_.Expect(access);
    ++report_.accesses;
    report_.unflushed += expectation.is_certain ? 0u : 1u;
    std::array<bool, kPerformerCount> has_faulted{};
    bool is_wrong = false;
    ForEachPerformer([&](Performer performer) {
      is_wrong = !IsAllowed(performer, expectation, access) || is_wrong;
      has_faulted[static_cast<unsigned>(performer)] =
          ObservationOf(performer).end == Observation::End::kPageFault;
    });
    if (has_faulted[0]) {
      ++report_.page_faults;
      ++report_.faults_of_code[ObservationOf(Performer::kSoftware).code % 64];
    } else if (expectation.is_canonical && access.is_coherent) {
      ++report_.passed_by_level[expectation.ends.front().leaf_level];
    }
    if (runs_[1] != nullptr && !expectation.is_certain) {
      const Observation& software = ObservationOf(Performer::kSoftware);
      const Observation& oracle = ObservationOf(Performer::kOracle);
      report_.stale += software.end != oracle.end || software.value != oracle.value ? 1u : 0u;
    }
    // What is wrong is told with memory as it was before.
    const std::string text = is_wrong ? DescribeAccess(access, expectation) : "";
    reference_.Settle(access, expectation, has_faulted);
    if (is_wrong) {
      ++report_.wrong_accesses;
      AddExample(text);
    } else if (access.entry.value() != 0) {
      CompareEntryAfter(access, expectation);
    }
  }

  void CompareEntryAfter(const mmu_op::Access& access, const Expectation& expectation) {
    bool is_wrong = false;
    ForEachPerformer([&](Performer performer) {
      is_wrong = !IsRightEntry(performer, access.entry, ObservationOf(performer).entry) || is_wrong;
    });
    if (is_wrong) {
      ++report_.wrong_accesses;
      AddExample(DescribeAccess(access, expectation));
    }
  }

  std::string DescribeAccess(const mmu_op::Access& access, const Expectation& expectation) {
    std::ostringstream out;
    out << "operation " << index_ << ": " << Describe(MmuOperation(access));
    ForEachPerformer([&](Performer performer) {
      out << "\n  " << kPerformers[static_cast<unsigned>(performer)] << ": "
          << Describe(ObservationOf(performer));
      if (access.entry.value() != 0) {
        out << "; then 0x" << std::hex << ObservationOf(performer).entry << " at 0x"
            << access.entry.value() << std::dec;
      }
    });
    for (const AllowedEnd& end : expectation.ends) {
      out << "\n  allowed: " << std::hex;
      if (end.is_fault) {
        out << "page fault 0x" << end.code;
      } else {
        out << "memory at 0x" << end.at.value();
      }
    }
    if (expectation.is_canonical) {
      const Way way = reference_.WayNow(access.at);
      for (unsigned i = 0; i < way.count; ++i) {
        out << "\n  entry at 0x" << std::hex << way.entries[i].slot << ": 0x"
            << way.entries[i].word;
      }
    }
    for (unsigned i = 0; i < kRegisterCount; ++i) {
      const auto which = static_cast<RegisterName>(i);
      out << "\n  " << Describe(mmu_op::WriteRegister{which, reference_.RegisterValue(which)});
    }
    return out.str();
  }

  // An entry: all but A and D is the software's, and those are within bounds.
  bool IsRightEntry(Performer performer, PhysAddr at, std::uint64_t word) {
    const UsageBounds bounds = reference_.BoundsOf(at);
    const std::uint64_t usage = word & MmuReference::kUsageBits;
    const std::uint64_t may =
        bounds.may | (performer == Performer::kOracle ? bounds.may_by_fault : 0);
    return ((word ^ reference_.ram().Load(at)) & ~MmuReference::kUsageBits) == 0 &&
           (bounds.must & ~usage) == 0 && (usage & ~may) == 0;
  }

  void CompareWord(Performer performer, PhysAddr at, std::uint64_t word) {
    const UsageBounds bounds = reference_.BoundsOf(at);
    if (IsRightEntry(performer, at, word)) {
      report_.used_by_faults += (word & ~bounds.may & bounds.may_by_fault) != 0 ? 1u : 0u;
      return;
    }
    ++report_.wrong_words;
    std::ostringstream out;
    out << "operation " << index_ << ": " << kPerformers[static_cast<unsigned>(performer)]
        << " has 0x" << std::hex << word << " at 0x" << at.value() << "\n  expected: 0x"
        << reference_.ram().Load(at) << ", A and D from 0x" << bounds.must << " to 0x"
        << (bounds.may | bounds.may_by_fault);
    AddExample(out.str());
  }

  void CompareRam(Performer performer) {
    const SparseRam& ram = runs_[static_cast<unsigned>(performer)]->ram;
    for (const SparseRam* frames : {&ram, &reference_.ram()}) {
      for (const auto& [number, frame] : frames->frames()) {
        for (std::size_t i = 0; i < frame.size(); ++i) {
          const PhysAddr at(number * kFrameBytes + i * 8);
          // What only one of them has is compared when its frames come.
          if (frames == &ram || frame[i] != 0) {
            ++report_.words;
            CompareWord(performer, at, ram.Load(at));
          }
        }
      }
    }
  }

  const MmuProgram& program_;
  const std::array<const MmuRun*, kPerformerCount> runs_;
  MmuReference reference_;
  std::size_t index_ = 0;
  ComparisonReport report_;
};

}  // namespace

ComparisonReport& ComparisonReport::operator+=(const ComparisonReport& other) {
  accesses += other.accesses;
  avoided += other.avoided;
  page_faults += other.page_faults;
  unflushed += other.unflushed;
  stale += other.stale;
  words += other.words;
  wrong_accesses += other.wrong_accesses;
  wrong_words += other.wrong_words;
  used_by_faults += other.used_by_faults;
  AddTo(faults_of_code, other.faults_of_code);
  AddTo(passed_by_level, other.passed_by_level);
  AddTo(deviations, other.deviations);
  for (const std::string& example : other.examples) {
    if (examples.size() < kExamples) {
      examples.push_back(example);
    }
  }
  return *this;
}

ComparisonReport Compare(const MmuProgram& program, const MmuRun& software, const MmuRun& oracle) {
  return Comparison(program, software, &oracle).Run();
}

ComparisonReport Compare(const MmuProgram& program, const MmuRun& software) {
  return Comparison(program, software, nullptr).Run();
}

std::string Summarize(const ComparisonReport& report) {
  std::ostringstream out;
  out << "compared " << report.accesses << " accesses, " << report.mismatches() << " mismatches ("
      << report.page_faults << " page faults, " << report.unflushed << " unflushed of which "
      << report.stale << " differ; " << report.words
      << " words of memory; known deviations: " << report.deviations[0] << " RSVD without P, "
      << report.deviations[1] << " PK of a supervisor page, " << report.deviations[2]
      << " kept after a fault, " << report.avoided << " avoided; " << report.used_by_faults
      << " A bits of faults)";
  return out.str();
}

}  // namespace pageward::testing_support
