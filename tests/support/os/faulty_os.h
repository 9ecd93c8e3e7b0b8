// A real system whose calls can be made to fail: for what is tested on real memory.
#pragma once

#include "runtime/os/linux_os.h"
#include "tests/support/os/fault_injector.h"

namespace pageward::testing_support {

/// Forwards to LinuxOs; a call that the injector picks fails without having happened.
class FaultyOs final : public os::Os {
 public:
  using Kind = FaultInjector::Kind;

  FaultInjector& faults() { return faults_; }

  /// Behaves as a kernel before 6.13 if there shall be no guard markers.
  void set_has_guards(bool value) { has_guards_ = value; }

  Result<VirtRange> Reserve(std::uint64_t bytes, std::uint64_t alignment) override {
    return Forward(Kind::kReserve, [&] { return os_.Reserve(bytes, alignment); });
  }
  Result<VirtRange> MapZeroed(std::uint64_t bytes) override {
    return Forward(Kind::kMap, [&] { return os_.MapZeroed(bytes); });
  }
  Status Unmap(VirtRange range) override {
    return Forward(Kind::kUnmap, [&] { return os_.Unmap(range); });
  }
  Status Protect(VirtRange range, os::Protection protection) override {
    return Forward(Kind::kProtect, [&] { return os_.Protect(range, protection); });
  }
  Status ProtectWithKey(VirtRange range, os::Protection protection, arch::Pkey key) override {
    return Forward(Kind::kProtect, [&] { return os_.ProtectWithKey(range, protection, key); });
  }
  Result<arch::Pkey> AllocateKey(arch::KeyAccess access) override {
    return Forward(Kind::kKey, [&] { return os_.AllocateKey(access); });
  }
  Status Seal(VirtRange range) override {
    return Forward(Kind::kSeal, [&] { return os_.Seal(range); });
  }
  Status Discard(VirtRange range) override {
    return Forward(Kind::kDiscard, [&] { return os_.Discard(range); });
  }
  Status DiscardLazily(VirtRange range) override {
    return Forward(Kind::kDiscard, [&] { return os_.DiscardLazily(range); });
  }
  Status InstallGuard(VirtRange range) override {
    if (!has_guards_) {
      return Error::kUnsupported;
    }
    return Forward(Kind::kGuard, [&] { return os_.InstallGuard(range); });
  }
  Status RemoveGuard(VirtRange range) override {
    if (!has_guards_) {
      return Error::kUnsupported;
    }
    return Forward(Kind::kGuard, [&] { return os_.RemoveGuard(range); });
  }
  Status Populate(VirtRange range) override {
    return Forward(Kind::kPopulate, [&] { return os_.Populate(range); });
  }
  Status Advise(VirtRange range, os::HugePages pages) override {
    return Forward(Kind::kAdvise, [&] { return os_.Advise(range, pages); });
  }
  Status ExcludeFromDump(VirtRange range) override {
    return Forward(Kind::kAdvise, [&] { return os_.ExcludeFromDump(range); });
  }
  Status ExcludeFromFork(VirtRange range) override {
    return Forward(Kind::kAdvise, [&] { return os_.ExcludeFromFork(range); });
  }
  Status LockInMemory(VirtRange range) override {
    return Forward(Kind::kLock, [&] { return os_.LockInMemory(range); });
  }
  Result<os::Descriptor> CreateShared(os::SharedMemory kind, std::uint64_t bytes) override {
    return Forward(Kind::kShared, [&] { return os_.CreateShared(kind, bytes); });
  }
  Status MapShared(os::Descriptor memory, VirtRange at, os::Protection protection) override {
    return Forward(Kind::kShared, [&] { return os_.MapShared(memory, at, protection); });
  }
  Status Alias(VirtRange home, VirtRange at) override {
    return Forward(Kind::kAlias, [&] { return os_.Alias(home, at); });
  }
  Status ReserveAgain(VirtRange range) override {
    return Forward(Kind::kShared, [&] { return os_.ReserveAgain(range); });
  }

  void FreeKey(arch::Pkey key) override { os_.FreeKey(key); }
  void Name(VirtRange range, const char* name) override { os_.Name(range, name); }
  void Close(os::Descriptor descriptor) override { os_.Close(descriptor); }
  void GetRandom(std::span<std::byte> bytes) override { os_.GetRandom(bytes); }
  Result<std::size_t> ReadFile(const char* path, std::span<char> buffer) override {
    return os_.ReadFile(path, buffer);
  }
  void Write(os::Descriptor to, std::string_view text) override { os_.Write(to, text); }
  os::ProbeOutcome ProbeInChild(os::ProbedCall call) override { return os_.ProbeInChild(call); }
  std::uint64_t MonotonicNs() override { return os_.MonotonicNs(); }
  std::uint32_t ProcessId() override { return os_.ProcessId(); }
  std::uint32_t ThreadId() override { return os_.ThreadId(); }

 private:
  template <typename Call>
  auto Forward(Kind kind, Call call) -> decltype(call()) {
    if (const auto error = faults_.Count(kind)) {
      return *error;
    }
    return call();
  }

  os::LinuxOs os_;
  FaultInjector faults_;
  bool has_guards_ = true;
};

}  // namespace pageward::testing_support
