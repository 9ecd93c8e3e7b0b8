#include "runtime/trace/trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
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
  bytes_ = 0;
  most_bytes_ = MostFileBytes();
  Status status = OpenFile(path);
  if (status.ok()) {
    status = MakeMappings();
  }
  if (!status) {
    Close();
  }
  return status;
}

Status TraceFile::OpenFile(std::string_view path) {
  Text<kMostPath> name;
  AppendPath(path, process_, &name);
  char terminated[kMostPath + 1] = {};
  if (name.IsTruncated()) {
    return Error::kInvalid;
  }
  std::memcpy(terminated, name.view().data(), name.view().size());
  // Without waiting for the other end of a pipe, and without emptying what somebody else writes.
  const SyscallResult opened = Syscall(SYS_openat, AT_FDCWD, &terminated[0],
                                       O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
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
  const bool is_known = Syscall(SYS_fstat, descriptor_, &about).ok();
  device_ = about.st_dev;
  inode_ = about.st_ino;
  if (!is_known || !S_ISREG(about.st_mode)) {
    return Error::kInvalid;
  }
  if (const SyscallResult locked = Lock(descriptor_); !locked.ok()) {
    return locked.error() == EWOULDBLOCK ? Error::kInUse : Error::kNotPermitted;
  }
  return Syscall(SYS_ftruncate, descriptor_, 0).ok() ? Status() : Error::kNotPermitted;
}

// The place of the window, and a page that knows whether this is a copy.
Status TraceFile::MakeMappings() {
  const Result<VirtRange> window = os_->Reserve(kRoomBytes, kRoomBytes);
  if (!window.ok()) {
    return Error::kLimit;
  }
  window_ = *window;
  const Result<VirtRange> owner = os_->MapZeroed(kFrameBytes);
  if (!owner.ok()) {
    return Error::kLimit;
  }
  auto* const word = owner->begin.AsPointer<std::uint32_t>();
  owner_ = word;
  *word = process_;
  constexpr int kWipeOnFork = 18;  // MADV_WIPEONFORK, Linux 4.14
  return Syscall(SYS_madvise, owner->begin.value(), owner->bytes, kWipeOnFork).ok()
             ? Status()
             : Error::kNotPermitted;
}

bool TraceFile::IsStillOurs() const {
  struct stat about = {};
  return descriptor_ >= 0 && os_->ProcessId() == process_ &&
         Syscall(SYS_fstat, descriptor_, &about).ok() && about.st_dev == device_ &&
         about.st_ino == inode_;
}

// Reserved on the disk now: a write through a mapping that finds the disk full is a signal.
Status TraceFile::Lengthen() {
  if (kRoomBytes > most_bytes_ - bytes_) {
    return Error::kLimit;
  }
  const SyscallResult reserved = Syscall(SYS_fallocate, descriptor_, 0, bytes_, kRoomBytes);
  if (reserved.ok()) {
    return {};
  }
  if (reserved.error() != EOPNOTSUPP) {
    return Error::kLimit;
  }
  // A file system that can't reserve gets zeros.
  static constexpr std::byte kZeros[kFrameBytes] = {};
  for (std::uint64_t at = 0; at < kRoomBytes; at += kFrameBytes) {
    const SyscallResult written =
        Syscall(SYS_pwrite64, descriptor_, &kZeros[0], kFrameBytes, bytes_ + at);
    if (!written.ok() || written.value() != kFrameBytes) {
      return Error::kLimit;
    }
  }
  return {};
}

Result<std::span<std::byte>> TraceFile::NextRoom() {
  if (!IsStillOurs()) {
    return Error::kNotPermitted;
  }
  if (const Status longer = Lengthen(); !longer) {
    return longer.error();
  }
  // In the place of the room before, which is done with.
  const SyscallResult mapped =
      Syscall(SYS_mmap, window_.begin.value(), kRoomBytes, PROT_READ | PROT_WRITE,
              MAP_SHARED | MAP_FIXED, descriptor_, bytes_);
  if (!mapped.ok()) {
    return Error::kLimit;
  }
  bytes_ += kRoomBytes;
  return std::span(window_.begin.AsPointer<std::byte>(), kRoomBytes);
}

Status TraceFile::End(std::uint64_t bytes) {
  const bool is_cut = IsStillOurs() && Syscall(SYS_ftruncate, descriptor_, bytes).ok();
  return is_cut ? Status() : Error::kNotPermitted;
}

void TraceFile::Close() {
  if (window_.bytes > 0) {
    static_cast<void>(os_->Unmap(window_));
    window_ = {};
  }
  if (IsStillOurs()) {
    Syscall(SYS_close, descriptor_);
  }
  descriptor_ = -1;
  if (owner_ != &kNobody) {
    static_cast<void>(os_->Unmap(VirtRange{VirtAddr::Of(owner_), kFrameBytes}));
    owner_ = &kNobody;
  }
}

}  // namespace pageward::trace
