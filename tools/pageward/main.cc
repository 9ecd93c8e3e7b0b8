// pageward: the command. A list of subcommands, and one way to end.
#include <fmt/format.h>

#include <exception>
#include <span>

#include "tools/pageward/command/failure.h"
#include "tools/pageward/command/subcommands.h"

namespace pageward::tool {
namespace {

constexpr AddSubcommand kSubcommands[] = {
    AddRecord,
    AddSim,
};

// As a shell would take it again, if it holds nothing that a shell minds.
std::string Typed(std::span<char* const> arguments) {
  std::string line = "pageward";
  for (const char* const argument : arguments.subspan(arguments.empty() ? 0 : 1)) {
    line += fmt::format(" {}", argument);
  }
  return line;
}

int Complain(std::string_view line) {
  fmt::print(stderr, "pageward: {}\n", InOneLine(line));
  return kExitBadUsage;
}

int Main(int argc, char** argv) {
  CLI::App app("Memory hardening with protection keys, and the simulated kernel behind it.");
  app.name("pageward");
  app.set_version_flag("--version", "pageward " PAGEWARD_VERSION);
  app.require_subcommand(1);
  const std::string typed = Typed(std::span(argv, static_cast<std::size_t>(argc)));
  Action chosen;
  for (const AddSubcommand add : kSubcommands) {
    add(app, typed, &chosen);
  }
  try {
    app.parse(argc, argv);
    return chosen();
  } catch (const CLI::Success& asked) {
    return app.exit(asked);  // Help or the version, on stdout.
  } catch (const CLI::ParseError& error) {
    return Complain(error.what());
  } catch (const Failure& failure) {
    return Complain(failure.what());
  } catch (const std::exception& error) {
    return Complain(error.what());
  }
}

}  // namespace
}  // namespace pageward::tool

int main(int argc, char** argv) {
  return pageward::tool::Main(argc, argv);
}
