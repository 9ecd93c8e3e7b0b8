#include "tools/pageward/report/chart_blocks.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "tools/pageward/report/colours.h"
#include "tools/pageward/report/compared_table.h"
#include "tools/pageward/report/legend.h"
#include "tools/pageward/report/number_format.h"
#include "tools/pageward/report/summary.h"

namespace pageward::tool {
namespace {

constexpr double kWidth = 344;
constexpr double kHeight = 210;
constexpr Box kPlot = {52, 22, 280, 144};
constexpr unsigned kTicks = 5;

std::uint64_t TotalOf(const BlockSample& sample) {
  std::uint64_t total = 0;
  for (const std::uint64_t blocks : sample.blocks) {
    total += blocks;
  }
  return total;
}

std::uint64_t BlocksAt(const BlockSample& sample, std::size_t freetype) {
  return freetype < sample.blocks.size() ? sample.blocks[freetype] : 0;
}

std::string TitleOf(const Run& run, const BlockSample& sample) {
  std::string title = "operation " + GroupThousands(sample.step);
  for (std::size_t i = 0; i < run.freetypes.size(); ++i) {
    title += "\n" + run.freetypes[i] + ": " + GroupThousands(BlocksAt(sample, i));
  }
  return title;
}

// There are no halves of pageblocks or operations.
std::vector<double> WholeTicks(const Scale& scale) {
  std::vector<double> ticks = scale.Ticks(kTicks);
  ticks.erase(std::remove_if(ticks.begin(), ticks.end(),
                             [](double tick) { return tick != std::floor(tick); }),
              ticks.end());
  return ticks;
}

void WriteAxes(SvgWriter& svg, const BlockScales& scales) {
  for (const double tick : WholeTicks(scales.blocks)) {
    const double y = scales.blocks.At(tick);
    svg.Line({kPlot.x, y}, {kPlot.right(), y}, "grid");
    svg.Text({kPlot.x - 5, y + 4}, FormatTick(tick), "end", "tick");
  }
  for (const double tick : WholeTicks(scales.steps)) {
    const double x = scales.steps.At(tick);
    const bool is_last = x > kPlot.right() - 14;
    svg.Line({x, kPlot.bottom()}, {x, kPlot.bottom() + 4}, "axis");
    svg.Text({is_last ? kWidth - 2 : x, kPlot.bottom() + 17}, FormatTick(tick),
             is_last ? "end" : "middle", "tick");
  }
  svg.Text({2, 12}, "pageblocks", "start", "unit");
  svg.Text({kPlot.x + kPlot.width / 2, kHeight - 6}, "operations", "middle", "unit");
}

// Upright bands without a colour, in which a pointer finds the numbers of one moment.
void WriteNumbers(SvgWriter& svg, const Run& run, const BlockScales& scales) {
  const std::vector<BlockSample> told = ChooseSamples(run.blocks, kToldSamples);
  for (std::size_t i = 0; i < told.size(); ++i) {
    const auto at = [&](std::size_t index) {
      return scales.steps.At(static_cast<double>(told[index].step));
    };
    const double begin = i == 0 ? kPlot.x : (at(i - 1) + at(i)) / 2;
    const double end = i + 1 == told.size() ? kPlot.right() : (at(i) + at(i + 1)) / 2;
    svg.Rect({begin, kPlot.y, end - begin, kPlot.height}, "sensor", TitleOf(run, told[i]));
  }
}

void WritePanel(MarkupWriter& out, const std::string& name, const Run& run,
                const BlockScales& scales, const Palette& palette) {
  out.Open("div", {{"class", "panel"}});
  out.Element("h3", name);
  {
    SvgWriter svg(out, kWidth, kHeight, "Pageblocks by freetype over time: " + name, "small");
    WriteAxes(svg, scales);
    for (const BlockArea& area : LayoutBlocks(run, scales)) {
      const std::size_t colour = palette.ColourOf(area.freetype);
      svg.Polygon(area.outline, FillClass(colour) + " area");
      if (IsStriped(colour)) {
        svg.Polygon(area.outline, "stripes");
      }
    }
    svg.Line({kPlot.x, kPlot.bottom()}, {kPlot.right(), kPlot.bottom()}, "axis");
    WriteNumbers(svg, run, scales);
  }
  out.Close();
}

void WritePanels(MarkupWriter& out, const Report& report, const Palette& palette) {
  const BlockScales scales = ScalesOf(report);
  const std::vector<std::string> names = NamesOfRuns(report);
  std::string without;
  out.Open("div", {{"class", "panels"}});
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (LayoutBlocks(report.runs[i], scales).empty()) {
      without += (without.empty() ? "" : ", ") + names[i];
    } else {
      WritePanel(out, names[i], report.runs[i], scales, palette);
    }
  }
  out.Close();
  if (!without.empty()) {
    out.Element("p", {{"class", "left-out"}}, "Nothing to draw of: " + without + ".");
  }
}

void WriteSummary(MarkupWriter& out, const Report& report,
                  const std::vector<std::string>& freetypes) {
  std::vector<ComparedRow> rows;
  for (const std::string& freetype : freetypes) {
    ComparedRow row{freetype, {}, {}};
    for (const Run& run : report.runs) {
      const auto found = std::find(run.freetypes.begin(), run.freetypes.end(), freetype);
      if (found == run.freetypes.end()) {
        row.cells.emplace_back(std::nullopt);
        continue;
      }
      const auto index = static_cast<std::size_t>(found - run.freetypes.begin());
      const std::vector<BlockSample> ends = ChooseSamples(run.blocks, 2);
      if (ends.empty()) {
        row.cells.emplace_back(std::nullopt);
        continue;
      }
      std::uint64_t most = 0;
      for (const BlockSample& sample : run.blocks) {
        most = std::max(most, BlocksAt(sample, index));
      }
      row.cells.push_back(ComparedCell{GroupThousands(BlocksAt(ends.front(), index)) + " → " +
                                           GroupThousands(BlocksAt(ends.back(), index)),
                                       "at most " + GroupThousands(most),
                                       {}});
    }
    rows.push_back(std::move(row));
  }
  WriteComparedTable(out, "Pageblocks at the beginning and at the end", "Freetype",
                     NamesOfRuns(report), rows);
}

}  // namespace

