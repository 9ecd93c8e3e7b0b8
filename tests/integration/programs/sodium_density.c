// How many objects of 32 bytes there can be, and how many mappings they need: prints
// `objects N mappings M` for as many as were asked for, or as there could be. Every object is
// readable and writable, or closed, or alternately closed and read-only.
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char g_buffer[1 << 16];

// Without stdio, which may want memory when there are no more mappings.
static long Mappings(void) {
  const int maps = open("/proc/self/maps", O_RDONLY);
  long lines = 0;
  ssize_t length;
  while ((length = read(maps, g_buffer, sizeof(g_buffer))) > 0) {
    for (ssize_t i = 0; i < length; ++i) {
      lines += g_buffer[i] == '\n';
    }
  }
  close(maps);
  return lines;
}

int main(int argc, char** argv) {
  if (argc != 3 || sodium_init() < 0) {
    return 2;
  }
  const long wanted = strtol(argv[1], NULL, 10);
  unsigned char** objects = calloc((size_t)wanted, sizeof(*objects));
  const long before = Mappings();
  long count = 0;
  while (count < wanted && (objects[count] = sodium_malloc(32)) != NULL) {
    ++count;
  }
  for (long i = 0; i < count; ++i) {
    const int closes = strcmp(argv[2], "closed") == 0 || i % 2 == 0;
    if (strcmp(argv[2], "open") != 0 &&
        (closes ? sodium_mprotect_noaccess : sodium_mprotect_readonly)(objects[i]) != 0) {
      printf("refused to change object %ld\n", i);
      return 1;
    }
  }
  const long mappings = Mappings() - before;
  for (long i = 0; i < count; ++i) {
    sodium_free(objects[i]);
  }
  printf("objects %ld mappings %ld\n", count, mappings);
  return 0;
}
