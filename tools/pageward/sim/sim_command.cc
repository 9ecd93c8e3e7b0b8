// The subcommand `sim`: what is typed, and where what comes out goes.
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "runtime/trace/run_mirror.h"
#include "tools/pageward/command/failure.h"
#include "tools/pageward/command/files.h"
#include "tools/pageward/command/names.h"
#include "tools/pageward/command/sizes.h"
#include "tools/pageward/command/subcommands.h"
#include "tools/pageward/report/csv.h"
#include "tools/pageward/report/html.h"
#include "tools/pageward/report/json.h"
#include "tools/pageward/report/text.h"
#include "tools/pageward/sim/axes.h"
#include "tools/pageward/sim/costs.h"
#include "tools/pageward/sim/inputs.h"
#include "tools/pageward/sim/scenario.h"

namespace pageward::tool {
namespace {

// What was typed.
struct SimOptions {
  std::string input;
  std::string import_path;
  std::string hide;
  AxisTexts axes;  // Of options that were given.
  std::string sweep;
  std::string costs_path;
  std::string folder;
  bool wants_json = false;
  bool wants_progress = false;
};

enum class InputKind { kScenario, kTrace, kImport };

struct Input {
  InputKind kind = InputKind::kScenario;
  const Scenario* scenario = nullptr;
};

Input InputOf(const SimOptions& options) {
  if (!options.import_path.empty()) {
    if (!options.input.empty()) {
      throw Failure(fmt::format("sim: '{}' and --import are two inputs; give one", options.input));
    }
    return Input{InputKind::kImport, nullptr};
  }
  if (!options.hide.empty()) {
    throw Failure("sim: --hide is about --import FILE; there is none");
  }
  if (options.input.empty()) {
    throw Failure("sim: give a scenario, a trace or --import FILE; see pageward sim --help");
  }
  if (const Scenario* const scenario = FindScenario(options.input); scenario != nullptr) {
    return Input{InputKind::kScenario, scenario};
  }
  if (std::filesystem::exists(options.input)) {
    return Input{InputKind::kTrace, nullptr};
  }
  std::vector<std::string_view> names;
  for (const Scenario* const scenario : Scenarios()) {
    names.push_back(scenario->name);
  }
  throw Failure("sim: " + NoSuchName("a scenario or a file", options.input, names));
}

Report Run(const SimOptions& options, const Input& input, SimRequest request,
           const std::string& sweep_axis) {
  switch (input.kind) {
    case InputKind::kScenario:
      return RunScenario(*input.scenario, std::move(request.points), request.costs,
                         request.progress);
    case InputKind::kTrace:
      return RunTraceFile(request);
    case InputKind::kImport:
      request.input = options.import_path;
      request.hide = options.hide;
      for (const auto& [axis, text] : options.axes) {
        request.given.insert(axis);
      }
      request.given.insert(sweep_axis);
      return RunImportFile(request);
  }
  throw Failure("sim: nothing to run");
}

Report RunInput(const SimOptions& options, const Input& input, Progress* progress,
                std::string* sweep_axis) {
  AxisTexts texts;
  if (input.scenario != nullptr) {
    for (const AxisDefault& value : input.scenario->defaults) {
      texts.emplace(value.first, value.second);
    }
  }
  if (input.kind == InputKind::kImport) {
    texts.emplace("conversion", "all");
  }
  if (input.kind == InputKind::kTrace) {
    // As much as a running program is mirrored into.
    const trace::MirrorConfig mirror = trace::MirrorConfig::OfProgram(0);
    texts.emplace("ram", TypedSize(mirror.simulation.kernel.ram_bytes));
  }
  for (const auto& [axis, text] : options.axes) {
    texts[axis] = text;
  }
  if (!options.sweep.empty()) {
    *sweep_axis = AddSweep(options.sweep, &texts);
    if (options.axes.contains(*sweep_axis)) {
      throw Failure(fmt::format("--sweep: --{} is given as well", *sweep_axis));
    }
  }
  SimRequest request{options.input, PointsOf(texts, options.input),
                     options.costs_path.empty() ? sim::CostModel() : CostsFrom(options.costs_path),
                     progress};
  // Rather than finding out after a long run.
  const bool is_new = !options.folder.empty() && MakeFolder(options.folder);
  try {
    return Run(options, input, std::move(request), *sweep_axis);
  } catch (...) {
    if (is_new) {
      RemoveEmptyFolder(options.folder);
    }
    throw;
  }
}

void WriteFolder(const SimOptions& options, const Report& report, const std::string& sweep_axis) {
  std::vector<std::pair<std::string, std::string>> files;
  files.emplace_back("report.json", RenderJson(report));
  files.emplace_back("report.html", RenderHtml(report));
  if (!sweep_axis.empty()) {
    files.emplace_back("sweep.csv", RenderCsv(report));
    files.emplace_back("sweep.svg", RenderSweepSvg(report, sweep_axis));
  }
  WriteFiles(options.folder, files);
  if (options.wants_json) {
    return;  // Standard output is for that.
  }
  for (const auto& [name, contents] : files) {
    fmt::print("{}\n", (std::filesystem::path(options.folder) / name).string());
  }
}

void Print(const SimOptions& options, const Report& report) {
  const bool wants_table = !options.sweep.empty() && !options.wants_json;
  const std::string text = options.wants_json ? RenderJson(report)
                           : wants_table      ? RenderCsv(report)
                                              : RenderText(report);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    throw Failure("cannot write to standard output");
  }
}

int RunSim(const SimOptions& options, const std::string& command) {
  const Input input = InputOf(options);
  std::string sweep_axis;
  std::optional<ProgressLine> line;
  if (options.wants_progress || isatty(STDERR_FILENO) != 0) {
    line.emplace();
  }
  Report report = RunInput(options, input, line.has_value() ? &*line : nullptr, &sweep_axis);
  line.reset();
  report.command = command;
  report.version = PAGEWARD_VERSION;
  if (!options.folder.empty()) {
    WriteFolder(options, report, sweep_axis);
  }
  if (options.folder.empty() || options.wants_json) {
    Print(options, report);
  }
  return kExitDone;
}

std::string Footer() {
  std::string text = "Scenarios:\n";
  for (const Scenario* const scenario : Scenarios()) {
    text += fmt::format("  {:14}  {}\n", scenario->name, scenario->question);
    std::string defaults;
    for (const AxisDefault& value : scenario->defaults) {
      defaults += fmt::format(" --{} {}", value.first, value.second);
    }
    text += defaults.empty() ? "" : fmt::format("  {:14}  standard:{}\n", "", defaults);
  }
  return text +
         "\nEvery axis takes several values, which are compared: a,b,c or all.\n"
         "\nExamples:\n"
         "  pageward sim populate --conversion all\n"
         "  pageward sim fork --size 256M -o fork-report\n"
         "  pageward sim populate --conversion adhoc,grouped --sweep cpus=1,2,4,8,16 -o sweep\n"
         "  pageward sim populate --ram 1T --cpus 256 --size 64G\n"
         "  pageward sim guest-memfd --window all --json\n";
}

std::string HelpOf(const Axis& axis) {
  std::string text(axis.what);
  if (!axis.names.empty()) {
    text += fmt::format(": {}", Joined(axis.names));
  }
  return text + fmt::format(" [{}]", axis.standard);
}

}  // namespace

