// The subcommand `record`: a program under the preload library, with its page traffic in a file.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "tools/pageward/command/failure.h"
#include "tools/pageward/command/subcommands.h"
#include "tools/pageward/record/child_program.h"
#include "tools/pageward/record/recording.h"

namespace pageward::tool {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLibrary = "libpageward-preload.so";

struct RecordOptions {
  std::string path;
  std::string library;
  std::vector<std::string> command;
};

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// Beside this program, as it is built, or where it is installed.
std::string FindLibrary() {
  const fs::path folder = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& place : {folder, folder / "../lib/x86_64-linux-gnu", folder / "../lib"}) {
    if (fs::exists(place / kLibrary)) {
      return fs::canonical(place / kLibrary).string();
    }
  }
  throw Failure(fmt::format("record: {} is not beside this program; say where it is with --library",
                            kLibrary));
}

// The loader takes a list with colons or spaces between.
std::string Preload(const RecordOptions& options) {
  const std::string library =
      options.library.empty() ? FindLibrary() : fs::absolute(options.library).string();
  if (access(library.c_str(), R_OK) != 0 || library.find_first_of(": ") != std::string::npos) {
    throw Failure(fmt::format("record: '{}' can't be preloaded", library));
  }
  const std::string others = Variable("LD_PRELOAD");
  return others.empty() ? library : library + ":" + others;
}

std::string Configuration(const Recording& recording) {
  const std::string others = Variable("PAGEWARD_CONF");
  return fmt::format("{}{}record:{}", others, others.empty() ? "" : ",", recording.written_path());
}

int RunRecord(const RecordOptions& options) {
  try {
    Recording recording(options.path);
    const ChildEnd end = RunProgram(options.command, {{"LD_PRELOAD", Preload(options)},
                                                      {"PAGEWARD_CONF", Configuration(recording)}});
    if (end.has_run) {
      recording.Finish();
    }
    return end.exit_code;
  } catch (const std::exception& failure) {
    fmt::print(stderr, "pageward: {}\n", InOneLine(failure.what()));
    return kExitOwnFailure;
  }
}

}  // namespace

void AddRecord(CLI::App& app, const std::string&, Action* chosen) {
  CLI::App* const record = app.add_subcommand(
      "record", "Run a program on Pageward's heap and record its page traffic, for sim");
  const auto options = std::make_shared<RecordOptions>();
  record->add_option("-o,--output", options->path, "The trace; %p in it is the process")
      ->required();
  record->add_option("--library", options->library, "The preload library, if it is elsewhere");
  record->add_option("PROGRAM", options->command, "The program and its arguments, behind --")
      ->required();
  record->footer(
      "Ends as the program does: with its status, or 128 and the number of the signal that killed\n"
      "it; 127 if it is not found, 126 if it can't be run, 125 if recording failed, 2 if this\n"
      "command line makes no sense.\n"
      "\nExamples:\n"
      "  pageward record -o redis.trace -- redis-server --port 7777\n"
      "  pageward sim redis.trace --conversion all\n"
      "  pageward record -o 'g++-%p.trace' -- g++ -O2 -c file.cc\n");
  record->callback([options, chosen] { *chosen = [options] { return RunRecord(*options); }; });
}

}  // namespace pageward::tool
