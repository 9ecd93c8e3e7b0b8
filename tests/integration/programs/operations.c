// Does one kind of operation a number of times, after a few of it that make the heap ready.
//
// usage: operations KIND COUNT
//
// `small` and `cached` are what thread caches answer, the other kinds are not.
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void* volatile g_kept;

static void Small(void) {
  g_kept = malloc(64);
  free(g_kept);
}

static void Cached(void) {
  void* objects[8];
  for (int i = 0; i < 8; ++i) {
    objects[i] = malloc((size_t)i * 100 + 1);
  }
  for (int i = 0; i < 8; ++i) {
    free(objects[i]);
  }
}

static void Large(void) {
  g_kept = malloc(1 << 20);
  free(g_kept);
}

static void Zeroed(void) {
  g_kept = calloc(1, 300000);
  free(g_kept);
}

static void Grown(void) {
  g_kept = realloc(g_kept, 400000);
  g_kept = realloc(g_kept, 900000);
}

static void Aligned(void) {
  g_kept = memalign(65536, 200000);
  free(g_kept);
}

static const struct {
  const char* name;
  void (*run)(void);
} kKinds[] = {{"small", Small},   {"cached", Cached}, {"large", Large},
              {"zeroed", Zeroed}, {"grown", Grown},   {"aligned", Aligned}};

int main(int argc, char** argv) {
  for (size_t i = 0; argc == 3 && i < sizeof(kKinds) / sizeof(kKinds[0]); ++i) {
    if (strcmp(argv[1], kKinds[i].name) == 0) {
      for (long done = -100; done < atol(argv[2]); ++done) {
        kKinds[i].run();
      }
      return 0;
    }
  }
  fputs("usage: operations KIND COUNT\n", stderr);
  return 2;
}
