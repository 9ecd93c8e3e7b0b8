#include "tests/oracle/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace pageward::oracle {
namespace {

[[noreturn]] void Throw(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

// Without MFD_CLOEXEC: it is there to be inherited.
MemoryFile::MemoryFile(std::uint64_t bytes)
    : bytes_(bytes), descriptor_(memfd_create("pageward-oracle", 0)) {
  if (descriptor_ < 0) {
    Throw("memfd_create");
  }
  if (ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) {
    close(descriptor_);
    Throw("ftruncate");
  }
}

MemoryFile::~MemoryFile() {
  close(descriptor_);
}

std::string MemoryFile::NameForChild() const {
  return "/proc/self/fd/" + std::to_string(descriptor_);
}

void MemoryFile::Write(std::uint64_t offset, std::span<const std::byte> from) {
  while (!from.empty()) {
    const ssize_t written =
        pwrite(descriptor_, from.data(), from.size(), static_cast<off_t>(offset));
    if (written <= 0) {
      Throw("pwrite");
    }
    offset += static_cast<std::uint64_t>(written);
    from = from.subspan(static_cast<std::size_t>(written));
  }
}

void MemoryFile::Read(std::uint64_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    const ssize_t got = pread(descriptor_, to.data(), to.size(), static_cast<off_t>(offset));
    if (got <= 0) {
      Throw("pread");
    }
    offset += static_cast<std::uint64_t>(got);
    to = to.subspan(static_cast<std::size_t>(got));
  }
}

std::uint64_t MemoryFile::Seek(std::uint64_t offset, int whence) const {
  const off_t found = lseek(descriptor_, static_cast<off_t>(offset), whence);
  if (found < 0 && errno != ENXIO) {
    Throw("lseek");
  }
  return found < 0 ? bytes_ : static_cast<std::uint64_t>(found);
}

std::uint64_t MemoryFile::NextData(std::uint64_t offset) const {
  return Seek(offset, SEEK_DATA);
}

std::uint64_t MemoryFile::NextHole(std::uint64_t offset) const {
  return Seek(offset, SEEK_HOLE);
}

}  // namespace pageward::oracle
