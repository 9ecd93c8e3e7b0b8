// Reports as runs of the simulated kernel would give them, and as they should not but may: for
// tests of what is drawn, and for looking at it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tools/pageward/report/run.h"

namespace pageward::testing_support {

/// Numbers that are the same in every run of a test.
class SampleNumbers {
 public:
  std::uint64_t Below(std::uint64_t bound) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % bound;
  }

 private:
  std::uint64_t state_ = 20261127;
};

inline tool::Band SampleBand(double nominal) {
  return {nominal * 0.5, nominal, nominal * 1.5};
}

inline std::vector<std::pair<std::string, std::uint64_t>> SamplePrimitives() {
  return {{"table-write", 10},      {"key-register-write", 120}, {"page-flush", 150},
          {"full-flush", 500},      {"table-switch", 200},       {"walk", 60},
          {"fault", 1000},          {"system-call", 400},        {"shootdown", 2500},
          {"interrupt", 300},       {"frame-cleared", 500},      {"frame-copied", 1200},
          {"frame-allocated", 150}, {"frame-freed", 120},        {"entry-prepared", 90},
          {"cache-update", 500},    {"block-moved", 300}};
}

inline void AddSampleCounts(tool::Run* run, std::uint64_t factor) {
  SampleNumbers numbers;
  double cycles = 0;
  for (const auto& [name, each] : SamplePrimitives()) {
    const bool is_zero = name == "table-switch" || (name == "frame-copied" && factor < 3);
    const std::uint64_t times = is_zero ? 0 : factor * (numbers.Below(9000) + 40);
    run->counts.push_back({name, times, "How often a " + name + " was needed."});
    run->shares.push_back({name, times, each});
    cycles += static_cast<double>(times * each);
  }
  run->cycles = SampleBand(cycles);
  run->quantities = {{"simulated-ram", 1048576, "MiB"},
                     {"real-memory", 81.4375, "MiB"},
                     {"bytes-for-one-frame", 0.0312, "B"}};
}

/// Samples as of memory that is taken out of the direct map, block by block.
inline void AddSampleBlocks(tool::Run* run, std::uint64_t speed) {
  run->freetypes = {"unmovable", "movable", "reclaimable", "unmapped", "keyed", "early"};
  for (std::uint64_t i = 0; i <= 80; ++i) {
    const std::uint64_t unmapped = i * speed / 10;
    const std::uint64_t keyed = 2 + i / 16;
    const std::uint64_t unmovable = 6 + i % 3;
    run->blocks.push_back(
        {i * 512, {unmovable, 500 - unmapped - keyed - unmovable, 4, unmapped, keyed, 1}});
  }
}

/// Windows of some processors: opened, closed soon, flushed all together much later.
inline void AddSampleViews(tool::Run* run, unsigned cpus, unsigned pages) {
  std::uint64_t now = 100;
  for (unsigned cpu = 0; cpu < cpus; ++cpu) {
    for (unsigned round = 0; round < 2; ++round) {
      const std::size_t first = run->views.size();
      for (unsigned page = 0; page < pages; ++page) {
        const std::uint64_t at = 0xffffc90000000u + cpu * 64 + page;
        run->views.push_back({at, 0x2a0000 + page, cpu, now, now + 2, {}});
        now += 3;
      }
      now += 1200;
      for (std::size_t i = first; i < run->views.size(); ++i) {
        run->views[i].flushed = now;
      }
    }
  }
  run->views.back().closed.reset();
  run->views.back().flushed.reset();
  const tool::ViewLife& view = run->views.front();
  run->probes = {{view.opened, view.page, 0, true, "same thread, while it is open"},
                 {*view.closed, view.page, 0, true, "same thread, after closing"},
                 {*view.closed + 1, view.page, 0, true, "same thread, a little later"},
                 {*view.flushed, view.page, 0, false, "same thread, after the flush"},
                 {*view.closed, view.page, cpus - 1, false, "another processor, no view open"}};
}

/// A refill that needs a split that needs a refill, `depth` deep, until `messages` are told.
inline void AddSampleMessages(tool::Run* run, unsigned depth, std::size_t messages) {
  run->participants = {"page allocator", "converter",  "direct map",
                       "table pool",     "processors", "windows"};
  unsigned now = 0;
  while (run->messages.size() < messages) {
    for (unsigned level = 0; level < depth; ++level) {
      run->messages.push_back({now++, 3, 0, level, "refill: 0 pages are left"});
      run->messages.push_back({now++, 0, 1, level, "convert pageblocks 117 to 118"});
      run->messages.push_back({now++, 2, 2, level + 1, "split a leaf of 1 GiB"});
    }
    for (unsigned level = depth; level > 0; --level) {
      run->messages.push_back(
          {now++, 2, 4, level, "forget 512 pages on 255 processors, the one that asks included"});
      run->messages.push_back({now++, 1, 0, level - 1, "converted"});
    }
  }
  run->messages.resize(messages);
}

