// The unmapped memory of a process by its C functions: threads, fork, limits, and what the kernel
// does on somebody's behalf. A child of fork(2) begins without a pool, so each case that wants one
// of its own runs in a child.
#include "runtime/engine/process_pool.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pageward/view.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <thread>

#include "runtime/engine/c_api.h"
#include "runtime/os/linux_os.h"
#include "tests/support/memory_probe.h"

namespace pageward::engine {

// The engine that the C functions of this program talk to.
Engine* OwnEngine() {
  static os::LinuxOs os;
  static Engine* const engine = [] {
    auto* made = new Engine;
    made->StartWithoutHeap(os, Config());
    return made;
  }();
  return engine;
}

namespace {

using testing_support::Access;
using testing_support::TryRead;

constexpr char kSecret[] = "a secret that nobody else shall read";

// Runs `act` in a child, which prints why it fails and ends with that.
void InChild(const std::function<void()>& act) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    act();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
}

pageward_status Start(uint32_t flags, std::size_t bytes = 0) {
  pageward_unmapped_options options = PAGEWARD_UNMAPPED_OPTIONS;
  options.flags = flags;
  options.bytes = bytes;
  return pageward_unmapped_start(&options);
}

pageward_unmapped AllocateSecret() {
  pageward_unmapped memory;
  EXPECT_EQ(pageward_unmapped_alloc(2 * kFrameBytes, &memory), PAGEWARD_OK);
  EXPECT_EQ(pageward_unmapped_write(memory, 0, kSecret, sizeof(kSecret)), PAGEWARD_OK);
  return memory;
}

pageward_view Get(pageward_unmapped memory) {
  pageward_view view = {};
  EXPECT_EQ(pageward_view_get(memory, 0, kFrameBytes, PAGEWARD_VIEW_READ_WRITE, &view),
            PAGEWARD_OK);
  return view;
}

pageward_unmapped_info Describe() {
  pageward_unmapped_info info = {};
  info.size = sizeof(info);
  EXPECT_EQ(pageward_unmapped_describe(&info), PAGEWARD_OK);
  return info;
}

bool HasSecretMemory() {
  os::LinuxOs os;
  const auto memory = os.CreateShared(os::SharedMemory::kSecret, kFrameBytes);
  if (memory.ok()) {
    os.Close(*memory);
  }
  return memory.ok();
}

TEST(ViewApiTest, WhatIsWrittenIsSeenInAViewAndNowhereElse) {
  const pageward_unmapped memory = AllocateSecret();
  pageward_view view = {};
  ASSERT_EQ(pageward_view_get(memory, 2, 6, PAGEWARD_VIEW_READ_ONLY, &view), PAGEWARD_OK);
  EXPECT_EQ(view.size, 6u);
  EXPECT_EQ(std::memcmp(view.data, "secret", 6), 0);
  const void* seen = view.data;
  ASSERT_EQ(pageward_view_put(&view), PAGEWARD_OK);
  EXPECT_EQ(view.data, nullptr);
  EXPECT_NE(TryRead(VirtAddr::Of(seen)), Access::kOk);
  char out[sizeof(kSecret)] = {};
  EXPECT_EQ(pageward_unmapped_read(memory, 0, out, sizeof(out)), PAGEWARD_OK);
  EXPECT_STREQ(out, kSecret);
  std::size_t size = 0;
  EXPECT_EQ(pageward_unmapped_size(memory, &size), PAGEWARD_OK);
  EXPECT_EQ(size, 2 * kFrameBytes);
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_OK);
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_INVALID);
}

