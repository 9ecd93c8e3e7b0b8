// Everything Pageward asks of the operating system, on one page.
//
// Rules for all functions:
//   * Addresses and lengths are multiples of 4 KiB and lengths are not zero, except where bytes are
//     read or written; anything else is our own mistake and asserts.
//   * A failure that is an answer (out of memory, not supported, not permitted, a limit) comes back
//     as an Error. Every other errno is a death with Violation::kUnexpectedErrno that names the
//     call. Which errno is which stands in errno_policy.h, one row per call.
//   * Nothing here allocates, and errno keeps its value.
//   * Thread-safe, and usable before any constructor has run.
//
// There are two implementations: LinuxOs and the tests' FakeOs. Both pass tests/conformance/os.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/arch/pkru.h"
#include "runtime/core/address.h"
#include "runtime/core/result.h"

namespace pageward::os {

enum class Protection : std::uint8_t { kNone, kRead, kReadWrite };

/// Which pages back a range when it is first touched.
enum class HugePages : std::uint8_t { kNever, kPreferred };

/// Sets the mappings of neighbours apart.
enum class MappingMark : std::uint8_t { kNone, kEven, kOdd };

/// Memory that can be mapped more than once.
enum class SharedMemory : std::uint8_t {
  kOrdinary,  ///< memfd_create(2)
  kSecret,    ///< memfd_secret(2): also gone from the kernel's own direct map
};

/// An open file descriptor. A number, not an owner.
struct Descriptor {
  int value = -1;
};

/// How a short-lived child that tried something ended.
enum class ProbeOutcome : std::uint8_t {
  kWorks,    ///< The system call did what it should.
  kRefused,  ///< It failed with an error.
  kKilled,   ///< A seccomp filter killed the child for it.
  kUnknown,  ///< The child could not be made.
};

/// The system calls that may be probed in a child.
enum class ProbedCall : std::uint8_t { kPkeyAlloc, kMemfdSecret, kMseal, kGuardInstall };

/// The system below us.
class Os {
 public:
  // --- Ranges of addresses -------------------------------------------------------------------

  /// Reserves `bytes` of addresses at a multiple of `alignment` (a power of two) that nothing can
  /// touch. Errors: kNoAddressSpace.
  virtual Result<VirtRange> Reserve(std::uint64_t bytes, std::uint64_t alignment) = 0;

  /// Maps `bytes` of private, zero-filled, writable memory that costs nothing until it is touched.
  /// Errors: kNoAddressSpace.
  virtual Result<VirtRange> MapZeroed(std::uint64_t bytes) = 0;

  /// Unmaps `range`. Errors: kTooManyMappings (a hole in a mapping makes two), kNotPermitted.
  virtual Status Unmap(VirtRange range) = 0;

  // --- Protection ----------------------------------------------------------------------------

  /// Errors: kNoMemory, kTooManyMappings, kNotPermitted (sealed).
  virtual Status Protect(VirtRange range, Protection protection) = 0;

  /// Sets protection and key in one step. Errors: as Protect().
  virtual Status ProtectWithKey(VirtRange range, Protection protection, arch::Pkey key) = 0;

  /// Takes a protection key, closed for this thread but for `access`.
  /// Errors: kNoKeys, kUnsupported, kNotPermitted.
  virtual Result<arch::Pkey> AllocateKey(arch::KeyAccess access) = 0;

  /// Gives a key back. Requires: no page carries it any more.
  virtual void FreeKey(arch::Pkey key) = 0;

  /// Makes the mappings of `range` unchangeable for ever: mseal(2), Linux 6.10.
  /// Errors: kUnsupported, kNotPermitted.
  virtual Status Seal(VirtRange range) = 0;

  // --- Backing -------------------------------------------------------------------------------

  /// Gives the pages of `range` back; private memory reads as zero afterwards.
  /// Errors: kUnsupported (locked memory, memfd_secret if the kernel locks it), kNotPermitted.
  virtual Status Discard(VirtRange range) = 0;

  /// Lets the system take the pages of `range` back when it needs memory. Errors: as Discard().
  virtual Status DiscardLazily(VirtRange range) = 0;

  /// Gives the pages of `range` back and makes it fault on every access, without splitting the
  /// mapping: MADV_GUARD_INSTALL, Linux 6.13.
  /// Errors: kUnsupported (also for locked memory), kNoMemory, kNotPermitted.
  virtual Status InstallGuard(VirtRange range) = 0;

  /// Makes a guarded range usable again; it reads as zero. Ranges without guards stay as they are.
  /// Errors: kUnsupported, kNotPermitted.
  virtual Status RemoveGuard(VirtRange range) = 0;

  /// Backs `range` with pages now, as if each had been written. Errors: kNoMemory, kUnsupported.
  virtual Status Populate(VirtRange range) = 0;

  /// Says which pages should back `range` from now on. Advice: errors are only kUnsupported.
  virtual Status Advise(VirtRange range, HugePages pages) = 0;

