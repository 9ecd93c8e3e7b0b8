// A real system whose calls can be made to fail: for what is tested on real memory.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <utility>

#include "runtime/core/units.h"
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

  /// Behaves as if there were protection keys, but that they take no rights: which page has which
  /// is remembered. Seals are counted only.
  void set_fakes_keys(bool value) { fakes_keys_ = value; }
  /// Returns the key of a page, as far as keys are faked.
  arch::Pkey KeyAt(VirtAddr address) {
    std::lock_guard lock(keys_mutex_);
    const auto found = keys_.find(address.value() / kFrameBytes);
    return found == keys_.end() ? arch::kDefaultPkey : found->second;
  }
  /// Lets all but one in `calls` of the calls fail, at random, that give a key to writable pages.
  /// Giving a faked key again never fails. One in one is none.
  void FailGivingKeys(std::uint32_t calls) { giving_keys_ = calls; }

  /// Lets the next change of protection stop in the middle of its range, as one that runs into the
  /// limit on mappings does.
  void FailProtectHalfway() { stops_halfway_ = true; }
  /// Called with the range of each change of protection that took effect.
  void set_protect_observer(std::function<void(VirtRange)> observer) {
    protect_observer_ = std::move(observer);
  }

  Result<VirtRange> Reserve(std::uint64_t bytes, std::uint64_t alignment) override {
    return Forward(Kind::kReserve, [&] { return os_.Reserve(bytes, alignment); });
  }
  Result<VirtRange> MapZeroed(std::uint64_t bytes) override {
    return Forward(Kind::kMap, [&] { return os_.MapZeroed(bytes); });
  }
  Status Unmap(VirtRange range) override {
    ForgetKeys(range);
    return Forward(Kind::kUnmap, [&] { return os_.Unmap(range); });
  }
  Status Protect(VirtRange range, os::Protection protection) override {
    return ForwardProtect(range, [&](VirtRange part) { return os_.Protect(part, protection); });
  }
  Status ProtectWithKey(VirtRange range, os::Protection protection, arch::Pkey key) override {
    if (protection == os::Protection::kReadWrite && FailsToGive(range, key)) {
      return Error::kNoMemory;
    }
    return ForwardProtect(range, [&](VirtRange part) {
      return fakes_keys_ ? ProtectWithFakedKey(part, protection, key)
                         : os_.ProtectWithKey(part, protection, key);
    });
  }
  Result<arch::Pkey> AllocateKey(arch::KeyAccess access) override {
    return Forward(Kind::kKey, [&]() -> Result<arch::Pkey> {
      return fakes_keys_ ? Result(arch::Pkey(++faked_keys_)) : os_.AllocateKey(access);
    });
  }
  Status Seal(VirtRange range) override {
    return Forward(Kind::kSeal, [&] { return fakes_keys_ ? Status() : os_.Seal(range); });
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
  Status IncludeInDump(VirtRange range) override {
    return Forward(Kind::kAdvise, [&] { return os_.IncludeInDump(range); });
  }
  Status IncludeInFork(VirtRange range) override {
    return Forward(Kind::kAdvise, [&] { return os_.IncludeInFork(range); });
  }
  Status LockWhenTouched(VirtRange range) override {
    return Forward(Kind::kLock, [&] { return os_.LockWhenTouched(range); });
  }
  void Unlock(VirtRange range) override { os_.Unlock(range); }
  Status ReserveHole(VirtRange range) override {
    return Forward(Kind::kReserve, [&] { return os_.ReserveHole(range); });
  }
  Status SynchronizeThreads() override {
    return Forward(Kind::kSynchronize, [&] { return os_.SynchronizeThreads(); });
  }
  Status ExcludeFromFork(VirtRange range) override {
    return Forward(Kind::kAdvise, [&] { return os_.ExcludeFromFork(range); });
  }
  Status LockInMemory(VirtRange range) override {
    return Forward(Kind::kLock, [&] { return os_.LockInMemory(range); });
  }
  Status Mark(VirtRange range, os::MappingMark mark) override {
    return Forward(Kind::kAdvise, [&] { return os_.Mark(range, mark); });
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

  Result<std::size_t> Read(os::Descriptor from, std::span<std::byte> bytes) override {
    return Forward(Kind::kRead, [&] { return os_.Read(from, bytes); });
  }

  void FreeKey(arch::Pkey key) override { os_.FreeKey(key); }
  void Name(VirtRange range, const char* name) override { os_.Name(range, name); }
  void Close(os::Descriptor descriptor) override { os_.Close(descriptor); }
  void GetRandom(std::span<std::byte> bytes) override { os_.GetRandom(bytes); }
  Result<std::size_t> ReadFile(const char* path, std::span<char> buffer) override {
    return os_.ReadFile(path, buffer);
  }
  void Write(os::Descriptor to, std::string_view text) override { os_.Write(to, text); }
  bool CanRead(VirtAddr address) override {
    return os_.CanRead(address) && KeyAt(address) == arch::kDefaultPkey;
  }
  bool CanWrite(VirtAddr address) override {
    return os_.CanWrite(address) && KeyAt(address) == arch::kDefaultPkey;
  }
  bool IsFiltered() override { return os_.IsFiltered(); }
  os::ProbeOutcome ProbeInChild(os::ProbedCall call) override { return os_.ProbeInChild(call); }
  std::uint64_t MonotonicNs() override { return os_.MonotonicNs(); }
  std::uint32_t ProcessId() override { return os_.ProcessId(); }
  std::uint32_t ThreadId() override { return os_.ThreadId(); }

 private:
  Status ProtectWithFakedKey(VirtRange range, os::Protection protection, arch::Pkey key) {
    const Status done = os_.Protect(range, protection);
    std::lock_guard lock(keys_mutex_);
    for (std::uint64_t at = 0; done.ok() && at < range.bytes; at += kFrameBytes) {
      keys_.insert_or_assign((range.begin + at).value() / kFrameBytes, key);
    }
    return done;
  }
  void ForgetKeys(VirtRange range) {
    std::lock_guard lock(keys_mutex_);
    keys_.erase(keys_.lower_bound(range.begin.value() / kFrameBytes),
                keys_.lower_bound(range.end().value() / kFrameBytes));
  }
  bool FailsToGive(VirtRange range, arch::Pkey key) {
    // A key that is taken away is key 0 given.
    if (giving_keys_ == 1 || key == arch::kDefaultPkey || key == KeyAt(range.begin)) {
      return false;
    }
    std::lock_guard lock(keys_mutex_);
    return random_() % giving_keys_ != 0;
  }

  template <typename Call>
  auto Forward(Kind kind, Call call) -> decltype(call()) {
    if (const auto error = faults_.Count(kind)) {
      return *error;
    }
    return call();
  }

  template <typename Call>
  Status ForwardProtect(VirtRange range, Call call) {
    if (stops_halfway_.exchange(false)) {
      const Status half = call(VirtRange{range.begin, range.bytes / 2});
      return half.ok() ? Status(Error::kTooManyMappings) : half;
    }
    const Status done = Forward(Kind::kProtect, [&] { return call(range); });
    if (done.ok() && protect_observer_) {
      protect_observer_(range);
    }
    return done;
  }

  os::LinuxOs os_;
  FaultInjector faults_;
  std::function<void(VirtRange)> protect_observer_;
  std::mutex keys_mutex_;
  std::map<std::uint64_t, arch::Pkey> keys_;  // By page.
  std::mt19937 random_{20261};
  std::uint32_t giving_keys_ = 1;
  unsigned faked_keys_ = 0;
  std::atomic<bool> stops_halfway_{false};
  bool fakes_keys_ = false;
  bool has_guards_ = true;
};

}  // namespace pageward::testing_support