/// One question over three policies: what `pageward sim` usually gives.
inline tool::Report UsualReport() {
  tool::Report report;
  report.title = "populate";
  report.question = "What does it take to fill guest memory that is not in the direct map?";
  report.command =
      "pageward sim populate --conversion all --ram 1G --cpus 8 --size 32M --seed 7 -o report";
  report.version = "0.1.0";
  const char* const names[] = {"adhoc", "grouped", "skip-flush"};
  for (std::uint64_t i = 0; i < 3; ++i) {
    tool::Run run;
    run.name = names[i];
    run.settings = {{"conversion", names[i]},
                    {"ptp", i == 0 ? "per-page" : "reserve"},
                    {"window", "mermap"},
                    {"ram", "1G"},
                    {"cpus", "8"},
                    {"size", "32M"},
                    {"seed", "7"}};
    AddSampleCounts(&run, i == 0 ? 17 : 4);
    AddSampleBlocks(&run, 12 + 10 * i);
    AddSampleViews(&run, 2, 6);
    AddSampleMessages(&run, i == 0 ? 4 : 1, i == 0 ? 40 : 10);
    run.remarks = {"The first 64 events are drawn of " + std::to_string(9000 * (i + 1)) + "."};
    report.runs.push_back(std::move(run));
  }
  report.comparisons = {{"grouped", "adhoc", {0.208, 0.2353, 0.271}},
                        {"skip-flush", "adhoc", {0.2, 0.2291, 0.264}}};
  report.published = {{"grouped takes off ad-hoc's cycles", "60 to 80 %", "76.5 %", true},
                      {"grouped beside skip-flush", "within 5 %", "5.9 % more", false}};
  report.modelled = {"Page tables of x86-64, entry by entry", "TLBs of each processor"};
  report.not_modelled = {"Caches of data", "Other tenants of the machine"};
  return report;
}

/// Many runs with long names, huge numbers, one without any picture, and 3000 messages.
inline tool::Report CrowdedReport() {
  tool::Report report = UsualReport();
  report.title =
      "Everything at once <&> \"quoted\" with-a-word-that-does-not-end-for-a-very-long-time";
  report.question = "Does a report still read well?";
  report.command += " --note '<script>alert(\"x\")</script>' --path /" + std::string(180, 'd');
  const std::vector<tool::Run> usual = report.runs;
  report.runs.clear();
  for (std::size_t i = 0; i < 9; ++i) {
    tool::Run run = usual[i % 3];
    run.name += ", ptp per-page, window kmap-local, " + std::to_string(1u << i) + " cpus";
    run.settings[4].value = std::to_string(1u << i);
    if (i == 2) {
      run.blocks.clear();
      run.views.clear();
      run.probes.clear();
      run.messages.clear();
      run.participants.clear();
      run.counts.resize(5);
      run.shares.clear();
      run.cycles = {};
    }
    if (i == 3) {
      run.counts[0].times = UINT64_MAX;
      run.counts[1].times = 0;
      run.cycles = SampleBand(1.25e19);
      run.views.clear();
      run.probes.clear();
      AddSampleViews(&run, 16, 40);
      for (std::size_t more = 0; more < 70; ++more) {
        run.probes.push_back({130 + more, run.views[more].page, 0, more % 3 == 0,
                              "probe of a thread that has nothing to look for there"});
      }
    }
    if (i == 4) {
      run.messages.clear();
      AddSampleMessages(&run, 9, 3000);
      run.freetypes = {"one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};
      run.blocks = {{4000, {9, 8, 7, 6, 5, 4, 3, 2, 100}}};
    }
    run.remarks.push_back(
        "A remark that is rather long, since what a reader has to know about a "
        "run does not always fit one line, on a telephone least of all.");
    report.runs.push_back(std::move(run));
  }
  for (const tool::Run& run : report.runs) {
    report.comparisons.push_back({run.name, report.runs[0].name, {0.004, 0.0125, 0.02}});
  }
  return report;
}

/// One run of numbers only.
inline tool::Report PlainReport() {
  tool::Report report;
  report.title = "fork";
  report.command = "pageward sim fork";
  report.runs.emplace_back();
  AddSampleCounts(&report.runs[0], 1);
  report.runs[0].settings = {{"seed", "1"}};
  return report;
}

/// A sweep over the number of processors, by two policies.
inline tool::Report SweepReport() {
  tool::Report report;
  report.title = "populate";
  report.command = "pageward sim populate --conversion adhoc,grouped --sweep cpus=1,2,4,8,16,256";
  report.version = "0.1.0";
  for (const char* conversion : {"adhoc", "grouped", "skip-flush"}) {
    for (const std::uint64_t cpus : {1u, 2u, 4u, 8u, 16u, 256u}) {
      tool::Run run;
      run.name = std::string(conversion) + ", " + std::to_string(cpus);
      run.settings = {{"conversion", conversion}, {"cpus", std::to_string(cpus)}, {"seed", "1"}};
      AddSampleCounts(&run, std::string(conversion) == "adhoc" ? 3 * cpus + 8 : 3);
      report.runs.push_back(std::move(run));
    }
  }
  return report;
}

}  // namespace pageward::testing_support
