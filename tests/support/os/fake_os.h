// An operating system that remembers everything and can be told to fail.
//
// Mappings are kept as the kernel keeps them: neighbours with equal attributes are one. Nothing is
// ever dereferenced, so the addresses can lie anywhere; Touch() and ReadsZero() stand for accesses.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/os/os.h"
#include "tests/support/os/fault_injector.h"

namespace pageward::testing_support {

class FakeOs final : public os::Os {
 public:
  /// What one mapping of the kernel's list has; neighbours that are equal merge.
  struct Attributes {
    os::Protection protection = os::Protection::kNone;
    unsigned key = 0;
    bool is_shared = false;
    bool is_sealed = false;
    bool prefers_huge_pages = false;
    bool is_dumped = true;
    bool is_inherited = true;
    bool is_locked = false;
    os::MappingMark mark = os::MappingMark::kNone;
    bool operator==(const Attributes&) const = default;
  };

  using Kind = FaultInjector::Kind;

  FakeOs() = default;

  // --- Switches -------------------------------------------------------------------------------

  FaultInjector& faults() { return faults_; }
  void set_has_guards(bool value) { has_guards_ = value; }
  /// Pretends that a filter is in force that kills for `call`.
  void set_killed_call(os::ProbedCall call) {
    is_filtered_ = true;
    killed_call_ = call;
  }
  /// Pretends that changes of keys succeed and do nothing.
  void set_keys_are_fake(bool value) { keys_are_fake_ = value; }
  void set_key_count(unsigned value) { key_limit_ = value; }
  void set_address_space(std::uint64_t bytes) { address_space_left_ = bytes; }

  // --- What a program would see ----------------------------------------------------------------

  bool IsReadable(VirtAddr address) const;
  bool IsWritable(VirtAddr address) const;
  /// Writes to the page. Requires: IsWritable().
  void Touch(VirtAddr address);
  bool ReadsZero(VirtAddr address) const { return !dirty_.contains(PageOf(address)); }
  bool IsBacked(VirtAddr address) const { return backed_.contains(PageOf(address)); }
  /// The attributes at `address`, or nothing if nothing is mapped there.
  std::optional<Attributes> At(VirtAddr address) const;
  std::size_t mapping_count() const { return mappings_.size(); }
  const std::string& written() const { return written_; }

  // --- os::Os ----------------------------------------------------------------------------------

  Result<VirtRange> Reserve(std::uint64_t bytes, std::uint64_t alignment) override;
  Result<VirtRange> MapZeroed(std::uint64_t bytes) override;
  Status Unmap(VirtRange range) override;
  Status Protect(VirtRange range, os::Protection protection) override;
  Status ProtectWithKey(VirtRange range, os::Protection protection, arch::Pkey key) override;
  Result<arch::Pkey> AllocateKey(arch::KeyAccess access) override;
  void FreeKey(arch::Pkey key) override;
  Status Seal(VirtRange range) override;
  Status Discard(VirtRange range) override;
  Status DiscardLazily(VirtRange range) override;
  Status InstallGuard(VirtRange range) override;
  Status RemoveGuard(VirtRange range) override;
  Status Populate(VirtRange range) override;
  Status Advise(VirtRange range, os::HugePages pages) override;
  Status ExcludeFromDump(VirtRange range) override;
  Status IncludeInDump(VirtRange range) override;
  Status ExcludeFromFork(VirtRange range) override;
  Status IncludeInFork(VirtRange range) override;
  Status LockInMemory(VirtRange range) override;
  Status LockWhenTouched(VirtRange range) override;
  void Unlock(VirtRange range) override;
  Status Mark(VirtRange range, os::MappingMark mark) override;
  void Name(VirtRange range, const char* name) override;
  Result<os::Descriptor> CreateShared(os::SharedMemory kind, std::uint64_t bytes) override;
  Status MapShared(os::Descriptor memory, VirtRange at, os::Protection protection) override;
  void Close(os::Descriptor descriptor) override;
  Status Alias(VirtRange home, VirtRange at) override;
  Status ReserveAgain(VirtRange range) override;
  Status ReserveHole(VirtRange range) override;
  void GetRandom(std::span<std::byte> bytes) override;
  Result<std::size_t> ReadFile(const char* path, std::span<char> buffer) override;
  Result<std::size_t> Read(os::Descriptor from, std::span<std::byte> bytes) override;
  void Write(os::Descriptor to, std::string_view text) override;
  bool CanRead(VirtAddr address) override { return IsReadable(address); }
  bool CanWrite(VirtAddr address) override { return IsWritable(address); }
  bool IsFiltered() override { return is_filtered_; }
  os::ProbeOutcome ProbeInChild(os::ProbedCall call) override;
  Status SynchronizeThreads() override;
  std::uint64_t MonotonicNs() override { return ++now_ns_; }
  std::uint32_t ProcessId() override { return 1; }
  std::uint32_t ThreadId() override { return 1; }

 private:
  struct Mapping {
    std::uint64_t end = 0;
    Attributes attributes;
  };
  static std::uint64_t PageOf(VirtAddr address) { return address.value() >> 12; }

  std::optional<Error> Count(Kind kind) { return faults_.Count(kind); }
  bool IsMapped(VirtRange range) const;
  bool IsSealed(VirtRange range) const;
  void SplitAt(std::uint64_t address);
  void Merge();
  void Replace(VirtRange range, const Attributes& attributes);
  template <typename Change>
  Status ChangeAll(VirtRange range, Change change);
  void DropPages(VirtRange range);
  VirtRange Take(std::uint64_t bytes, std::uint64_t alignment);

  std::map<std::uint64_t, Mapping> mappings_;  // by begin
  std::set<std::uint64_t> guarded_;            // pages
  std::set<std::uint64_t> dirty_;
  std::set<std::uint64_t> backed_;
  FaultInjector faults_;
  std::map<int, std::uint64_t> descriptors_;
  std::string written_;
  std::set<unsigned> keys_;
  std::uint64_t next_address_ = 0x5ead'0000'0000;
  std::uint64_t address_space_left_ = std::uint64_t{1} << 46;
  std::uint64_t now_ns_ = 0;
  std::uint64_t random_ = 88172645463325252;
  unsigned key_limit_ = 15;
  int next_descriptor_ = 100;
  std::optional<os::ProbedCall> killed_call_;
  bool is_filtered_ = false;
  bool keys_are_fake_ = false;
  bool has_guards_ = true;
};

}  // namespace pageward::testing_support
