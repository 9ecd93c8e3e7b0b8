#include "tools/pageward/report/html.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "tools/pageward/report/chart_bands.h"
#include "tools/pageward/report/chart_blocks.h"
#include "tools/pageward/report/chart_sequence.h"
#include "tools/pageward/report/chart_shares.h"
#include "tools/pageward/report/chart_views.h"
#include "tools/pageward/report/legend.h"
#include "tools/pageward/report/markup_writer.h"
#include "tools/pageward/report/number_format.h"
#include "tools/pageward/report/style.h"
#include "tools/pageward/report/summary.h"
#include "tools/pageward/report/sweep_lines.h"

namespace pageward::tool {
namespace {

struct Section {
  const char* id;
  const char* heading;
  bool is_there;
  void (*write)(MarkupWriter& out, const Report& report);
};

bool AnyRun(const Report& report, const std::function<bool(const Run&)>& has) {
  return std::any_of(report.runs.begin(), report.runs.end(), has);
}

// Says how many of the runs that could be drawn are not.
void WriteRunsLeftOut(MarkupWriter& out, std::size_t all) {
  if (all > kDrawnRuns) {
    out.Element("p", {{"class", "left-out"}},
                "Drawn for the first " + GroupThousands(kDrawnRuns) + " of " + GroupThousands(all) +
                    " runs.");
  }
}

void WriteModelled(MarkupWriter& out, const Report& report) {
  WriteCycles(out, report);
  if (!report.comparisons.empty()) {
    WriteComparisons(out, report);
  }
  if (AnyRun(report, [](const Run& run) { return !run.shares.empty(); })) {
    WriteShares(out, report);
  }
}

void WriteTimelines(MarkupWriter& out, const Report& report) {
  const std::vector<std::string> names = NamesOfRuns(report);
  out.Element(
      "p", {{"class", "lead"}},
      "A view is a page through which a frame can be reached for a while. After it has been "
      "closed, a processor may still use the translation that it remembers, until that is "
      "flushed: the stale window.");
  WriteViewsKey(out);
  std::size_t drawn = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (HasViews(report.runs[i]) && ++drawn <= kDrawnRuns) {
      WriteViews(out, names[i], report.runs[i]);
    }
  }
  WriteRunsLeftOut(out, drawn);
}

void WriteSequences(MarkupWriter& out, const Report& report) {
  const std::vector<std::string> names = NamesOfRuns(report);
  out.Element("p", {{"class", "lead"}},
              "The run's own events as messages between the parts of the kernel, from top to "
              "bottom. Each shaded box is one conversion, refill or split inside of another; the "
              "numbers at the left say how deep it is.");
  out.Open("div", {{"class", "panels sequences"}});
  std::size_t drawn = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!report.runs[i].messages.empty() && ++drawn <= kDrawnRuns) {
      WriteSequence(out, names[i], report.runs[i]);
    }
  }
  out.Close();
  WriteRunsLeftOut(out, drawn);
}

std::vector<Section> SectionsOf(const Report& report) {
  const bool has_runs = !report.runs.empty();
  std::vector<Section> sections = {
      // Before the columns of all runs, of which a sweep has many; it has counts first as well.
      {"sweep", "What changes along the way", !SweptAxis(report).empty(), WriteSweep},
      {"counts", "What happened", has_runs, WriteCounts},
      {"cycles", "What it would cost", has_runs, WriteModelled},
      {"published", "What others have measured", !report.published.empty(), WritePublished},
      {"blocks", "Pageblocks over time", HasBlocks(report), WriteBlocks},
      {"windows", "Windows and stale translations", AnyRun(report, HasViews), WriteTimelines},
      {"messages", "Who called whom",
       AnyRun(report, [](const Run& run) { return !run.messages.empty(); }), WriteSequences},
      {"remarks", "About single runs",
       AnyRun(report, [](const Run& run) { return !run.remarks.empty(); }), WriteRemarks},
      {"limits", "What this says, and what not",
       !report.modelled.empty() || !report.not_modelled.empty(), WriteLimits},
  };
  sections.erase(std::remove_if(sections.begin(), sections.end(),
                                [](const Section& section) { return !section.is_there; }),
                 sections.end());
  return sections;
}

void WriteHead(MarkupWriter& out, const Report& report) {
  out.Open("head");
  out.Open("meta", {{"charset", "utf-8"}});
  out.Open("meta", {{"name", "viewport"}, {"content", "width=device-width, initial-scale=1"}});
  out.Open("meta", {{"name", "generator"}, {"content", "pageward " + report.version}});
  out.Element("title", (report.title.empty() ? "Simulated kernel" : report.title) + " – Pageward");
  out.Open("style");
  out.Raw(PageStyle());
  out.Close();
  out.Close();
}

void WriteNavigation(MarkupWriter& out, const std::vector<Section>& sections) {
  if (sections.size() < 3) {
    return;
  }
  out.Open("nav", {{"aria-label", "Sections"}});
  out.Open("ul");
  for (const Section& section : sections) {
    out.Open("li");
    out.Element("a", {{"href", std::string("#") + section.id}}, section.heading);
    out.Close();
  }
  out.Close();
  out.Close();
}

}  // namespace

std::string RenderHtml(const Report& report) {
  MarkupWriter out;
  out.Raw("<!DOCTYPE html>\n");
  out.Open("html", {{"lang", "en"}, {"xmlns", "http://www.w3.org/1999/xhtml"}});
  WriteHead(out, report);
  out.Open("body");
  WritePatterns(out);
  out.Open("main");
  WriteWhatWasRun(out, report);
  const std::vector<Section> sections = SectionsOf(report);
  WriteNavigation(out, sections);
  if (report.runs.empty()) {
    out.Element("p", {{"class", "lead"}}, "This report has no runs.");
  }
  for (const Section& section : sections) {
    out.Open("section", {{"id", section.id}});
    out.Element("h2", section.heading);
    section.write(out, report);
    out.Close();
  }
  out.Close();
  out.Close();
  out.Close();
  return out.Take();
}

}  // namespace pageward::tool
