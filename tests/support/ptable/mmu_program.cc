#include "tests/support/ptable/mmu_program.h"

#include <iomanip>
#include <sstream>

namespace pageward::testing_support {
namespace {

constexpr const char* kInstructions[kInstructionCount] = {"load 8", "load 1", "store 8", "store 1",
                                                          "add",    "limit",  "segment", "fetch"};
constexpr const char* kRegisters[] = {"CR0", "CR3", "CR4", "EFER", "PKRU", "PKRS"};
constexpr const char* kFlushes[] = {"page", "page of PCID", "PCID", "all but global", "all"};

struct Hex {
  std::uint64_t value;

  friend std::ostream& operator<<(std::ostream& out, Hex hex) {
    return out << "0x" << std::hex << hex.value << std::dec;
  }
};

struct Printer {
  std::ostream& out;

  void operator()(const mmu_op::BeginEpisode& o) const { out << "begin episode " << o.index; }
  void operator()(const mmu_op::WriteRegister& o) const {
    out << kRegisters[static_cast<unsigned>(o.which)] << " = " << Hex{o.value};
  }
  void operator()(const mmu_op::Poke& o) const {
    out << "poke " << Hex{o.at.value()} << " = " << Hex{o.word};
  }
  void operator()(const mmu_op::Invlpg& o) const { out << "invlpg " << Hex{o.at.value()}; }
  void operator()(const mmu_op::Invpcid& o) const {
    out << "invpcid " << kFlushes[static_cast<unsigned>(o.flush.kind)] << ", PCID "
        << o.flush.pcid.value() << ", " << Hex{o.flush.address.value()};
  }
  void operator()(const mmu_op::Access& o) const {
    out << kInstructions[static_cast<unsigned>(o.instruction)] << (o.is_user ? " user" : " system")
        << (o.is_ac_set ? " AC" : "") << (o.is_coherent ? "" : " unflushed") << " at "
        << Hex{o.at.value()};
  }
};

}  // namespace

std::string Describe(const MmuOperation& operation) {
  std::ostringstream out;
  std::visit(Printer{out}, operation);
  return out.str();
}

std::string Describe(const Observation& observation) {
  std::ostringstream out;
  switch (observation.end) {
    case Observation::End::kDone:
      out << "done, " << Hex{observation.value};
      break;
    case Observation::End::kPageFault:
      out << "page fault " << Hex{observation.code} << " at "
          << Hex{observation.fault_address.value()};
      break;
    case Observation::End::kGeneralProtection:
      out << "general protection";
      break;
    case Observation::End::kOther:
      out << "exception " << observation.code;
      break;
  }
  return out.str();
}

}  // namespace pageward::testing_support
