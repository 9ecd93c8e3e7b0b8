// The oracle as a command: as many accesses as wanted, or those to somebody's RAM.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tests/oracle/campaign.h"
#include "tests/oracle/guest_ram.h"
#include "tests/oracle/qemu_machine.h"
#include "tests/oracle/qemu_process.h"
#include "tests/oracle/ram_program.h"
#include "tests/support/ptable/software_machine.h"

namespace {

namespace arch = pageward::arch;
namespace oracle = pageward::oracle;
namespace testing_support = pageward::testing_support;
using oracle::Campaign;
using oracle::CampaignMode;
using pageward::PhysAddr;
using testing_support::ComparisonReport;
using testing_support::Summarize;

constexpr int kEqual = 0;
constexpr int kMismatch = 1;
constexpr int kUnusable = 2;
constexpr int kNoOracle = 77;

constexpr const char* kUsage =
    "usage: pageward_oracle [--accesses N] [--seed N] [--mode coherent|replay|both]\n"
    "       pageward_oracle --ram FILE --root ADDRESS [--levels 4|5] [--phys-bits N]\n"
    "                       [--accesses N] [--seed N]\n"
    "Performs random programs on the software MMU and on QEMU's, and compares every access.\n"
    "With --ram, the accesses are to what the page tables in FILE map; FILE is not changed.\n"
    "Exit status: 0 all equal, 1 mismatches, 2 nothing could be compared, 77 no QEMU.\n";

int Refuse(const std::string& why) {
  std::cerr << "pageward_oracle: " << why << '\n';
  return kUnusable;
}

/// The options, by name.
class Options {
 public:
  /// Returns what is wrong with them, or nothing.
  std::optional<std::string> Read(int count, char** arguments) {
    for (int i = 1; i < count; ++i) {
      const std::string name = arguments[i];
      if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames)) {
        return "unknown option '" + name + "'; see --help";
      }
      if (++i == count) {
        return name + " wants a value";
      }
      values_[name] = arguments[i];
    }
    return std::nullopt;
  }

  bool Has(const std::string& name) const { return values_.contains(name); }
  std::string Text(const std::string& name, const std::string& otherwise) const {
    return Has(name) ? values_.at(name) : otherwise;
  }

  /// Reads a number, decimal or with 0x, from `least` to `most`. Returns what is wrong, or nothing.
  std::optional<std::string> Number(const std::string& name, std::uint64_t least,
                                    std::uint64_t most, std::uint64_t& number) const {
    if (!Has(name)) {
      return std::nullopt;
    }
    std::string_view text = values_.at(name);
    const bool is_hex = text.substr(0, 2) == "0x";
    text.remove_prefix(is_hex ? 2 : 0);
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, is_hex ? 16 : 10);
    if (error != std::errc() || end != text.data() + text.size() || number < least ||
        number > most) {
      return name + " wants a number from " + std::to_string(least) + " to " +
             std::to_string(most) + ", not '" + values_.at(name) + "'";
    }
    return std::nullopt;
  }

 private:
  static constexpr const char* kNames[] = {"--accesses", "--seed",   "--mode",     "--ram",
                                           "--root",     "--levels", "--phys-bits"};

  std::map<std::string, std::string> values_;
};

int Report(const ComparisonReport& report) {
  for (const std::string& example : report.examples) {
    std::cout << example << '\n';
  }
  std::cout << "oracle: " << Summarize(report) << '\n';
  return report.mismatches() == 0 ? kEqual : kMismatch;
}

// What all of the options say together.
struct Settings {
  Campaign campaign;
  std::uint64_t root = 0;
  std::uint64_t levels = 4;
  std::uint64_t phys_bits = 40;

  /// Returns what is wrong, or nothing.
  std::optional<std::string> Take(const Options& options) {
    const std::string mode = options.Text("--mode", "both");
    const std::map<std::string, CampaignMode> modes{{"coherent", CampaignMode::kCoherent},
                                                    {"replay", CampaignMode::kReplay},
                                                    {"both", CampaignMode::kBoth}};
    if (!modes.contains(mode)) {
      return "--mode is coherent, replay or both, not '" + mode + "'";
    }
    campaign.mode = modes.at(mode);
    if (options.Has("--ram") != options.Has("--root")) {
      return std::string("--ram and --root go together");
    }
    constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
    for (const auto& wrong : {options.Number("--accesses", 1, kMost, campaign.accesses),
                              options.Number("--seed", 0, kMost, campaign.seed),
                              options.Number("--root", 0, (std::uint64_t{1} << 52) - 1, root),
                              options.Number("--levels", 4, 5, levels),
                              options.Number("--phys-bits", arch::PhysBits::kLeast,
                                             arch::PhysBits::kMost, phys_bits)}) {
      if (wrong) {
        return wrong;
      }
    }
    return std::nullopt;
  }
};

int RunPrograms(const Campaign& campaign) {
  const bool is_watched = isatty(STDERR_FILENO) != 0;
  const auto result = oracle::RunCampaign(campaign, [&](const ComparisonReport& report) {
    if (is_watched) {
      std::cerr << '\r' << report.accesses << " of " << campaign.accesses << std::flush;
    }
  });
  if (is_watched) {
    std::cerr << '\r';
  }
  return result.error.empty() ? Report(result.report) : Refuse(result.error);
}

int RunRam(const std::string& path, const Settings& settings) {
  oracle::RamImage image;
  if (const auto why = oracle::LoadRam(path, image.ram, image.bytes)) {
    return Refuse(*why);
  }
  image.root = PhysAddr(settings.root);
  image.levels = static_cast<unsigned>(settings.levels);
  image.phys_bits = static_cast<unsigned>(settings.phys_bits);
  testing_support::SeededNumbers numbers(settings.campaign.seed);
  testing_support::MmuProgram program;
  if (const auto why =
          oracle::WriteRamProgram(image, settings.campaign.accesses, numbers, program)) {
    return Refuse(path + ": " + *why);
  }
  if (const auto why = oracle::WhyNotOnQemu(program)) {
    return Refuse(path + ": " + *why);
  }
  if (const auto why = oracle::WhyNoQemu()) {
    std::cerr << "pageward_oracle: " << *why << '\n';
    return kNoOracle;
  }
  const oracle::QemuRun qemu = oracle::RunOnQemu(program);
  if (!qemu.ok()) {
    return Refuse(qemu.error);
  }
  return Report(Compare(program, testing_support::RunInSoftware(program), qemu.run));
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 2 && std::string_view(arguments[1]) == "--help") {
    std::cout << kUsage;
    return kEqual;
  }
  Options options;
  Settings settings;
  if (const auto wrong = options.Read(count, arguments)) {
    return Refuse(*wrong);
  }
  if (const auto wrong = settings.Take(options)) {
    return Refuse(*wrong);
  }
  if (options.Has("--ram")) {
    return RunRam(options.Text("--ram", ""), settings);
  }
  if (const auto why = oracle::WhyNoQemu()) {
    std::cerr << "pageward_oracle: " << *why << '\n';
    return kNoOracle;
  }
  return RunPrograms(settings.campaign);
}
