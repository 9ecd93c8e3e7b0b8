// The Os of a Linux process, by raw system calls.
#pragma once

#include "runtime/os/os.h"

namespace pageward::os {

/// Linux, from 4.19 on; what newer kernels add comes back as Error::kUnsupported on older ones.
///
/// Has no state: one object serves the process, and it may be constant-initialised.
class LinuxOs final : public Os {
 public:
  constexpr LinuxOs() = default;
  LinuxOs(const LinuxOs&) = delete;
  LinuxOs& operator=(const LinuxOs&) = delete;

  Result<VirtRange> Reserve(std::uint64_t bytes, std::uint64_t alignment) override;
  Result<VirtRange> MapZeroed(std::uint64_t bytes) override;
  Status Unmap(VirtRange range) override;

  Status Protect(VirtRange range, Protection protection) override;
  Status ProtectWithKey(VirtRange range, Protection protection, arch::Pkey key) override;
  Result<arch::Pkey> AllocateKey(arch::KeyAccess access) override;
  void FreeKey(arch::Pkey key) override;
  Status Seal(VirtRange range) override;

  Status Discard(VirtRange range) override;
  Status DiscardLazily(VirtRange range) override;
  Status InstallGuard(VirtRange range) override;
  Status RemoveGuard(VirtRange range) override;
  Status Populate(VirtRange range) override;
  Status Advise(VirtRange range, HugePages pages) override;
  Status ExcludeFromDump(VirtRange range) override;
  Status IncludeInDump(VirtRange range) override;
  Status ExcludeFromFork(VirtRange range) override;
  Status IncludeInFork(VirtRange range) override;
  Status LockInMemory(VirtRange range) override;
  Status LockWhenTouched(VirtRange range) override;
  void Unlock(VirtRange range) override;
  Status Mark(VirtRange range, MappingMark mark) override;
  void Name(VirtRange range, const char* name) override;

  Result<Descriptor> CreateShared(SharedMemory kind, std::uint64_t bytes) override;
  Status MapShared(Descriptor memory, VirtRange at, Protection protection) override;
  void Close(Descriptor descriptor) override;
  Status Alias(VirtRange home, VirtRange at) override;
  Status ReserveAgain(VirtRange range) override;
  Status ReserveHole(VirtRange range) override;

  void GetRandom(std::span<std::byte> bytes) override;
  Result<std::size_t> ReadFile(const char* path, std::span<char> buffer) override;
  Result<std::size_t> Read(Descriptor from, std::span<std::byte> bytes) override;
  void Write(Descriptor to, std::string_view text) override;
  bool CanRead(VirtAddr address) override;
  bool CanWrite(VirtAddr address) override;
  bool IsFiltered() override;
  ProbeOutcome ProbeInChild(ProbedCall call) override;
  Status SynchronizeThreads() override;
  std::uint64_t MonotonicNs() override;
  std::uint32_t ProcessId() override;
  std::uint32_t ThreadId() override;
};

}  // namespace pageward::os
