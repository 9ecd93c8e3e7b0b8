#include "runtime/trace/trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "runtime/core/text.h"
#include "runtime/os/syscall.h"

namespace pageward::trace {
namespace {

using os::Syscall;
using os::SyscallResult;

// Out of the way of the low numbers that programs count on.
constexpr int kLeastDescriptor = 200;

// Writing beyond the limit of file sizes is a signal that ends the program.
std::uint64_t MostFileBytes() {
  rlimit limit = {};
  const SyscallResult got = Syscall(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, &limit);
  return got.ok() && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur : ~std::uint64_t{0};
}

// Goes with the last descriptor of this opening of the file: at the end of the process, or when it
// becomes another program.
SyscallResult Lock(int descriptor) {
  return Syscall(SYS_flock, descriptor, LOCK_EX | LOCK_NB);
}

void AppendPath(std::string_view path, std::uint32_t process, TextWriter* out) {
  const std::size_t mark = path.find(TraceFile::kProcessMark);
  out->Append(FirstOf(path, mark));
  if (mark != std::string_view::npos) {
    out->AppendDecimal(process).Append(WithoutFirst(path, mark + TraceFile::kProcessMark.size()));
  }
}

}  // namespace

Status TraceFile::Create(os::Os& os, std::string_view path) {
  os_ = &os;
  process_ = os.ProcessId();
  Text<kMostPath> name;
  AppendPath(path, process_, &name);
  char terminated[kMostPath + 1] = {};
  if (name.IsTruncated()) {
    return Error::kInvalid;
  }
  std::memcpy(terminated, name.view().data(), name.view().size());
  // Without waiting for the other end of a pipe, and without emptying what somebody else writes.
  const SyscallResult opened =
      Syscall(SYS_openat, AT_FDCWD, &terminated[0],
              O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
  if (!opened.ok()) {
    return opened.error() == EISDIR || opened.error() == ENXIO ? Error::kInvalid
                                                               : Error::kNotPermitted;
  }
  const SyscallResult moved = Syscall(SYS_fcntl, opened.value(), F_DUPFD_CLOEXEC, kLeastDescriptor);
  Syscall(SYS_close, opened.value());
  if (!moved.ok()) {
    return Error::kNotPermitted;
  }
  descriptor_ = static_cast<int>(moved.value());
  struct stat about = {};
  Status status;
  if (!Syscall(SYS_fstat, descriptor_, &about).ok() || !S_ISREG(about.st_mode)) {
    status = Error::kInvalid;
  } else if (const SyscallResult locked = Lock(descriptor_); !locked.ok()) {
    status = locked.error() == EWOULDBLOCK ? Error::kInUse : Error::kNotPermitted;
  } else if (!Syscall(SYS_ftruncate, descriptor_, 0).ok()) {
    status = Error::kNotPermitted;
  }
  device_ = about.st_dev;
  inode_ = about.st_ino;
  room_bytes_ = MostFileBytes();
  if (!status) {
    Close();
  }
  return status;
}

bool TraceFile::IsStillOurs() const {
  struct stat about = {};
  return descriptor_ >= 0 && os_->ProcessId() == process_ &&
         Syscall(SYS_fstat, descriptor_, &about).ok() && about.st_dev == device_ &&
         about.st_ino == inode_;
}

Status TraceFile::Write(std::span<const std::byte> bytes) {
  if (!IsStillOurs()) {
    return Error::kNotPermitted;
  }
  if (bytes.size() > room_bytes_) {
    return Error::kLimit;
  }
  room_bytes_ -= bytes.size();
  while (!bytes.empty()) {
    const SyscallResult written = Syscall(SYS_write, descriptor_, bytes.data(), bytes.size());
    if (written.ok()) {
      bytes = bytes.subspan(static_cast<std::size_t>(written.value()));
    } else if (written.error() != EINTR) {
      return written.error() == ENOSPC || written.error() == EDQUOT || written.error() == EFBIG
                 ? Error::kLimit
                 : Error::kNotPermitted;
    }
  }
  return {};
}

void TraceFile::Close() {
  if (descriptor_ >= 0 && IsStillOurs()) {
    Syscall(SYS_close, descriptor_);
  }
  descriptor_ = -1;
}

}  // namespace pageward::trace
