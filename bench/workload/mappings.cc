#include "bench/workload/mappings.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "bench/workload/support.h"

namespace pageward::workload {
namespace {

constexpr std::string_view kAnonymous = "anonymous";
constexpr std::string_view kFile = "file";
constexpr std::string_view kKernel = "kernel";

// Address range, permissions, offset, device, inode; then, after spaces, the path if there is one.
std::string_view PathOf(std::string_view line) {
  for (int field = 0; field < 5; ++field) {
    const std::size_t end = line.find(' ');
    if (end == std::string_view::npos) {
      return {};
    }
    line.remove_prefix(end + 1);
  }
  const std::size_t begin = line.find_first_not_of(' ');
  return begin == std::string_view::npos ? std::string_view() : line.substr(begin);
}

std::string_view NameOf(std::string_view path) {
  if (path.empty()) {
    return kAnonymous;
  }
  // Named by prctl(PR_SET_VMA_ANON_NAME): [anon:NAME], or [anon_shmem:NAME] if shared.
  const std::size_t colon = path.find(':');
  if (path.starts_with("[anon") && colon != std::string_view::npos) {
    return path.substr(colon + 1, path.size() - colon - 2);
  }
  for (const std::string_view memfd : {"/memfd:", "/secretmem"}) {
    if (path.starts_with(memfd)) {
      const std::string_view name = path.substr(memfd == "/memfd:" ? memfd.size() : 1);
      return name.substr(0, name.find(' '));
    }
  }
  if (path.starts_with("[heap") || path.starts_with("[stack")) {
    return path.substr(1, path.size() - 2);
  }
  // [vdso], [vvar], [vsyscall]
  return path.front() == '[' ? kKernel : kFile;
}

}  // namespace

MappingCount MappingCount::Now() {
  MappingCount counted;
  const int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    Fail("/proc/self/maps can't be opened");
  }
  std::array<char, 65536> text;
  std::size_t kept = 0;
  for (;;) {
    const ssize_t length = read(file, text.data() + kept, text.size() - kept);
    if (length < 0) {
      Fail("/proc/self/maps can't be read");
    }
    if (length == 0) {
      break;
    }
    std::string_view rest(text.data(), kept + static_cast<std::size_t>(length));
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      counted.AddLine(rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
    kept = rest.size();
    std::memmove(text.data(), rest.data(), kept);
  }
  close(file);
  return counted;
}

void MappingCount::AddLine(std::string_view line) {
  const std::string_view name = NameOf(PathOf(line));
  ++total_;
  if (name != kFile && name != kKernel) {
    ++memory_;
  }
  ++GroupOf(name).count;
}

void MappingCount::RaiseTo(const MappingCount& other) {
  total_ = std::max(total_, other.total_);
  memory_ = std::max(memory_, other.memory_);
  for (std::size_t index = 0; index < other.groups_; ++index) {
    Group& group = GroupOf(other.group_[index].name.view());
    group.count = std::max(group.count, other.group_[index].count);
  }
}

// The last group takes all names that there is no room for.
MappingCount::Group& MappingCount::GroupOf(std::string_view name) {
  MappingName wanted;
  wanted.length = std::min(name.size(), wanted.text.size());
  std::transform(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(wanted.length),
                 wanted.text.begin(), [](char letter) { return letter == ' ' ? '_' : letter; });
  for (std::size_t index = 0; index < groups_; ++index) {
    if (group_[index].name.view() == wanted.view()) {
      return group_[index];
    }
  }
  if (groups_ < kMaxGroups) {
    group_[groups_++].name = wanted;
  }
  return group_[groups_ - 1];
}

void MappingCount::Print(std::string_view prefix) const {
  const int width = static_cast<int>(prefix.size());
  std::printf("%.*s_total %" PRIu64 " mappings\n", width, prefix.data(), total_);
  std::printf("%.*s_memory %" PRIu64 " mappings\n", width, prefix.data(), memory_);
  for (std::size_t index = 0; index < groups_; ++index) {
    const std::string_view name = group_[index].name.view();
    std::printf("%.*s:%.*s %" PRIu64 " mappings\n", width, prefix.data(),
                static_cast<int>(name.size()), name.data(), group_[index].count);
  }
}

}  // namespace pageward::workload
