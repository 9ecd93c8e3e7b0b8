// Question: what does a window cost beside the two writes of a register that it is made of, and
// beside two changes of protection of a page?
//
// Each in turns, nine rounds; the medians. Prints `key value unit` lines.
#include <sys/mman.h>

#include "bench/library/timing.h"

namespace pageward::bench {
namespace {

void OpenAndClose(pageward_domain domain) {
  pageward_window window;
  if (pageward_window_open(domain, PAGEWARD_READ_WRITE, &window) != PAGEWARD_OK ||
      pageward_window_close(&window) != PAGEWARD_OK) {
    Give(1, "a window did not open and close");
  }
}

int Main(bool is_quick) {
  RequireKeys();
  pageward_domain domain = {0};
  Require(pageward_domain_create(nullptr, &domain));
  void* object = nullptr;
  Require(pageward_alloc(domain, 64, 0, &object));
  OpenAndClose(domain);
  void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) {
    Give(1, "no page");
  }
  *static_cast<volatile char*>(page) = 1;

  auto* volatile open = &pageward_window_open;
  auto* volatile close = &pageward_window_close;
  const std::uint64_t loads = Stats().domain_loads;
  const std::uint64_t count = is_quick ? 2000 : 2'000'000;
  // The floor: what a window can't do without. The rights stay what they are.
  const std::uint32_t rights = pageward_read_rights();
  Times bare;
  Times window;
  Times twin;
  Times mprotect_pair;
  for (std::size_t round = 0; round < kRounds; ++round) {
    bare.Add(TimeOnce(count, [rights](std::uint64_t) {
      std::uint32_t value = rights;
      __asm__ volatile(".byte 0x0f, 0x01, 0xef" : "+a"(value) : "c"(0), "d"(0) : "memory");
      __asm__ volatile(".byte 0x0f, 0x01, 0xef" : "+a"(value) : "c"(0), "d"(0) : "memory");
    }));
    window.Add(TimeOnce(count, [domain](std::uint64_t) { OpenAndClose(domain); }));
    twin.Add(TimeOnce(count, [=](std::uint64_t) {
      pageward_window one;
      if (open(domain, PAGEWARD_READ_WRITE, &one) != PAGEWARD_OK || close(&one) != PAGEWARD_OK) {
        Give(1, "a window did not open and close");
      }
    }));
    mprotect_pair.Add(TimeOnce(count / 100, [page](std::uint64_t) {
      if (mprotect(page, 4096, PROT_READ | PROT_WRITE) != 0 ||
          mprotect(page, 4096, PROT_NONE) != 0) {
        Give(1, "mprotect failed");
      }
    }));
  }
  if (Stats().domain_loads != loads) {
    Give(1, "the windows that were measured took system calls");
  }
  const double floor = bare.Median();
  std::printf("two_wrpkru_ns %.2f ns\n", floor);
  std::printf("window_ns %.2f ns\n", window.Median());
  std::printf("window_abi_ns %.2f ns\n", twin.Median());
  std::printf("mprotect_pair_ns %.1f ns\n", mprotect_pair.Median());
  std::printf("window_vs_two_wrpkru %.3f x\n", window.Median() / floor);
  std::printf("window_abi_vs_two_wrpkru %.3f x\n", twin.Median() / floor);
  std::printf("window_speedup_vs_mprotect %.1f x\n", mprotect_pair.Median() / window.Median());
  return 0;
}

}  // namespace
}  // namespace pageward::bench

int main(int count, char** arguments) {
  return pageward::bench::Main(pageward::bench::IsQuick(count, arguments));
}
