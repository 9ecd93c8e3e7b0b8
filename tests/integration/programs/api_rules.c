// The rules of POSIX, C and glibc for malloc and its family, each checked; prints what is broken.
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int g_broken = 0;

#define CHECK(condition)                                     \
  do {                                                       \
    if (!(condition)) {                                      \
      printf("broken: line %d: %s\n", __LINE__, #condition); \
      g_broken = 1;                                          \
    }                                                        \
  } while (0)

static int IsAligned(const void* pointer, size_t alignment) {
  return (uintptr_t)pointer % alignment == 0;
}

static void CheckMalloc(void) {
  void* nothing = malloc(0);
  CHECK(nothing != NULL);
  free(nothing);
  free(NULL);
  errno = 0;
  void* volatile too_large = malloc((size_t)PTRDIFF_MAX + 1);
  CHECK(too_large == NULL && errno == ENOMEM);
  errno = 0;
  too_large = malloc(SIZE_MAX);
  CHECK(too_large == NULL && errno == ENOMEM);
  for (size_t bytes = 1; bytes < 100000; bytes = bytes * 5 / 4 + 1) {
    void* object = malloc(bytes);
    CHECK(IsAligned(object, 16));
    CHECK(malloc_usable_size(object) >= bytes);
    memset(object, 1, malloc_usable_size(object));
    free(object);
  }
}

static void CheckErrnoSurvivesFree(void) {
  void* small = malloc(10);
  void* large = malloc(10 << 20);
  memset(large, 1, 10 << 20);
  errno = 4711;
  free(small);
  free(large);
  malloc_trim(0);
  CHECK(errno == 4711);
}

static void CheckCalloc(void) {
  for (size_t bytes = 1; bytes < (8 << 20); bytes = bytes * 3 + 1) {
    unsigned char* dirty = malloc(bytes);
    memset(dirty, 0xff, bytes);
    free(dirty);
    unsigned char* object = calloc(1, bytes);
    for (size_t i = 0; i < bytes; ++i) {
      if (object[i] != 0) {
        CHECK(!"calloc returns zeros");
        break;
      }
    }
    free(object);
  }
  errno = 0;
  void* volatile overflow = calloc(SIZE_MAX / 2, 3);
  CHECK(overflow == NULL && errno == ENOMEM);
  void* none = calloc(0, 10);
  CHECK(none != NULL);
  free(none);
}

static void CheckRealloc(void) {
  char* object = realloc(NULL, 10);
  CHECK(object != NULL);
  strcpy(object, "contents");
  for (size_t bytes = 16; bytes < (64 << 20); bytes *= 3) {
    object = realloc(object, bytes);
    CHECK(object != NULL && strcmp(object, "contents") == 0);
  }
  object = realloc(object, 9);
  CHECK(strcmp(object, "contents") == 0);
  errno = 0;
  void* volatile too_large = realloc(object, SIZE_MAX - 100);
  CHECK(too_large == NULL && errno == ENOMEM);
  CHECK(strcmp(object, "contents") == 0);
  errno = 0;
  too_large = reallocarray(object, SIZE_MAX / 4, 5);
  CHECK(too_large == NULL && errno == ENOMEM);
  object = reallocarray(object, 10, 20);
  CHECK(malloc_usable_size(object) >= 200);
  CHECK(realloc(object, 0) == NULL);  // As glibc does.
}

static void CheckAlignments(void) {
  void* object = (void*)1;
  CHECK(posix_memalign(&object, 3, 10) == EINVAL);
  CHECK(posix_memalign(&object, 4, 10) == EINVAL);
  CHECK(posix_memalign(&object, 0, 10) == EINVAL);
  CHECK(object == (void*)1);
  errno = 4711;
  CHECK(posix_memalign(&object, 64, SIZE_MAX - 4096) == ENOMEM);
  CHECK(errno == 4711 && object == (void*)1);
  for (size_t alignment = 8; alignment <= (1 << 24); alignment *= 2) {
    for (size_t bytes = 0; bytes < 100000; bytes = bytes * 7 + 1) {
      CHECK(posix_memalign(&object, alignment, bytes) == 0);
      CHECK(IsAligned(object, alignment) && malloc_usable_size(object) >= bytes);
      memset(object, 1, bytes);
      free(object);
      object = aligned_alloc(alignment, bytes);
      CHECK(object != NULL && IsAligned(object, alignment));
      free(object);
      object = memalign(alignment, bytes);
      CHECK(object != NULL && IsAligned(object, alignment));
      free(object);
    }
  }
  errno = 0;
  CHECK(aligned_alloc(3, 10) == NULL && errno == EINVAL);
  object = memalign(48, 10);  // glibc rounds up.
  CHECK(IsAligned(object, 64));
  free(object);
  object = valloc(10);
  CHECK(IsAligned(object, 4096));
  free(object);
  object = pvalloc(10);
  CHECK(IsAligned(object, 4096) && malloc_usable_size(object) >= 4096);
  free(object);
  errno = 0;
  object = pvalloc(SIZE_MAX - 10);
  CHECK(object == NULL && errno == ENOMEM);
}

static void CheckGlibcExtras(void) {
  char* objects[64];
  for (int i = 0; i < 64; ++i) {
    objects[i] = malloc(1 << 20);
    memset(objects[i], 1, 1 << 20);
  }
  const struct mallinfo2 info = mallinfo2();
  CHECK(info.uordblks >= (size_t)64 << 20);
  CHECK(info.arena >= info.uordblks);
  for (int i = 0; i < 64; ++i) {
    free(objects[i]);
  }
  const int trimmed = malloc_trim(0);
  CHECK(trimmed == 0 || trimmed == 1);
  CHECK(mallinfo2().uordblks < info.uordblks);
  CHECK(mallopt(M_MMAP_THRESHOLD, 100000) == 1);
  FILE* sink = fopen("/dev/null", "w");
  CHECK(malloc_info(0, sink) == 0);
  errno = 0;
  CHECK(malloc_info(1, sink) == -1 && errno == EINVAL);
  fclose(sink);
  CHECK(malloc_usable_size(NULL) == 0);
}

int main(void) {
  CheckMalloc();
  CheckErrnoSurvivesFree();
  CheckCalloc();
  CheckRealloc();
  CheckAlignments();
  CheckGlibcExtras();
  if (g_broken == 0) {
    puts("all rules hold");
  }
  return g_broken;
}