  /// Keeps `range` out of core dumps. Errors: kUnsupported.
  virtual Status ExcludeFromDump(VirtRange range) = 0;

  /// Takes ExcludeFromDump() back. Errors: kUnsupported.
  virtual Status IncludeInDump(VirtRange range) = 0;

  /// Leaves a hole where `range` is in every child that fork(2) makes. Errors: kUnsupported.
  virtual Status ExcludeFromFork(VirtRange range) = 0;

  /// Takes ExcludeFromFork() back. Errors: kUnsupported.
  virtual Status IncludeInFork(VirtRange range) = 0;

  /// Keeps `range` in memory. Errors: kLimit, kNoMemory, kNotPermitted.
  virtual Status LockInMemory(VirtRange range) = 0;

  /// Keeps each page of `range` in memory from when it is first touched; all of it counts as locked
  /// at once. Errors: kLimit, kNoMemory, kNotPermitted, kUnsupported.
  virtual Status LockWhenTouched(VirtRange range) = 0;

  /// Takes the locks back.
  virtual void Unlock(VirtRange range) = 0;

  /// Marks locked memory. Mappings with different marks never merge, so a range between two others
  /// can change its protection to and fro without being split off and merged again each time. (The
  /// marks are advice about read-ahead, which means nothing for locked anonymous memory.)
  /// Errors: only kUnsupported.
  virtual Status Mark(VirtRange range, MappingMark mark) = 0;

  /// Names `range` in /proc/self/maps where the kernel can (CONFIG_ANON_VMA_NAME). Never fails
  /// loudly: a name is a courtesy.
  virtual void Name(VirtRange range, const char* name) = 0;

  // --- Memory with more than one mapping -----------------------------------------------------

  /// Creates memory of `bytes`. Errors: kUnsupported, kNotPermitted, kLimit (descriptors or locked
  /// memory), kNoMemory.
  virtual Result<Descriptor> CreateShared(SharedMemory kind, std::uint64_t bytes) = 0;

  /// Maps the whole of `memory` over the reserved range `at`. Errors: kNoMemory, kLimit.
  virtual Status MapShared(Descriptor memory, VirtRange at, Protection protection) = 0;

  virtual void Close(Descriptor descriptor) = 0;

  /// Maps the shared memory under `home` a second time, over the reserved range `at` of the same
  /// length, with the protection and key of `home`: mremap(2) with an old length of zero.
  /// Errors: kNoMemory, kTooManyMappings, kNotPermitted (sealed).
  virtual Status Alias(VirtRange home, VirtRange at) = 0;

  /// Turns `range` back into a reservation, whatever was mapped there. Errors: kNoMemory.
  virtual Status ReserveAgain(VirtRange range) = 0;

  /// Reserves exactly `range` if nothing is mapped there. Errors: kInUse, kNoMemory.
  virtual Status ReserveHole(VirtRange range) = 0;

  // --- The process ---------------------------------------------------------------------------

  /// Fills `bytes` with random numbers fit for secrets. Dies if the system has none.
  virtual void GetRandom(std::span<std::byte> bytes) = 0;

  /// Reads the start of the file at `path` into `buffer`. Errors: kUnsupported (no such file),
  /// kNotPermitted.
  virtual Result<std::size_t> ReadFile(const char* path, std::span<char> buffer) = 0;

  /// Reads once from a descriptor of the program's into `bytes`, which this thread can write.
  /// Returns how many came; 0 at the end. Errors: kWouldBlock, kInvalid (nothing to read from),
  /// kNoMemory, kNotPermitted, kUnsupported (it failed).
  virtual Result<std::size_t> Read(Descriptor from, std::span<std::byte> bytes) = 0;

  /// Writes to a descriptor as far as it takes it. Used for reports; nobody checks.
  virtual void Write(Descriptor to, std::string_view text) = 0;

  /// Returns whether this thread may read, or write, the aligned word at `address`: the kernel
  /// tries it on the thread's behalf, with its protection keys, so that nothing faults. A word that
  /// may be written is overwritten.
  virtual bool CanRead(VirtAddr address) = 0;
  virtual bool CanWrite(VirtAddr address) = 0;

  /// Returns whether a seccomp filter is in force, which may kill for a system call.
  virtual bool IsFiltered() = 0;

  /// Tries a system call in a child of its own, so that a filter kills the child and not us.
  virtual ProbeOutcome ProbeInChild(ProbedCall call) = 0;

  /// Lets every running thread of the process pass a full memory barrier before it returns:
  /// membarrier(2), so that others need none. Errors: kUnsupported, kNotPermitted.
  virtual Status SynchronizeThreads() = 0;

  /// Nanoseconds of a clock that never goes back.
  virtual std::uint64_t MonotonicNs() = 0;

  virtual std::uint32_t ProcessId() = 0;
  virtual std::uint32_t ThreadId() = 0;

 protected:
  ~Os() = default;
};

}  // namespace pageward::os