TEST(ViewApiTest, NonsenseIsRefused) {
  pageward_unmapped memory;
  EXPECT_EQ(pageward_unmapped_alloc(0, &memory), PAGEWARD_INVALID);
  EXPECT_EQ(memory.value, 0u);
  EXPECT_EQ(pageward_unmapped_alloc(SIZE_MAX, &memory), PAGEWARD_NO_MEMORY);
  EXPECT_EQ(pageward_unmapped_alloc(1, nullptr), PAGEWARD_INVALID);
  EXPECT_EQ(pageward_unmapped_free(pageward_unmapped{0}), PAGEWARD_OK);
  EXPECT_EQ(pageward_unmapped_free(pageward_unmapped{77}), PAGEWARD_INVALID);
  EXPECT_EQ(Start(0), PAGEWARD_IN_USE);
  EXPECT_EQ(Start(1u << 9), PAGEWARD_INVALID);
  pageward_view view = {};
  EXPECT_EQ(pageward_view_put(&view), PAGEWARD_INVALID);
  const pageward_unmapped alive = AllocateSecret();
  pageward_view_access unknown;
  const unsigned number = 7;
  std::memcpy(&unknown, &number, sizeof(unknown));
  EXPECT_EQ(pageward_view_get(alive, 0, 1, unknown, &view), PAGEWARD_INVALID);
  EXPECT_EQ(pageward_view_get(alive, 0, 0, PAGEWARD_VIEW_READ_ONLY, &view), PAGEWARD_INVALID);
  EXPECT_EQ(pageward_unmapped_free(alive), PAGEWARD_OK);
}

// Spec: T45, T64
TEST(ViewApiTest, AThreadThatIsNotPreparedGetsNoViewAndPutsNobodyElses) {
  const pageward_unmapped memory = AllocateSecret();
  pageward_view mine = Get(memory);
  std::thread([&] {
    pageward_view view = {};
    EXPECT_EQ(pageward_view_get(memory, 0, 1, PAGEWARD_VIEW_READ_ONLY, &view), PAGEWARD_INVALID);
    pageward_view theirs = mine;
    EXPECT_EQ(pageward_view_put(&theirs), PAGEWARD_INVALID);
    EXPECT_EQ(pageward_view_prepare(), PAGEWARD_OK);
    EXPECT_EQ(pageward_view_prepare(), PAGEWARD_OK);
    EXPECT_EQ(pageward_view_put(&theirs), PAGEWARD_INVALID);
    EXPECT_EQ(pageward_view_get(memory, 0, 1, PAGEWARD_VIEW_READ_ONLY, &view), PAGEWARD_OK);
    EXPECT_EQ(pageward_view_put(&view), PAGEWARD_OK);
  }).join();
  EXPECT_EQ(std::memcmp(mine.data, kSecret, sizeof(kSecret)), 0);
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_IN_USE);
  EXPECT_EQ(pageward_view_put(&mine), PAGEWARD_OK);
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_OK);
}

TEST(ViewApiTest, AForgedViewIsNotPut) {
  const pageward_unmapped memory = AllocateSecret();
  pageward_view view = Get(memory);
  for (int i = 0; i < 2; ++i) {
    pageward_view forged = view;
    forged.reserved[i] ^= 8;
    EXPECT_EQ(pageward_view_put(&forged), PAGEWARD_INVALID);
  }
  EXPECT_EQ(pageward_view_put(&view), PAGEWARD_OK);
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_OK);
}

// Spec: T62, T69
TEST(ViewApiTest, AThreadThatEndsLosesItsViews) {
  const pageward_unmapped memory = AllocateSecret();
  const uint64_t before = Describe().left_open;
  std::thread([&] {
    EXPECT_EQ(pageward_view_prepare(), PAGEWARD_OK);
    Get(memory);
  }).join();
  EXPECT_EQ(Describe().left_open, before + 1);
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_OK);
}

TEST(ViewApiTest, ADescriptorIsReadIntoTheMemory) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], kSecret, sizeof(kSecret)), static_cast<ssize_t>(sizeof(kSecret)));
  ::close(ends[1]);
  pageward_unmapped memory;
  ASSERT_EQ(pageward_unmapped_alloc(1, &memory), PAGEWARD_OK);
  std::size_t got = 0;
  EXPECT_EQ(pageward_unmapped_populate(memory, 0, kFrameBytes, ends[0], &got), PAGEWARD_OK);
  EXPECT_EQ(got, sizeof(kSecret));
  ::close(ends[0]);
  EXPECT_EQ(pageward_unmapped_populate(memory, 0, 1, ends[0], &got), PAGEWARD_INVALID);
  pageward_view view = Get(memory);
  EXPECT_STREQ(static_cast<const char*>(view.data), kSecret);
  EXPECT_EQ(pageward_view_put(&view), PAGEWARD_OK);
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_OK);
}

