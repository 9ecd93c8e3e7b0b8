#include "hooks/preload/environment.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "runtime/core/text.h"
#include "runtime/os/syscall.h"

namespace pageward::hooks {
namespace {

// The last path component of AT_EXECFN.
std::string_view NameOfProgram() {
  const auto* path = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  if (path == nullptr) {
    return {};
  }
  const std::string_view whole(path);
  const std::size_t slash = whole.rfind('/');
  return slash == std::string_view::npos ? whole : WithoutFirst(whole, slash + 1);
}

}  // namespace

void Environment::Read(os::Os& os) {
  program_name_ = NameOfProgram();
  if (const auto length = os.ReadFile(kConfigPath, config_file_); length.ok()) {
    config_file_length_ = *length;
  }
  const os::SyscallResult link = os::Syscall(SYS_readlinkat, AT_FDCWD, "/etc/malloc.conf",
                                             &malloc_conf_[0], sizeof(malloc_conf_));
  malloc_conf_length_ = link.ok() ? static_cast<std::size_t>(link.value()) : 0;
  is_trusted_ = ::getauxval(AT_SECURE) == 0;
  if (is_trusted_ && environ == nullptr) {
    // The first malloc came before libc knows its environment.
    if (const auto length = os.ReadFile("/proc/self/environ", early_); length.ok()) {
      early_length_ = *length;
    }
  }
}

std::string_view Environment::Value(std::string_view name) const {
  if (!is_trusted_) {
    return {};
  }
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view value(*entry);
    if (TakeUpTo('=', &value) == name) {
      return value;
    }
  }
  std::string_view rest(early_, early_length_);
  while (!rest.empty()) {
    std::string_view value = TakeUpTo('\0', &rest);
    if (TakeUpTo('=', &value) == name) {
      return value;
    }
  }
  return {};
}

}  // namespace pageward::hooks