BlockScales ScalesOf(const Report& report) {
  double steps = 0;
  double blocks = 0;
  for (const Run& run : report.runs) {
    for (const BlockSample& sample : run.blocks) {
      steps = std::max(steps, static_cast<double>(sample.step));
      blocks = std::max(blocks, static_cast<double>(TotalOf(sample)));
    }
  }
  return {Scale::Linear(0, steps, kPlot.x, kPlot.right()),
          ScaleFromZero(blocks, kTicks, kPlot.bottom(), kPlot.y), kPlot};
}

std::vector<BlockSample> ChooseSamples(std::vector<BlockSample> samples, std::size_t most) {
  samples.erase(std::remove_if(samples.begin(), samples.end(),
                               [](const BlockSample& sample) { return sample.blocks.empty(); }),
                samples.end());
  std::stable_sort(samples.begin(), samples.end(),
                   [](const BlockSample& a, const BlockSample& b) { return a.step < b.step; });
  if (samples.size() <= most || most < 2) {
    return samples;
  }
  std::vector<BlockSample> chosen;
  for (std::size_t i = 0; i < most; ++i) {
    chosen.push_back(samples[i * (samples.size() - 1) / (most - 1)]);
  }
  return chosen;
}

std::vector<BlockArea> LayoutBlocks(const Run& run, const BlockScales& scales) {
  std::vector<BlockSample> samples = ChooseSamples(run.blocks, kDrawnSamples);
  if (samples.empty()) {
    return {};
  }
  if (samples.size() == 1) {
    // A moment is no area: it stands for the whole time.
    samples.push_back(samples.front());
    samples.front().step = 0;
    samples.back().step = static_cast<std::uint64_t>(scales.steps.high());
  }
  std::vector<BlockArea> areas;
  std::vector<std::uint64_t> below(samples.size());
  for (std::size_t freetype = 0; freetype < run.freetypes.size(); ++freetype) {
    BlockArea area{run.freetypes[freetype], {}};
    std::vector<Point> lower;
    bool is_empty = true;
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const double x = scales.steps.At(static_cast<double>(samples[i].step));
      const std::uint64_t blocks = BlocksAt(samples[i], freetype);
      lower.push_back({x, scales.blocks.At(static_cast<double>(below[i]))});
      below[i] += blocks;
      area.outline.push_back({x, scales.blocks.At(static_cast<double>(below[i]))});
      is_empty = is_empty && blocks == 0;
    }
    area.outline.insert(area.outline.end(), lower.rbegin(), lower.rend());
    if (!is_empty) {
      areas.push_back(std::move(area));
    }
  }
  return areas;
}