// --- fork(2) -------------------------------------------------------------------------------------

// Spec: U31
TEST(ViewApiForkTest, AChildFindsNothingAndNothingCanBeMappedThere) {
  const pageward_unmapped memory = AllocateSecret();
  pageward_view view = Get(memory);
  const VirtRange home = FindProcessPool()->home();
  const VirtRange seen{VirtAddr::Of(view.data), kFrameBytes};
  InChild([&] {
    os::LinuxOs os;
    EXPECT_NE(TryRead(seen.begin), Access::kOk) << "also where a view was open";
    EXPECT_NE(TryRead(home.begin), Access::kOk);
    EXPECT_EQ(os.ReserveHole(home).error(), Error::kInUse) << "the hole is taken";
    EXPECT_EQ(os.ReserveHole(seen).error(), Error::kInUse);
    EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_GONE);
    std::size_t size = 0;
    EXPECT_EQ(pageward_unmapped_size(memory, &size), PAGEWARD_GONE);
    pageward_view own = {};
    EXPECT_EQ(pageward_view_get(memory, 0, 1, PAGEWARD_VIEW_READ_ONLY, &own), PAGEWARD_GONE);
    pageward_view inherited = view;
    EXPECT_EQ(pageward_view_put(&inherited), PAGEWARD_INVALID);
    // And it can have unmapped memory of its own.
    const pageward_unmapped fresh = AllocateSecret();
    EXPECT_NE(fresh.value, memory.value);
    own = Get(fresh);
    EXPECT_STREQ(static_cast<const char*>(own.data), kSecret);
    EXPECT_EQ(pageward_view_put(&own), PAGEWARD_OK);
  });
  EXPECT_EQ(std::memcmp(view.data, kSecret, sizeof(kSecret)), 0) << "the parent has all of it";
  EXPECT_EQ(pageward_view_put(&view), PAGEWARD_OK);
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_OK);
}

// --- Limits --------------------------------------------------------------------------------------

void LimitLockedMemory(rlim_t bytes) {
  const rlimit limit = {bytes, bytes};
  ASSERT_EQ(::setrlimit(RLIMIT_MEMLOCK, &limit), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::setresuid(65534, 65534, 65534), 0);  // Root may lock whatever the limit says.
  }
}

// Whether secret memory counts against the limit; some kernels keep it in memory and do not count.
bool CountsSecretMemory() {
  const pid_t child = ::fork();
  if (child == 0) {
    LimitLockedMemory(1 << 20);
    os::LinuxOs os;
    const auto range = os.Reserve(4 << 20, kPageblockBytes);
    const auto memory = os.CreateShared(os::SharedMemory::kSecret, 4 << 20);
    const bool is_mapped = memory.ok() && os.MapShared(*memory, *range, os::Protection::kNone).ok();
    ::_exit(is_mapped ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0;
}

// Spec: U39
TEST(ViewApiLimitTest, MoreSecretMemoryThanMayBeLockedIsRefusedOrBecomesOrdinary) {
  if (!HasSecretMemory()) {
    GTEST_SKIP() << "this kernel grants no memfd_secret";
  }
  if (!CountsSecretMemory()) {
    GTEST_SKIP() << "RLIMIT_MEMLOCK does not bound memfd_secret here; it was seen to (Linux 6.18)";
  }
  InChild([] {
    LimitLockedMemory(8 << 20);
    EXPECT_EQ(Start(PAGEWARD_UNMAPPED_REQUIRES_SECRET, 64 << 20), PAGEWARD_LIMIT);
    EXPECT_EQ(Start(0, 64 << 20), PAGEWARD_OK) << "nothing was left by the failure";
    const pageward_unmapped_info info = Describe();
    EXPECT_EQ(info.is_secret, 0);
    EXPECT_EQ(info.secret_refusal, PAGEWARD_LIMIT);
    EXPECT_EQ(info.lock_refusal, PAGEWARD_LIMIT) << "and it says that it is not locked";
    pageward_view view = Get(AllocateSecret());
    EXPECT_STREQ(static_cast<const char*>(view.data), kSecret);
  });
}

// Spec: U39
TEST(ViewApiLimitTest, WithoutASizeThePoolIsAsLargeAsLetsItBeSecret) {
  if (!HasSecretMemory()) {
    GTEST_SKIP() << "this kernel grants no memfd_secret";
  }
  if (!CountsSecretMemory()) {
    GTEST_SKIP() << "RLIMIT_MEMLOCK does not bound memfd_secret here; it was seen to (Linux 6.18)";
  }
  InChild([] {
    LimitLockedMemory(8 << 20);
    const pageward_unmapped_info info = Describe();
    EXPECT_EQ(info.is_secret, 1);
    EXPECT_EQ(info.bytes, 4u << 20) << "half of the limit, so that views have room";
    EXPECT_EQ(info.secret_refusal, PAGEWARD_OK);
    pageward_view view = Get(AllocateSecret());
    EXPECT_STREQ(static_cast<const char*>(view.data), kSecret);
  });
}

// --- The kernel on somebody's behalf -------------------------------------------------------------

// The lines of /proc/self/smaps about the mapping at `at`.
std::string SmapsAt(const void* at) {
  std::ifstream smaps("/proc/self/smaps");
  std::string found;
  bool is_it = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      const auto value = VirtAddr::Of(at).value();
      is_it = begin <= value && value < end;
    }
    found += is_it ? line + "\n" : "";
  }
  return found;
}

