// A file in memory that another process can be given by name.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace pageward::oracle {

/// Sparse: what was never written takes no room and reads as zero. Throws std::system_error.
class MemoryFile {
 public:
  explicit MemoryFile(std::uint64_t bytes);
  /// A file that is there already, for reading. Takes the descriptor over.
  MemoryFile(int descriptor, std::uint64_t bytes) : bytes_(bytes), descriptor_(descriptor) {}
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::uint64_t bytes() const { return bytes_; }
  int descriptor() const { return descriptor_; }
  /// The name that a child process, which inherits the descriptor, can open it by.
  std::string NameForChild() const;

  void Write(std::uint64_t offset, std::span<const std::byte> from);
  void Read(std::uint64_t offset, std::span<std::byte> to) const;
  /// Returns the first offset from `offset` on where something may have been written, or bytes().
  std::uint64_t NextData(std::uint64_t offset) const;
  /// Returns the first offset from `offset` on where nothing was.
  std::uint64_t NextHole(std::uint64_t offset) const;

 private:
  std::uint64_t Seek(std::uint64_t offset, int whence) const;

  const std::uint64_t bytes_;
  const int descriptor_;
};

}  // namespace pageward::oracle