std::vector<std::string> FreetypesOf(const Report& report) {
  std::vector<std::string> names;
  std::set<std::string> used;
  for (const Run& run : report.runs) {
    for (std::size_t i = 0; i < run.freetypes.size(); ++i) {
      if (std::find(names.begin(), names.end(), run.freetypes[i]) == names.end()) {
        names.push_back(run.freetypes[i]);
      }
      if (std::any_of(run.blocks.begin(), run.blocks.end(),
                      [&](const BlockSample& sample) { return BlocksAt(sample, i) > 0; })) {
        used.insert(run.freetypes[i]);
      }
    }
  }
  names.erase(std::remove_if(names.begin(), names.end(),
                             [&](const std::string& name) { return !used.contains(name); }),
              names.end());
  return names;
}

std::string DominantFreetype(const Report& report) {
  const std::vector<std::string> names = FreetypesOf(report);
  for (const std::string& name : names) {
    bool dominates = names.size() > 1;
    for (const Run& run : report.runs) {
      const auto found = std::find(run.freetypes.begin(), run.freetypes.end(), name);
      const auto index = static_cast<std::size_t>(found - run.freetypes.begin());
      for (const BlockSample& sample : ChooseSamples(run.blocks, run.blocks.size())) {
        const std::uint64_t blocks = found == run.freetypes.end() ? 0 : BlocksAt(sample, index);
        dominates = dominates && blocks / 10 >= TotalOf(sample) - blocks;
      }
    }
    if (dominates) {
      return name;
    }
  }
  return {};
}

Report WithoutFreetype(Report report, const std::string& freetype) {
  for (Run& run : report.runs) {
    const auto found = std::find(run.freetypes.begin(), run.freetypes.end(), freetype);
    if (found == run.freetypes.end()) {
      continue;
    }
    const auto index = static_cast<std::size_t>(found - run.freetypes.begin());
    run.freetypes.erase(found);
    for (BlockSample& sample : run.blocks) {
      if (index < sample.blocks.size()) {
        sample.blocks.erase(sample.blocks.begin() + static_cast<std::ptrdiff_t>(index));
      }
    }
  }
  return report;
}

bool HasBlocks(const Report& report) {
  return !FreetypesOf(report).empty();
}

void WriteBlocks(MarkupWriter& out, const Report& report) {
  const Palette palette = FreetypePalette(report);
  const std::vector<std::string> freetypes = FreetypesOf(report);
  std::vector<LegendEntry> legend;
  for (const std::string& name : freetypes) {
    legend.push_back({name, palette.ColourOf(name)});
  }
  out.Open("figure");
  out.Element("figcaption",
              "Pageblocks (2 MiB each) by freetype, over the operations of the run. All pictures "
              "have the same scales; the key is in the order of the areas, from the bottom up.");
  WriteLegend(out, legend);
  WritePanels(out, report, palette);
  out.Close();
  if (const std::string dominant = DominantFreetype(report); !dominant.empty()) {
    out.Open("figure");
    out.Element("figcaption", "The same without " + dominant + ", beside which little is seen.");
    WritePanels(out, WithoutFreetype(report, dominant), palette);
    out.Close();
  }
  WriteSummary(out, report, freetypes);
}

}  // namespace pageward::tool
