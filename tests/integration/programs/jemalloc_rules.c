// jemalloc's non-standard interface, as its manual page describes it.
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Weak, so that the program links without a library that has them.
#define WEAK __attribute__((weak))
WEAK void* mallocx(size_t size, int flags);
WEAK void* rallocx(void* ptr, size_t size, int flags);
WEAK size_t xallocx(void* ptr, size_t size, size_t extra, int flags);
WEAK size_t sallocx(const void* ptr, int flags);
WEAK void dallocx(void* ptr, int flags);
WEAK void sdallocx(void* ptr, size_t size, int flags);
WEAK size_t nallocx(size_t size, int flags);
WEAK int mallctl(const char* name, void* oldp, size_t* oldlenp, void* newp, size_t newlen);
WEAK int mallctlnametomib(const char* name, size_t* mibp, size_t* miblenp);
WEAK int mallctlbymib(const size_t* mib, size_t miblen, void* oldp, size_t* oldlenp, void* newp,
                      size_t newlen);
WEAK void malloc_stats_print(void (*write_cb)(void*, const char*), void* opaque, const char* opts);

#define MALLOCX_ALIGN_LG(lg) (lg)
#define MALLOCX_ZERO 0x40
#define MALLOCX_TCACHE(tc) ((int)(((tc) + 2) << 8))
#define MALLOCX_TCACHE_NONE MALLOCX_TCACHE(-1)
#define MALLOCX_ARENA(a) ((((int)(a)) + 1) << 20)

static int g_broken = 0;

#define CHECK(condition)                                     \
  do {                                                       \
    if (!(condition)) {                                      \
      printf("broken: line %d: %s\n", __LINE__, #condition); \
      g_broken = 1;                                          \
    }                                                        \
  } while (0)

static void CheckObjects(void) {
  for (size_t bytes = 1; bytes < 10000000; bytes = bytes * 3 + 5) {
    unsigned char* object = mallocx(bytes, MALLOCX_ALIGN_LG(6) | MALLOCX_ZERO);
    CHECK(object != NULL && (uintptr_t)object % 64 == 0 && object[bytes - 1] == 0);
    CHECK(sallocx(object, 0) == nallocx(bytes, MALLOCX_ALIGN_LG(6)));
    memset(object, 7, bytes);
    object = rallocx(object, 2 * bytes, 0);
    CHECK(object[bytes - 1] == 7);
    CHECK(xallocx(object, 2 * bytes, 0, 0) >= 2 * bytes);
    CHECK(xallocx(object, bytes, 0, 0) >= bytes);
    sdallocx(object, sallocx(object, 0), 0);
  }
  CHECK(mallocx(SIZE_MAX / 2, 0) == NULL);
  CHECK(nallocx(SIZE_MAX / 2, 0) == 0);
  // What one interface hands out another takes back.
  free(mallocx(100, 0));
  dallocx(malloc(100), 0);
  dallocx(malloc(100), MALLOCX_TCACHE_NONE);
}

static void CheckControl(void) {
  const char* version = NULL;
  size_t length = sizeof(version);
  CHECK(mallctl("version", &version, &length, NULL, 0) == 0 && strncmp(version, "5.3", 3) == 0);
  CHECK(mallctl("no.such.name", &version, &length, NULL, 0) == ENOENT);
  size_t mib[4];
  size_t mib_length = 4;
  CHECK(mallctlnametomib("stats.allocated", mib, &mib_length) == 0);
  uint64_t epoch = 1;
  size_t before = 0;
  size_t after = 0;
  length = sizeof(before);
  mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
  CHECK(mallctlbymib(mib, mib_length, &before, &length, NULL, 0) == 0);
  void* large = malloc(32 << 20);
  mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
  CHECK(mallctlbymib(mib, mib_length, &after, &length, NULL, 0) == 0);
  CHECK(after >= before + (32 << 20));
  free(large);
  CHECK(mallctl("thread.tcache.flush", NULL, NULL, NULL, 0) == 0);
  CHECK(mallctl("arena.4096.purge", NULL, NULL, NULL, 0) == 0);
}

static void CheckArenas(void) {
  unsigned arena = 0;
  size_t length = sizeof(arena);
  CHECK(mallctl("arenas.create", &arena, &length, NULL, 0) == 0);
  unsigned char* object = mallocx(5000, MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE);
  memset(object, 1, 5000);
  unsigned seen = 0;
  CHECK(mallctl("arenas.lookup", &seen, &length, &object, sizeof(object)) == 0 && seen == arena);
  object = rallocx(object, 5000000, MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE);
  CHECK(object[4999] == 1);
  dallocx(object, MALLOCX_TCACHE_NONE);
  unsigned cache = 0;
  CHECK(mallctl("tcache.create", &cache, &length, NULL, 0) == 0);
  void* held[100];
  for (int i = 0; i < 100; ++i) {
    held[i] = mallocx(200, MALLOCX_TCACHE(cache) | MALLOCX_ARENA(arena));
  }
  for (int i = 0; i < 100; ++i) {
    dallocx(held[i], MALLOCX_TCACHE(cache));
  }
  CHECK(mallctl("tcache.destroy", NULL, NULL, &cache, sizeof(cache)) == 0);
  char name[64];
  snprintf(name, sizeof(name), "arena.%u.destroy", arena);
  CHECK(mallctl(name, NULL, NULL, NULL, 0) == 0);
}

static void Count(void* opaque, const char* text) {
  *(size_t*)opaque += strlen(text);
}

int main(void) {
  if (mallocx == NULL) {
    puts("not under the preload library");
    return 1;
  }
  CheckObjects();
  CheckControl();
  CheckArenas();
  size_t printed = 0;
  malloc_stats_print(Count, &printed, "Ja");
  CHECK(printed > 1000);
  if (g_broken == 0) {
    puts("all rules hold");
  }
  return g_broken;
}
