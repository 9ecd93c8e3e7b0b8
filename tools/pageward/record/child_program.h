// Running a program and ending as it does, in the way of env(1) and timeout(1).
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace pageward::tool {

/// Exit codes beside those of the program.
inline constexpr int kExitOwnFailure = 125;
inline constexpr int kExitNotExecutable = 126;
inline constexpr int kExitNotFound = 127;
inline constexpr int kExitSignal = 128;  ///< And the number of the signal that killed it.

/// How a program ended, or why it did not begin.
struct ChildEnd {
  int exit_code = 0;
  bool has_run = false;
};

/// Runs `command` with variables added to the environment, waits for it and returns how it ended.
/// Signals that ask this process to end are handed on to it. Throws Failure if there can't be
/// another process. Complains in one line about a program that can't be run.
ChildEnd RunProgram(const std::vector<std::string>& command,
                    const std::vector<std::pair<std::string, std::string>>& variables);

}  // namespace pageward::tool
