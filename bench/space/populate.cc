// Question: what does it cost to fill memory page by page that is protected but for the moment of
// writing?
//
// Each way fills so many MiB, a page at a time, and closes what it has written:
//
//   none       memory that nobody protects
//   ad_hoc     every page is opened and closed by itself
//   grouped    protection is changed for 2 MiB at once, and each page written in a window
//   converted  as grouped, on pages that are protected already
//   by_block   how Pageward hands memory out: huge pages, brought in and protected by block
//   views      unmapped memory, through views of 2 MiB
//   secretmem  memfd_secret(2): not in the kernel's direct map, but open to the process
//   sodium     libsodium's sodium_mprotect_readwrite() and _noaccess() around each page
//
// cold: pages that were never touched; warm: they are there. 4k, thp: what backs them. With `noisy`
// a second thread runs meanwhile, so that taking rights away has to interrupt it.
//
// Prints `key value unit` lines. Where there are no protection keys a window is a change of
// protection, of the block in `grouped` and of the page in the figures of views: `by_keys` is 0.
#include <dlfcn.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/arch/cpu.h"
#include "runtime/engine/unmapped_pool.h"
#include "runtime/keys/access_scope.h"
#include "runtime/keys/key_broker.h"
#include "runtime/os/linux_os.h"
#include "tests/support/os/faulty_os.h"

namespace pageward {
namespace {

using os::Protection;
using Purpose = keys::KeyBroker::Purpose;

constexpr int kRepetitions = 5;

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "populate: %s\n", what);
  std::exit(1);
}

void Check(const Status& status, const char* what) {
  if (!status.ok()) {
    Fail(what);
  }
}

