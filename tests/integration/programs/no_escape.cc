// Asks for memory in every way and size, on several threads, and gives it back. What did not come
// from the heap's zone is a foreign pointer to free(), which dies of it (misuse.c: free_mapped).
// jemalloc must know each piece, too.
//
// Prints "pieces N escaped M threads T".
#include <malloc.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

extern "C" {
int mallctl(const char* name, void* oldp, std::size_t* oldlenp, void* newp, std::size_t newlen)
    __attribute__((weak));
void* mallocx(std::size_t size, int flags) __attribute__((weak));
void* rallocx(void* ptr, std::size_t size, int flags) __attribute__((weak));
}

namespace {

std::atomic<int> g_pieces{0};
std::atomic<int> g_escaped{0};

void Note(void* piece) {
  if (piece == nullptr) {
    std::puts("no memory");
    std::exit(1);
  }
  unsigned arena = 0;
  std::size_t length = sizeof(arena);
  ++g_pieces;
  if (mallctl("arenas.lookup", &arena, &length, &piece, sizeof(piece)) != 0) {
    ++g_escaped;
  }
}

void AskForEverything(std::size_t most) {
  std::vector<void*> pieces;
  for (std::size_t bytes = 8; bytes <= most; bytes *= 2) {
    pieces.push_back(std::malloc(bytes));
    pieces.push_back(std::calloc(1, bytes));
    pieces.push_back(std::realloc(std::malloc(8), bytes));
    pieces.push_back(std::realloc(std::malloc(bytes), bytes / 2 + 1));
    pieces.push_back(mallocx(bytes, 0));
    pieces.push_back(mallocx(bytes, 1 << 20));  // MALLOCX_ARENA(0)
    pieces.push_back(rallocx(std::malloc(16), bytes, 0));
    for (std::size_t alignment = 16; alignment <= (std::size_t{1} << 21); alignment *= 8) {
      pieces.push_back(std::aligned_alloc(alignment, bytes));
    }
    for (void* piece : pieces) {
      Note(piece);
      std::free(piece);
    }
    pieces.clear();
  }
}

}  // namespace

int main() {
  if (&mallctl == nullptr) {
    std::puts("not under the preload library");
    return 1;
  }
  AskForEverything(std::size_t{1} << 30);
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([] { AskForEverything(std::size_t{64} << 20); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  std::printf("pieces %d escaped %d threads %zu\n", g_pieces.load(), g_escaped.load(),
              threads.size());
  return g_escaped == 0 ? 0 : 1;
}
