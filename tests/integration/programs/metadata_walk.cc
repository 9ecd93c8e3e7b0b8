// Tries to write to every page of closed metadata, from outside the gate, on several threads at
// once, while others keep the heap busy. Where metadata lies is asked of the kernel: it is what
// carries the key that the report names.
//
// usage: metadata_walk KEY [write | overflow | cache | slot | mallctl | mib | name | length |
// stats]
//
// Without a second word it prints "pages N denied M threads T": of the pages with the key that are
// writable but for it, how many there are, and how many attempts were refused with SEGV_PKUERR, by
// all threads together.
//
// With one it gets metadata written in one way and should not survive it: by itself, by running
// on from memory that it may write, by a free() with a forged thread cache or one that was given a
// forged pointer, or by asking an entry point of the heap to leave an answer there. `stats` lets a
// function of the program's, called by the heap, write it.
#include <link.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

extern "C" {
int mallctl(const char* name, void* oldp, std::size_t* oldlenp, void* newp, std::size_t newlen)
    __attribute__((weak));
int mallctlnametomib(const char* name, std::size_t* mibp, std::size_t* miblenp)
    __attribute__((weak));
int mallctlbymib(const std::size_t* mib, std::size_t miblen, void* oldp, std::size_t* oldlenp,
                 void* newp, std::size_t newlen) __attribute__((weak));
void malloc_stats_print(void (*write)(void*, const char*), void* opaque, const char* options)
    __attribute__((weak));
}