// Spec: U31
TEST(ViewApiKernelTest, NoCoreDumpHasTheMemoryOrAView) {
  const pageward_unmapped memory = AllocateSecret();
  pageward_view view = Get(memory);
  const void* home = FindProcessPool()->home().begin.AsPointer();
  for (const void* at : {const_cast<const void*>(view.data), home}) {
    const std::string smaps = SmapsAt(at);
    const auto flags = smaps.substr(smaps.find("VmFlags:"));
    EXPECT_NE(flags.find(" dd"), std::string::npos) << "kept out of dumps: " << smaps;
    EXPECT_NE(flags.find(" dc"), std::string::npos) << "and of fork: " << smaps;
    // Secret memory stays where it is, whether it counts as locked or not.
    const bool is_locked = flags.find(" lo") != std::string::npos || Describe().is_secret != 0;
    EXPECT_EQ(is_locked, Describe().lock_refusal == PAGEWARD_OK) << smaps;
  }
  EXPECT_EQ(pageward_view_put(&view), PAGEWARD_OK);
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_OK);
}

// Spec: U27
TEST(ViewApiKernelTest, NoDescriptorReachesTheMemory) {
  const pageward_unmapped memory = AllocateSecret();
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code none;
    const std::string target = std::filesystem::read_symlink(entry, none).string();
    EXPECT_EQ(target.find("pageward"), std::string::npos) << target;
    EXPECT_EQ(target.find("secretmem"), std::string::npos) << target;
  }
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_OK);
}