void Print(const std::string& key, double value, const char* unit) {
  std::printf("%s %.6g %s\n", key.c_str(), value, unit);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

enum class Backing { k4k, kThp };

// A range for one measurement, unmapped at its end.
class Memory {
 public:
  Memory(os::Os& os, std::uint64_t bytes, Backing backing) : os_(os) {
    const Result<VirtRange> range = os.Reserve(bytes, kPageblockBytes);
    Check(range.ok() ? Status() : range.error(), "no addresses");
    range_ = *range;
    Check(os.Protect(range_, Protection::kReadWrite), "no memory");
    static_cast<void>(os.Advise(
        range_, backing == Backing::kThp ? os::HugePages::kPreferred : os::HugePages::kNever));
  }
  ~Memory() { static_cast<void>(os_.Unmap(range_)); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  VirtRange range() const { return range_; }

 private:
  os::Os& os_;
  VirtRange range_;
};

void WritePage(VirtAddr at) {
  std::memset(at.AsPointer(), 0x5a, kFrameBytes);
}

void WriteAll(VirtRange range) {
  for (std::uint64_t at = 0; at < range.bytes; at += kFrameBytes) {
    WritePage(range.begin + at);
  }
}

// Protection by a key where there is one, else by page permissions.
class Protector {
 public:
  Protector(os::Os& os, keys::KeyBroker& keys) : os_(os), key_(KeyOf(keys)) {}

  bool HasKey() const { return key_.has_value(); }

  void Close(VirtRange range) {
    Check(key_ ? os_.ProtectWithKey(range, Protection::kReadWrite, *key_)
               : os_.Protect(range, Protection::kNone),
          "cannot close");
  }
  // For everybody.
  void Open(VirtRange range) {
    Check(key_ ? os_.ProtectWithKey(range, Protection::kReadWrite, arch::kDefaultPkey)
               : os_.Protect(range, Protection::kReadWrite),
          "cannot open");
  }
  // Writes closed pages of one block, each in a window.
  void WriteBlock(VirtRange block) {
    if (!key_) {
      Open(block);
      WriteAll(block);
      Close(block);
      return;
    }
    for (std::uint64_t at = 0; at < block.bytes; at += kFrameBytes) {
      const keys::AccessScope window(key_, arch::KeyAccess::kReadWrite);
      WritePage(block.begin + at);
    }
  }

 private:
  static std::optional<arch::Pkey> KeyOf(keys::KeyBroker& keys) {
    const Result<arch::Pkey> key = keys.KeyFor(Purpose::kThirdView);
    return key.ok() ? std::optional(*key) : std::nullopt;
  }

  os::Os& os_;
  std::optional<arch::Pkey> key_;
};

template <typename Act>
void ForEachBlock(VirtRange range, Act act) {
  for (std::uint64_t at = 0; at < range.bytes; at += kPageblockBytes) {
    act(VirtRange{range.begin + at, kPageblockBytes});
  }
}

// libsodium, if this machine has it.
struct Sodium {
  void* (*allocate)(std::size_t) = nullptr;
  void (*free)(void*) = nullptr;
  int (*close)(void*) = nullptr;
  int (*open)(void*) = nullptr;

  static std::optional<Sodium> Load() {
    void* library = dlopen("libsodium.so.23", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      return std::nullopt;
    }
    Sodium sodium;
    const auto find = [library](auto& function, const char* name) {
      *reinterpret_cast<void**>(&function) = dlsym(library, name);
    };
    int (*init)() = nullptr;
    find(init, "sodium_init");
    find(sodium.allocate, "sodium_malloc");
    find(sodium.free, "sodium_free");
    find(sodium.close, "sodium_mprotect_noaccess");
    find(sodium.open, "sodium_mprotect_readwrite");
    return init != nullptr && init() >= 0 ? std::optional(sodium) : std::nullopt;
  }
};

class Populate {
 public:
  explicit Populate(std::uint64_t bytes) : bytes_(bytes), protector_(os_, keys_) {}

  void Run() {
    Print("by_keys", protector_.HasKey() ? 1 : 0, "yes");
    for (const bool is_noisy : {false, true}) {
      std::atomic<bool> is_over{false};
      std::thread noise;
      if (is_noisy) {
        noise = std::thread([&is_over] {
          while (!is_over.load(std::memory_order_relaxed)) {
          }
        });
      }
      for (const Backing backing : {Backing::k4k, Backing::kThp}) {
        MeasureWays(backing, std::string(is_noisy ? "noisy_" : "") +
                                 (backing == Backing::k4k ? "4k_" : "thp_"));
      }
      if (!is_noisy) {
        MeasureOthers();
      }
      if (noise.joinable()) {
        is_over.store(true);
        noise.join();
      }
    }
    MeasureViews();
  }

 private:
  // Nanoseconds for a page of what `act` does to memory that `prepare` has seen.
  template <typename Prepare, typename Act>
  double Measure(Backing backing, Prepare prepare, Act act) {
    std::vector<double> times;
    for (int i = 0; i < kRepetitions; ++i) {
      const Memory memory(os_, bytes_, backing);
      prepare(memory.range());
      const std::uint64_t begin = os_.MonotonicNs();
      act(memory.range());
      times.push_back(PerPage(os_.MonotonicNs() - begin));
    }
    return Median(times);
  }
  double PerPage(std::uint64_t ns) const {
    return static_cast<double>(ns) / static_cast<double>(bytes_ / kFrameBytes);
  }

  void MeasureWays(Backing backing, const std::string& name) {
    const auto nothing = [](VirtRange) {};
    const auto write = [](VirtRange range) { WriteAll(range); };
    const auto ad_hoc = [this](VirtRange range) {
      for (std::uint64_t at = 0; at < range.bytes; at += kFrameBytes) {
        const VirtRange page{range.begin + at, kFrameBytes};
        protector_.Open(page);
        WritePage(page.begin);
        protector_.Close(page);
      }
    };
    const auto close = [this](VirtRange range) { protector_.Close(range); };
    const auto write_and_close = [&](VirtRange range) { write(range), close(range); };
    // Without keys all ways but the last begin with memory that is closed already.
    const auto close_without_keys = [this](VirtRange range) {
      if (!protector_.HasKey()) {
        protector_.Close(range);
      }
    };
    const auto write_and_prepare = [&](VirtRange range) {
      write(range), close_without_keys(range);
    };
    const auto grouped = [this](VirtRange range) {
      ForEachBlock(range, [this](VirtRange block) {
        if (protector_.HasKey()) {
          protector_.Close(block);
        }
        protector_.WriteBlock(block);
      });
    };
    const auto converted = [this](VirtRange range) {
      ForEachBlock(range, [this](VirtRange block) { protector_.WriteBlock(block); });
    };
    const auto by_block = [this](VirtRange range) {
      ForEachBlock(range, [this](VirtRange block) {
        static_cast<void>(os_.Populate(block));
        if (protector_.HasKey()) {
          protector_.Close(block);
          protector_.WriteBlock(block);
        } else {
          WriteAll(block);
          protector_.Close(block);
        }
      });
    };
    Print(name + "cold_none", Measure(backing, nothing, write), "ns/page");
    Print(name + "cold_ad_hoc", Measure(backing, close, ad_hoc), "ns/page");
    Print(name + "cold_grouped", Measure(backing, close_without_keys, grouped), "ns/page");
    Print(name + "cold_converted", Measure(backing, close, converted), "ns/page");
    Print(name + "cold_by_block", Measure(backing, nothing, by_block), "ns/page");
    Print(name + "warm_none", Measure(backing, write, write), "ns/page");
    Print(name + "warm_ad_hoc", Measure(backing, write_and_close, ad_hoc), "ns/page");
    Print(name + "warm_grouped", Measure(backing, write_and_prepare, grouped), "ns/page");
    Print(name + "warm_converted", Measure(backing, write_and_close, converted), "ns/page");
  }

  void MeasureOthers() {
    std::vector<double> times;
    for (int i = 0; i < kRepetitions; ++i) {
      const Result<VirtRange> range = os_.Reserve(bytes_, kPageblockBytes);
      const auto memory = os_.CreateShared(os::SharedMemory::kSecret, bytes_);
      if (!range.ok() || !memory.ok() ||
          !os_.MapShared(*memory, *range, Protection::kReadWrite).ok()) {
        std::puts("cold_secretmem_refused 1 yes");
        break;
      }
      os_.Close(*memory);
      const std::uint64_t begin = os_.MonotonicNs();
      WriteAll(*range);
      times.push_back(PerPage(os_.MonotonicNs() - begin));
      static_cast<void>(os_.Unmap(*range));
    }
    if (!times.empty()) {
      Print("4k_cold_secretmem", Median(times), "ns/page");
    }
    if (const std::optional<Sodium> sodium = Sodium::Load()) {
      MeasureSodium(*sodium);
    }
  }

  // Objects of a page, since a call opens a whole object.
  void MeasureSodium(const Sodium& sodium) {
    const std::size_t count = std::min<std::size_t>(bytes_ / kFrameBytes, 4096);
    std::vector<void*> objects(count);
    for (void*& object : objects) {
      object = sodium.allocate(kFrameBytes);
      if (object == nullptr) {
        std::puts("sodium_refused 1 yes");
        return;  // Locked memory or mappings are at their limit.
      }
      sodium.close(object);
    }
    const std::uint64_t begin = os_.MonotonicNs();
    for (void* object : objects) {
      sodium.open(object);
      std::memset(object, 0x5a, kFrameBytes);
      sodium.close(object);
    }
    Print("4k_warm_sodium",
          static_cast<double>(os_.MonotonicNs() - begin) / static_cast<double>(count), "ns/page");
    for (void* object : objects) {
      sodium.open(object);
      sodium.free(object);
    }
  }

  // --- Views ---------------------------------------------------------------------------------

  void MeasureViews() {
    testing_support::FaultyOs counting;  // It counts system calls; nothing is made to fail.
    auto pool = std::make_unique<engine::UnmappedPool>();
    Check(pool->Start(counting, keys_, {.bytes = bytes_, .uses_secret = false}), "no pool");
    engine::ThreadViews& views = **pool->AddThread();
    const engine::UnmappedHandle memory = *pool->Allocate(bytes_);
    const std::vector<std::byte> page(kFrameBytes, std::byte{0x5a});
    const auto fill = [&] {
      const std::uint64_t begin = os_.MonotonicNs();
      for (std::uint64_t at = 0; at < bytes_; at += kPageblockBytes) {
        const auto view =
            pool->Get(views, {memory, at, kPageblockBytes}, space::ViewAccess::kReadWrite, nullptr);
        Check(view.ok() ? Status() : view.error(), "no view");
        WriteAll(view->range());
        Check(pool->Put(views, *view), "no put");
      }
      return PerPage(os_.MonotonicNs() - begin);
    };
    Print("4k_cold_views", fill(), "ns/page");
    Print("4k_warm_views", fill(), "ns/page");
    CountFirstViews(*pool, memory, counting);
    MeasureHits(*pool, views, memory);
    pool->RemoveThread(views);
    pool->Stop();
  }

  void CountFirstViews(engine::UnmappedPool& pool, engine::UnmappedHandle memory,
                       testing_support::FaultyOs& counting) {
    std::uint32_t most = 0;
    for (const std::uint64_t bytes : {std::uint64_t{1}, std::uint64_t{kPageblockBytes}}) {
      engine::ThreadViews& fresh = **pool.AddThread();
      const std::uint32_t before = counting.faults().all_calls();
      const auto view = pool.Get(fresh, {memory, 0, bytes}, space::ViewAccess::kReadWrite, nullptr);
      const std::uint32_t calls = counting.faults().all_calls() - before;
      Check(view.ok() ? Status() : view.error(), "no view");
      Check(pool.Put(fresh, *view), "no put");
      pool.RemoveThread(fresh);
      most = std::max(most, calls);
    }
    Print("view_first_syscalls", most, "calls");
  }

  // A view that is found again, beside a window: opening and closing a page that is mapped.
  void MeasureHits(engine::UnmappedPool& pool, engine::ThreadViews& views,
                   engine::UnmappedHandle memory) {
    const std::uint64_t rounds = 4 * bytes_ / kFrameBytes;
    const Memory closed(os_, kPageblockBytes, Backing::k4k);
    const VirtRange page{closed.range().begin, kFrameBytes};
    WriteAll(closed.range());
    protector_.Close(page);
    std::vector<double> windows;
    std::vector<double> hits;
    for (int i = 0; i < kRepetitions; ++i) {
      std::uint64_t begin = os_.MonotonicNs();
      for (std::uint64_t round = 0; round < rounds; ++round) {
        Touch(page);
      }
      windows.push_back(static_cast<double>(os_.MonotonicNs() - begin) /
                        static_cast<double>(rounds));
      begin = os_.MonotonicNs();
      for (std::uint64_t round = 0; round < rounds; ++round) {
        const auto view = pool.Get(views, {memory, 0, 1}, space::ViewAccess::kReadWrite, nullptr);
        *view->range().begin.AsPointer<volatile char>() = 1;
        static_cast<void>(pool.Put(views, *view));
      }
      hits.push_back(static_cast<double>(os_.MonotonicNs() - begin) / static_cast<double>(rounds));
    }
    Print("window", Median(windows), "ns");
    Print("view_hit", Median(hits), "ns");
  }

  // One window on `page`.
  void Touch(VirtRange page) {
    if (protector_.HasKey()) {
      const keys::AccessScope window(keys_.ClaimedKey(Purpose::kThirdView),
                                     arch::KeyAccess::kReadWrite);
      *page.begin.AsPointer<volatile char>() = 1;
    } else {
      protector_.Open(page);
      *page.begin.AsPointer<volatile char>() = 1;
      protector_.Close(page);
    }
  }

  const std::uint64_t bytes_;
  os::LinuxOs os_;
  keys::KeyBroker keys_{os_, keys::KeyUse::kIfPresent};
  Protector protector_;
};

}  // namespace
}  // namespace pageward

int main(int argc, char** argv) {
  std::uint64_t mib = 256;
  if (argc > 1 && std::strncmp(argv[1], "mib=", 4) == 0) {
    mib = std::strtoull(argv[1] + 4, nullptr, 10);
  }
  if (argc > 2 || !pageward::IsPowerOfTwo(mib) || mib < 2) {
    std::fputs("usage: populate [mib=<a power of two>]\n", stderr);
    return 2;
  }
  pageward::Populate(mib << 20).Run();
  return 0;
}
