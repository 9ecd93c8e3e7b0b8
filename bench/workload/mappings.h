// How many mappings (VMAs) this process has, told apart by the name that they carry.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pageward::workload {

/// The name of a group of mappings: what stands in [anon:NAME] or after /memfd:, else "anonymous"
/// for memory without a name, "heap" for the program break, "stack" and "file".
struct MappingName {
  std::array<char, 48> text{};
  std::size_t length = 0;

  std::string_view view() const { return {text.data(), length}; }
};

/// The mappings of this process at one moment, or the most of several.
///
/// Never allocates: it looks at the heap that it would allocate from.
class MappingCount {
 public:
  struct Group {
    MappingName name;
    std::uint64_t count = 0;
  };
  static constexpr std::size_t kMaxGroups = 32;

  /// Counts the lines of /proc/self/maps. Ends the program if it can't be read.
  static MappingCount Now();

  /// Counts one line of the format of /proc/self/maps.
  void AddLine(std::string_view line);

  /// Raises each figure to that of `other`.
  void RaiseTo(const MappingCount& other);

  std::uint64_t total() const { return total_; }
  /// Mappings of memory: all but those of files and the kernel's own.
  std::uint64_t memory() const { return memory_; }

  /// Prints `PREFIX_total N mappings`, `PREFIX_memory N mappings` and a line for each name.
  void Print(std::string_view prefix) const;

 private:
  Group& GroupOf(std::string_view name);

  std::uint64_t total_ = 0;
  std::uint64_t memory_ = 0;
  std::size_t groups_ = 0;
  std::array<Group, kMaxGroups> group_{};
};

}  // namespace pageward::workload