void AddSim(CLI::App& app, const std::string& typed, Action* chosen) {
  CLI::App* const sim = app.add_subcommand(
      "sim", "Ask the simulated kernel: scenarios, recorded traces, events of a kernel");
  const auto options = std::make_shared<SimOptions>();
  sim->add_option("INPUT", options->input, "A scenario's name, or a trace that was recorded");
  sim->add_option("--import", options->import_path,
                  "Replay what perf script or trace-cmd report told of a kernel's page allocator");
  sim->add_option("--hide", options->hide,
                  "With --import: which allocations are hidden: user, all, none, gfp:FLAG+FLAG or "
                  "migratetype:TYPE, several between commas [user]");
  for (const Axis& axis : Axes()) {
    const std::string name(axis.name);
    sim->add_option_function<std::string>(
           "--" + name, [options, name](const std::string& text) { options->axes[name] = text; },
           HelpOf(axis))
        ->take_last()
        ->group("Axes");
  }
  sim->add_option("--sweep", options->sweep,
                  "AXIS=a,b,c: one line for each value, as CSV (with -o, also a chart)");
  sim->add_option("--costs", options->costs_path,
                  "Constants of the cost model from a file with lines NAME = CYCLES");
  sim->add_flag("--json", options->wants_json, "The same as JSON, on standard output");
  sim->add_option("-o,--output", options->folder, "Write report.json, report.html and more there");
  sim->add_flag("--progress", options->wants_progress,
                "Say how far it is, also if standard error is no terminal");
  sim->footer(Footer());
  sim->callback(
      [options, typed, chosen] { *chosen = [options, typed] { return RunSim(*options, typed); }; });
}

}  // namespace pageward::tool
