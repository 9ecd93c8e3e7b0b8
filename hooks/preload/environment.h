// What the process was started with, as far as the heap may look at it: environment, auxiliary
// vector and configuration files, possibly before libc has set itself up.
#pragma once

#include <cstddef>
#include <string_view>

#include "runtime/os/os.h"

namespace pageward::hooks {

/// Environment variables and configuration files. A program that runs with more rights than whoever
/// started it (set-uid; AT_SECURE) has no environment here.
class Environment {
 public:
  static constexpr const char* kConfigPath = "/etc/pageward.conf";

  constexpr Environment() = default;

  /// Reads everything. Once. Never allocates.
  void Read(os::Os& os);

  /// Returns the value of the environment variable `name`, or an empty text.
  std::string_view Value(std::string_view name) const;

  /// The text of /etc/pageward.conf.
  std::string_view ConfigFile() const { return {config_file_, config_file_length_}; }

  /// What the link /etc/malloc.conf says: jemalloc's system-wide options.
  std::string_view SystemMallocConf() const { return {malloc_conf_, malloc_conf_length_}; }

  /// The last part of the path that the program was started by.
  std::string_view ProgramName() const { return program_name_; }

 private:
  bool is_trusted_ = false;
  char early_[64 * 1024] = {};
  std::size_t early_length_ = 0;
  char config_file_[16 * 1024] = {};
  std::size_t config_file_length_ = 0;
  char malloc_conf_[512] = {};
  std::size_t malloc_conf_length_ = 0;
  std::string_view program_name_;
};

}  // namespace pageward::hooks