// A child with a view open, which waits until it is killed.
class Victim {
 public:
  explicit Victim(uint32_t flags) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    child_ = ::fork();
    if (child_ == 0) {
      void* where[2] = {};
      if (Start(flags, 4 << 20) == PAGEWARD_OK) {
        where[0] = Get(AllocateSecret()).data;
        where[1] = FindProcessPool()->home().begin.AsPointer();
      }
      static_cast<void>(!::write(ends[1], where, sizeof(where)));
      ::pause();
      ::_exit(0);
    }
    void* where[2] = {};
    EXPECT_EQ(::read(ends[0], where, sizeof(where)), static_cast<ssize_t>(sizeof(where)));
    view_ = where[0];
    home_ = where[1];
    ::close(ends[0]);
    ::close(ends[1]);
  }
  ~Victim() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  void* view() const { return view_; }
  void* home() const { return home_; }

  bool ReadsByVm(void* at) const {
    char bytes[8] = {};
    const iovec to = {bytes, sizeof(bytes)};
    const iovec from = {at, sizeof(bytes)};
    return ::process_vm_readv(child_, &to, 1, &from, 1, 0) > 0;
  }
  bool ReadsByFile(void* at) const {
    const std::string path = "/proc/" + std::to_string(child_) + "/mem";
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    char bytes[8] = {};
    const auto offset = static_cast<off_t>(VirtAddr::Of(at).value());
    const bool is_read = ::pread(file, bytes, sizeof(bytes), offset) > 0;
    ::close(file);
    return is_read;
  }
  bool ReadsByPtrace(void* at) const {
    EXPECT_EQ(::ptrace(PTRACE_ATTACH, child_, nullptr, nullptr), 0);
    ::waitpid(child_, nullptr, 0);
    errno = 0;
    static_cast<void>(::ptrace(PTRACE_PEEKDATA, child_, at, nullptr));
    const bool is_read = errno == 0;
    ::ptrace(PTRACE_DETACH, child_, nullptr, nullptr);
    return is_read;
  }

 private:
  pid_t child_ = -1;
  void* view_ = nullptr;
  void* home_ = nullptr;
};

// Spec: U27
TEST(ViewApiKernelTest, TheKernelReadsNoSecretMemoryForAnybody) {
  if (!HasSecretMemory()) {
    GTEST_SKIP() << "this kernel grants no memfd_secret";
  }
  const Victim victim(PAGEWARD_UNMAPPED_REQUIRES_SECRET);
  ASSERT_NE(victim.view(), nullptr);
  for (void* at : {victim.view(), victim.home()}) {
    EXPECT_FALSE(victim.ReadsByVm(at));
    EXPECT_FALSE(victim.ReadsByFile(at));
    EXPECT_FALSE(victim.ReadsByPtrace(at));
  }
}

// What the weaker tiers let through, so that the case above could fail.
TEST(ViewApiKernelTest, TheKernelReadsOrdinaryMemoryThroughAViewAndPastProtection) {
  const Victim victim(PAGEWARD_UNMAPPED_ORDINARY);
  ASSERT_NE(victim.view(), nullptr);
  EXPECT_TRUE(victim.ReadsByVm(victim.view()));
  EXPECT_TRUE(victim.ReadsByFile(victim.view()));
  EXPECT_TRUE(victim.ReadsByPtrace(victim.view()));
  EXPECT_FALSE(victim.ReadsByVm(victim.home()));
  EXPECT_TRUE(victim.ReadsByFile(victim.home())) << "/proc/PID/mem overrides protection";
}

struct RingParameters {
  std::uint32_t words[30];  // struct io_uring_params: 120 bytes.
};

// Whether io_uring takes `view` as a registered buffer; nothing if there is no io_uring.
std::optional<bool> IsRegistered(const pageward_view& view) {
  constexpr long kSetup = 425;  // arch/x86/entry/syscalls/syscall_64.tbl
  constexpr long kRegister = 427;
  RingParameters parameters = {};
  const long ring = ::syscall(kSetup, 4, &parameters);
  if (ring < 0) {
    return std::nullopt;
  }
  const iovec buffer = {view.data, view.size};
  const bool is_registered = ::syscall(kRegister, ring, 0, &buffer, 1) == 0;
  ::close(static_cast<int>(ring));
  return is_registered;
}

// Spec: U27
TEST(ViewApiKernelTest, IoUringRegistersNoSecretMemory) {
  if (!HasSecretMemory()) {
    GTEST_SKIP() << "this kernel grants no memfd_secret";
  }
  const pageward_unmapped memory = AllocateSecret();
  pageward_view view = Get(memory);
  const std::optional<bool> is_registered = IsRegistered(view);
  EXPECT_EQ(pageward_view_put(&view), PAGEWARD_OK);
  EXPECT_EQ(pageward_unmapped_free(memory), PAGEWARD_OK);
  if (!is_registered) {
    GTEST_SKIP() << "no io_uring on this machine";
  }
  EXPECT_EQ(*is_registered, Describe().is_secret == 0);
}

}  // namespace
}  // namespace pageward::engine
