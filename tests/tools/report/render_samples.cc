// Writes the sample reports as files, and beside each the numbers that must be in it: for the test
// of the markup, and for looking at them in a browser.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "tests/support/tools/sample_report.h"
#include "tools/pageward/report/html.h"

namespace pageward::tool {
namespace {

void Write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  if (!file.flush()) {
    throw std::runtime_error("cannot write " + path.string());
  }
}

// One a line: what kind of number it is, and the number without any layout.
std::string NumbersOf(const Report& report) {
  std::string numbers;
  const auto whole = [&](std::uint64_t number) {
    numbers += "whole " + std::to_string(number) + "\n";
  };
  const auto real = [&](const char* kind, double number) {
    numbers += kind + std::string(" ") + std::to_string(number) + "\n";
  };
  const auto band = [&](const char* kind, const Band& value) {
    real(kind, value.low);
    real(kind, value.nominal);
    real(kind, value.high);
  };
  for (const Run& run : report.runs) {
    for (const Setting& setting : run.settings) {
      numbers += "text " + setting.value + "\n";
    }
    for (const Count& count : run.counts) {
      whole(count.times);
    }
    for (const Quantity& quantity : run.quantities) {
      real("value", quantity.value);
    }
    for (const CostShare& share : run.shares) {
      whole(share.times);
      whole(share.cycles);
    }
    band("value", run.cycles);
    for (const BlockSample* sample : {run.blocks.empty() ? nullptr : &run.blocks.front(),
                                      run.blocks.empty() ? nullptr : &run.blocks.back()}) {
      for (std::size_t i = 0; sample != nullptr && i < sample->blocks.size(); ++i) {
        whole(sample->blocks[i]);
      }
    }
  }
  for (const Comparison& comparison : report.comparisons) {
    band("ratio", comparison.ratio);
  }
  for (const PublishedFigure& figure : report.published) {
    numbers += "text " + figure.expected + "\ntext " + figure.found + "\n";
  }
  return numbers;
}

void WriteSample(const std::filesystem::path& folder, const std::string& name,
                 const Report& report) {
  Write(folder / (name + ".html"), RenderHtml(report));
  Write(folder / (name + ".numbers"), NumbersOf(report));
}

int Main(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  WriteSample(folder, "usual", testing_support::UsualReport());
  WriteSample(folder, "crowded", testing_support::CrowdedReport());
  WriteSample(folder, "plain", testing_support::PlainReport());
  WriteSample(folder, "empty", Report());
  WriteSample(folder, "sweep", testing_support::SweepReport());
  Write(folder / "sweep.svg", RenderSweepSvg(testing_support::SweepReport(), "cpus"));
  Write(folder / "sweep-counts.svg",
        RenderSweepOf(testing_support::SweepReport(), "cpus", "shootdown"));
  Write(folder / "sweep-words.svg", RenderSweepSvg(testing_support::SweepReport(), "conversion"));
  Write(folder / "sweep-empty.svg", RenderSweepSvg(Report(), "cpus"));
  return 0;
}

}  // namespace
}  // namespace pageward::tool

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: render_samples FOLDER\n";
    return 2;
  }
  try {
    return pageward::tool::Main(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
