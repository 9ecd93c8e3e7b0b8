// A report of two runs that is small enough to be written out in a test.
#pragma once

#include "tools/pageward/report/run.h"

namespace pageward::testing_support {

inline tool::Run SmallRun(const std::string& name, const std::string& conversion,
                          std::uint64_t flushes) {
  tool::Run run;
  run.name = name;
  run.settings = {{"conversion", conversion}, {"cpus", "2"}};
  run.counts = {{"page-flush", flushes, "pages flushed"}, {"walk", 0, "walks"}};
  run.quantities = {{"real-time", 0.25, "s"}, {"leaves-2m", 3, "leaves"}};
  run.cycles = {75.0 * static_cast<double>(flushes), 150.0 * static_cast<double>(flushes),
                225.0 * static_cast<double>(flushes)};
  run.shares = {{"page-flush", flushes, 150}};
  run.freetypes = {"movable", "unmapped"};
  run.blocks = {{0, {4, 0}}, {8, {3, 1}}};
  return run;
}

inline tool::Report SmallReport() {
  tool::Report report;
  report.title = "small";
  report.question = "What is this?";
  report.command = "pageward sim small";
  report.version = "1.2.3";
  report.runs = {SmallRun("adhoc", "adhoc", 1000), SmallRun("grouped", "grouped", 2)};
  report.comparisons = {{"grouped", "adhoc", {0.001, 0.002, 0.006}}};
  report.published = {{"it is less", "less", "0.002", true}};
  report.modelled = {"something"};
  report.not_modelled = {"much"};
  return report;
}

}  // namespace pageward::testing_support
