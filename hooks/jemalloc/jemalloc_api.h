// jemalloc's public interface under the names that the build gives it (redefine_symbols.txt).
//
// Declared here and not taken from jemalloc/jemalloc.h, because that header declares malloc and its
// family as jemalloc's own. cmake/check_jemalloc.cc compares the two.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

/// extent_hooks_t. The hooks return true for "no".
struct JemallocExtentHooks {
  void* (*alloc)(JemallocExtentHooks* hooks, void* new_addr, std::size_t size,
                 std::size_t alignment, bool* zero, bool* commit, unsigned arena);
  bool (*dalloc)(JemallocExtentHooks* hooks, void* addr, std::size_t size, bool committed,
                 unsigned arena);
  void (*destroy)(JemallocExtentHooks* hooks, void* addr, std::size_t size, bool committed,
                  unsigned arena);
  bool (*commit)(JemallocExtentHooks* hooks, void* addr, std::size_t size, std::size_t offset,
                 std::size_t length, unsigned arena);
  bool (*decommit)(JemallocExtentHooks* hooks, void* addr, std::size_t size, std::size_t offset,
                   std::size_t length, unsigned arena);
  bool (*purge_lazy)(JemallocExtentHooks* hooks, void* addr, std::size_t size, std::size_t offset,
                     std::size_t length, unsigned arena);
  bool (*purge_forced)(JemallocExtentHooks* hooks, void* addr, std::size_t size, std::size_t offset,
                       std::size_t length, unsigned arena);
  bool (*split)(JemallocExtentHooks* hooks, void* addr, std::size_t size, std::size_t size_a,
                std::size_t size_b, bool committed, unsigned arena);
  bool (*merge)(JemallocExtentHooks* hooks, void* addr_a, std::size_t size_a, void* addr_b,
                std::size_t size_b, bool committed, unsigned arena);
};

/// The argument of experimental.arenas_create_ext (arena_config_t, not in the public header).
struct JemallocArenaConfig {
  JemallocExtentHooks* hooks;
  bool metadata_use_hooks;
};

void* jemalloc_mallocx(std::size_t size, int flags);
void* jemalloc_rallocx(void* ptr, std::size_t size, int flags);
std::size_t jemalloc_xallocx(void* ptr, std::size_t size, std::size_t extra, int flags);
std::size_t jemalloc_sallocx(const void* ptr, int flags);
void jemalloc_dallocx(void* ptr, int flags);
void jemalloc_sdallocx(void* ptr, std::size_t size, int flags);
std::size_t jemalloc_nallocx(std::size_t size, int flags);
int jemalloc_mallctl(const char* name, void* oldp, std::size_t* oldlenp, void* newp,
                     std::size_t newlen);
int jemalloc_mallctlnametomib(const char* name, std::size_t* mibp, std::size_t* miblenp);
int jemalloc_mallctlbymib(const std::size_t* mib, std::size_t miblen, void* oldp,
                          std::size_t* oldlenp, void* newp, std::size_t newlen);
void jemalloc_malloc_stats_print(void (*write_cb)(void*, const char*), void* cbopaque,
                                 const char* opts);

extern const char* jemalloc_malloc_conf;
extern const char* jemalloc_malloc_conf_2_conf_harder;
extern void (*jemalloc_malloc_message)(void* cbopaque, const char* message);

}  // extern "C"

namespace pageward::hooks {

// Flags of the *allocx functions: log2 of the alignment in bits 0 to 5, zeroing in bit 6, 2 + the
// thread cache from bit 8 and 1 + the arena from bit 20 on (jemalloc_macros.h).
inline constexpr int kAllocxZero = 0x40;
inline constexpr int kAllocxAlignMask = 0x3f;
inline constexpr int kAllocxNoCache = 1 << 8;
inline constexpr int kAllocxCacheMask = 0xfff << 8;
inline constexpr unsigned kAllocxArenaShift = 20;

constexpr int AllocxAlignLog2(unsigned log2) {
  return static_cast<int>(log2);
}
constexpr int AllocxArena(unsigned arena) {
  return static_cast<int>((arena + 1) << kAllocxArenaShift);
}

}  // namespace pageward::hooks
