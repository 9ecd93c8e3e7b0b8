// One misuse of the heap per name, for tests that expect the program to die of it.
//
//   misuse NAME [bytes]
//
// Prints "survived" and exits with 0 if nothing happened.
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static size_t g_bytes = 100;
static int g_static;
static void* volatile g_object;  // Keeps the compiler from knowing better.

static void* FreeIt(void* object) {
  free(object);
  return NULL;
}

static pthread_barrier_t g_barrier;

// Frees the object once the main thread says so. Starting a thread takes memory, which may be that
// of an object freed before.
static void* FreeItLater(void* unused) {
  pthread_barrier_wait(&g_barrier);
  free(g_object);
  return unused;
}

static void free_twice(void) {
  g_object = malloc(g_bytes);
  free(g_object);
  free(g_object);
}

static void free_twice_interleaved(void) {
  g_object = malloc(g_bytes);
  void* other = malloc(g_bytes);
  free(g_object);
  free(other);
  free(g_object);
}

static void free_twice_later(void) {
  g_object = malloc(g_bytes);
  free(g_object);
  for (int i = 0; i < 100000; ++i) {
    // Other sizes, so that the object itself is not handed out again.
    free(malloc(g_bytes * 8 + (size_t)(i % 1000)));
  }
  free(g_object);
}

static void free_twice_other_thread(void) {
  pthread_t thread;
  g_object = malloc(g_bytes);
  pthread_barrier_init(&g_barrier, NULL, 2);
  pthread_create(&thread, NULL, FreeItLater, NULL);
  free(g_object);
  pthread_barrier_wait(&g_barrier);
  pthread_join(thread, NULL);
}

static void free_after_thread_ended(void) {
  pthread_t thread;
  g_object = malloc(g_bytes);
  pthread_create(&thread, NULL, FreeIt, g_object);
  pthread_join(thread, NULL);
  free(g_object);
}

static void free_interior(void) {
  g_object = malloc(g_bytes);
  free((char*)g_object + 16);
}

static void free_misaligned(void) {
  g_object = malloc(g_bytes);
  free((char*)g_object + 1);
}

static void free_past_the_end(void) {
  g_object = malloc(g_bytes);
  free((char*)g_object + malloc_usable_size(g_object));
}

static void free_stack(void) {
  int local;
  g_object = &local;
  free(g_object);
}

static void free_static(void) {
  g_object = &g_static;
  free(g_object);
}

static void free_mapped(void) {
  g_object = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  free(g_object);
}

static void free_never_mapped(void) {
  g_object = (void*)0x123456780;
  free(g_object);
}

static void realloc_freed(void) {
  g_object = malloc(g_bytes);
  free(g_object);
  g_object = realloc(g_object, 2 * g_bytes);
}

static void realloc_interior(void) {
  g_object = malloc(g_bytes);
  g_object = realloc((char*)g_object + 16, 2 * g_bytes);
}

static void realloc_stack(void) {
  int local;
  g_object = &local;
  g_object = realloc(g_object, 100);
}

static void usable_size_freed(void) {
  g_object = malloc(g_bytes);
  free(g_object);
  printf("%zu\n", malloc_usable_size(g_object));
}

static void read_freed(void) {
  unsigned char* object = malloc(g_bytes);
  memset(object, 'S', g_bytes);
  g_object = object;
  free(g_object);
  malloc_trim(0);  // Purges.
  printf("read %d\n", ((volatile unsigned char*)g_object)[g_bytes / 2]);
}

// Others of the same size stay, which would keep a slab that they had in common.
static void read_freed_at_once(void) {
  unsigned char* objects[9];
  for (size_t i = 0; i < 9; ++i) {
    objects[i] = malloc(g_bytes);
    memset(objects[i], 'S', g_bytes);
  }
  g_object = objects[4];
  free(g_object);
  printf("read %d\n", ((volatile unsigned char*)g_object)[g_bytes / 2]);
}

static void write_freed(void) {
  g_object = malloc(g_bytes);
  memset(g_object, 'S', g_bytes);
  free(g_object);
  malloc_trim(0);
  ((volatile unsigned char*)g_object)[0] = 1;
}

static void nothing(void) {}

static const struct {
  const char* name;
  void (*run)(void);
} kMisuses[] = {
#define MISUSE(name) \
  { #name, name }
    MISUSE(free_twice),
    MISUSE(free_twice_interleaved),
    MISUSE(free_twice_later),
    MISUSE(free_twice_other_thread),
    MISUSE(free_after_thread_ended),
    MISUSE(free_interior),
    MISUSE(free_misaligned),
    MISUSE(free_past_the_end),
    MISUSE(free_stack),
    MISUSE(free_static),
    MISUSE(free_mapped),
    MISUSE(free_never_mapped),
    MISUSE(realloc_freed),
    MISUSE(realloc_interior),
    MISUSE(realloc_stack),
    MISUSE(usable_size_freed),
    MISUSE(read_freed),
    MISUSE(read_freed_at_once),
    MISUSE(write_freed),
    MISUSE(nothing),
#undef MISUSE
};

int main(int argc, char** argv) {
  if (argc > 2) {
    g_bytes = strtoul(argv[2], NULL, 0);
  }
  for (size_t i = 0; argc > 1 && i < sizeof(kMisuses) / sizeof(kMisuses[0]); ++i) {
    if (strcmp(argv[1], kMisuses[i].name) == 0) {
      kMisuses[i].run();
      puts("survived");
      return 0;
    }
  }
  fputs("usage: misuse NAME [bytes]\n", stderr);
  return 2;
}