namespace {

struct Range {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

constexpr std::uintptr_t kPage = 4096;
constexpr int kWalkers = 3;
constexpr int kWorkers = 3;

std::atomic<bool> g_stop{false};
std::atomic<unsigned> g_started{0};

// --- The heap at work ----------------------------------------------------------------------------

void Churn(unsigned seed) {
  std::vector<void*> held(400);
  bool is_counted = false;
  while (!g_stop.load(std::memory_order_relaxed)) {
    for (int i = 0; i < 2000; ++i) {
      seed = seed * 1664525 + 1013904223;
      void*& object = held[(seed >> 8) % held.size()];
      std::free(object);
      object = std::malloc((seed >> 12) % ((seed & 63) == 0 ? 300000 : 1200));
    }
    if (!is_counted) {
      is_counted = true;
      ++g_started;
    }
  }
  for (void* object : held) {
    std::free(object);
  }
}

// --- Attempts ------------------------------------------------------------------------------------

thread_local sigjmp_buf t_back;
thread_local int t_code = 0;
thread_local bool t_is_probing = false;

void OnFault(int, siginfo_t* info, void*) {
  if (!t_is_probing) {
    _exit(99);
  }
  t_code = info->si_code;
  siglongjmp(t_back, 1);
}

// The handler is left by a jump, which leaves this thread with the handler's rights: every key but
// 0 closed. They are put back, so that each attempt is made with what the thread had.
std::uint32_t ReadRights() {
  std::uint32_t eax = 0;
  std::uint32_t edx = 0;
  asm volatile(".byte 0x0f, 0x01, 0xee" : "=a"(eax), "=d"(edx) : "c"(0));
  return eax;
}
void WriteRights(std::uint32_t rights) {
  asm volatile(".byte 0x0f, 0x01, 0xef" : : "a"(rights), "c"(0), "d"(0) : "memory");
}

// Returns the si_code of the fault, or 0 if the write went through. What it writes is what is
// there, but for the moment in between.
[[gnu::noinline]] int TryWrite(std::uintptr_t address) {
  t_code = 0;
  t_is_probing = true;
  if (sigsetjmp(t_back, 1) == 0) {
    auto* byte = reinterpret_cast<volatile unsigned char*>(address);
    *byte = *byte;
  }
  t_is_probing = false;
  return t_code;
}

struct Count {
  std::uint64_t pages = 0;
  std::uint64_t denied = 0;
};

Count Walk(const std::vector<Range>& ranges) {
  const std::uint32_t rights = ReadRights();
  Count count;
  for (const Range& range : ranges) {
    for (std::uintptr_t at = range.begin; at < range.end; at += kPage) {
      ++count.pages;
      count.denied += TryWrite(at + at / kPage % kPage) == SEGV_PKUERR ? 1 : 0;
      WriteRights(rights);
    }
  }
  return count;
}

// --- What the kernel says ------------------------------------------------------------------------

// The mappings with `key` that could be written if it were open, and where one of them follows a
// mapping that is. Without allocating: the heap must not change under it.
std::size_t FindMappings(unsigned key, Range* found, std::size_t most,
                         std::uintptr_t* border = nullptr) {
  std::FILE* smaps = std::fopen("/proc/self/smaps", "r");
  static char buffer[1 << 16];
  std::setvbuf(smaps, buffer, _IOFBF, sizeof(buffer));
  char line[512];
  Range now;
  bool is_writable = false;
  std::uintptr_t open_end = 0;
  std::size_t count = 0;
  while (std::fgets(line, sizeof(line), smaps) != nullptr) {
    char rights[5] = {};
    unsigned carried = 0;
    unsigned long begin = 0;
    unsigned long end = 0;
    if (std::sscanf(line, "%lx-%lx %4s", &begin, &end, rights) == 3) {
      now = Range{begin, end};
      is_writable = rights[1] == 'w';
    } else if (std::sscanf(line, "ProtectionKey: %u", &carried) == 1 && is_writable) {
      if (carried == key && count < most) {
        found[count++] = now;
      }
      if (carried == key && border != nullptr && now.begin == open_end) {
        *border = open_end;
      }
      open_end = carried == 0 ? now.end : 0;
    }
  }
  std::fclose(smaps);
  return count;
}

// The kernel's struct sigaction (x86-64).
struct KernelAction {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  void (*restorer)();
  unsigned long mask;
};

// Past libc, where the heap would be asked first and end the process. The handler never returns.
void InstallHandler() {
  constexpr unsigned long kRestorer = 0x04000000;  // SA_RESTORER
  KernelAction action = {&OnFault, SA_SIGINFO | SA_NODEFER | SA_ONSTACK | kRestorer, [] {}, 0};
  if (syscall(SYS_rt_sigaction, SIGSEGV, &action, nullptr, sizeof(action.mask)) != 0) {
    std::exit(4);
  }
}

// --- One write -----------------------------------------------------------------------------------

// A page of metadata, and one that follows memory which anybody may write.
Range g_target;
std::uintptr_t g_border = 0;

// The library's thread-local data of this thread.
int FindThreadData(dl_phdr_info* info, std::size_t, void* found) {
  if (std::strstr(info->dlpi_name, "pageward-preload") == nullptr) {
    return 0;
  }
  for (unsigned i = 0; i < info->dlpi_phnum; ++i) {
    if (info->dlpi_phdr[i].p_type == PT_TLS) {
      const auto begin = reinterpret_cast<std::uintptr_t>(info->dlpi_tls_data);
      *static_cast<Range*>(found) = Range{begin, begin + info->dlpi_phdr[i].p_memsz};
    }
  }
  return 1;
}

// Returns the word at `address`, or null if nothing can be read there.
void* WordAt(void* address) {
  void* word = nullptr;
  iovec here = {&word, sizeof(word)};
  iovec there = {address, sizeof(word)};
  return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == sizeof(word) ? word : nullptr;
}

enum class Forged { kHead, kSlot };

// Lets the next free() of 64 bytes store what it is given into `target`, or puts `target` among the
// objects that are free: the heads of this thread's caches are the pointers that lead to what was
// freed last.
bool ForgeCache(Forged part, void* target) {
  Range data;
  dl_iterate_phdr(&FindThreadData, &data);
  void* const last = std::malloc(64);
  std::free(last);
  bool is_forged = false;
  for (std::uintptr_t at = data.begin; at + sizeof(void*) <= data.end; at += sizeof(void*)) {
    void** const word = reinterpret_cast<void**>(at);
    if (*word != nullptr && WordAt(*word) == last) {
      if (part == Forged::kHead) {
        *word = target;
      } else {
        *static_cast<void**>(*word) = target;
      }
      is_forged = true;
    }
  }
  return is_forged;
}

int WriteBy(const std::string& way) {
  void* const target = reinterpret_cast<void*>(g_target.begin + 128);
  std::size_t length = sizeof(std::size_t);
  if (way == "write") {
    *static_cast<volatile char*>(target) = 1;
  } else if (way == "overflow") {
    if (g_border == 0) {
      std::puts("no border");
      return 2;
    }
    for (std::uintptr_t at = g_border - 64; at < g_border + 64; ++at) {
      auto* byte = reinterpret_cast<volatile unsigned char*>(at);
      *byte = *byte;
    }
  } else if (way == "cache") {
    void* const object = std::malloc(64);
    if (!ForgeCache(Forged::kHead, target)) {
      std::puts("no cache");
      return 2;
    }
    std::free(object);
  } else if (way == "slot") {
    std::vector<void*> objects(1000);
    for (void*& object : objects) {
      object = std::malloc(64);
    }
    if (!ForgeCache(Forged::kSlot, target)) {
      std::puts("no cache");
      return 2;
    }
    for (void* object : objects) {
      std::free(object);
    }
  } else if (way == "mallctl") {
    mallctl("stats.allocated", target, &length, nullptr, 0);
  } else if (way == "mib") {
    std::size_t mib[2];
    std::size_t mib_length = 2;
    mallctlnametomib("stats.allocated", mib, &mib_length);
    mallctlbymib(mib, mib_length, target, &length, nullptr, 0);
  } else if (way == "name") {
    std::size_t mib_length = 2;
    mallctlnametomib("stats.allocated", static_cast<std::size_t*>(target), &mib_length);
  } else if (way == "length") {
    std::size_t value = 0;
    mallctl("stats.allocated", &value, static_cast<std::size_t*>(target), nullptr, 0);
  } else if (way == "stats") {
    malloc_stats_print([](void* at, const char*) { *static_cast<volatile char*>(at) = 1; }, target,
                       nullptr);
  } else {
    std::puts("unknown way");
    return 2;
  }
  std::puts("survived");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    return 2;
  }
  const auto key = static_cast<unsigned>(std::atoi(argv[1]));
  if (argc == 3) {
    return FindMappings(key, &g_target, 1, &g_border) == 1 ? WriteBy(argv[2]) : 3;
  }
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < kWorkers; ++i) {
    workers.emplace_back(Churn, i + 1);
  }
  // Everything that the threads will need has grown by then.
  while (g_started < kWorkers) {
    std::this_thread::yield();
  }
  static Range found[256];
  const std::vector<Range> ranges(found, found + FindMappings(key, found, 256));
  InstallHandler();
  Count counts[kWalkers];
  std::vector<std::thread> walkers;
  for (Count& count : counts) {
    walkers.emplace_back([&count, &ranges] { count = Walk(ranges); });
  }
  for (std::thread& walker : walkers) {
    walker.join();
  }
  const Count own = Walk(ranges);
  g_stop = true;
  for (std::thread& worker : workers) {
    worker.join();
  }
  std::uint64_t denied = own.denied;
  for (const Count& count : counts) {
    denied += count.denied;
  }
  std::printf("pages %lu denied %lu threads %d\n", own.pages, denied, kWalkers + 1);
  return own.pages > 0 && denied == own.pages * (kWalkers + 1) ? 0 : 1;
}
