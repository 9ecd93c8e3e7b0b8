// How a subcommand ends when it can't do what it was asked for: one line on stderr, exit code 2.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace pageward::tool {

/// The exit codes of the command. A subcommand that runs a program ends with that program's.
inline constexpr int kExitDone = 0;
inline constexpr int kExitBadUsage = 2;

/// Something that whoever typed the command can put right. what() is one line without "pageward:".
class Failure : public std::runtime_error {
 public:
  explicit Failure(const std::string& line) : std::runtime_error(line) {}
};

/// Returns `text` in one line, as failures are told: line ends and what follows become one space.
std::string InOneLine(std::string_view text);

}  // namespace pageward::tool
