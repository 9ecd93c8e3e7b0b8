// The subcommands. Each is registered by one function, in a file of its own.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace pageward::tool {

/// What the command does once everything on its line has been understood; returns the exit code.
/// Throws Failure.
using Action = std::function<int()>;

/// Registers a subcommand with `app`. When it is the one that was typed, it puts what is to be done
/// into `chosen`, which outlives the parse. `typed` is the whole line, for reports.
using AddSubcommand = void (*)(CLI::App& app, const std::string& typed, Action* chosen);

/// `pageward record`: a program with its page traffic recorded.
void AddRecord(CLI::App& app, const std::string& typed, Action* chosen);

/// `pageward sim`: scenarios, traces and kernel events on the simulated kernel.
void AddSim(CLI::App& app, const std::string& typed, Action* chosen);

}  // namespace pageward::tool
