// Runs out of address space, of memory or of mappings, and checks that the heap answers NULL and
// ENOMEM and goes on working. The limit is set by whoever starts this.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kMost = 1 << 16 };
static char* g_held[kMost];

// Allocates pieces of `bytes` until there are no more, at most `most`; returns how many.
static int Exhaust(size_t bytes, int most) {
  int count = 0;
  for (; count < most; ++count) {
    errno = 0;
    g_held[count] = malloc(bytes);
    if (g_held[count] == NULL) {
      if (errno != ENOMEM) {
        printf("broken: errno %d\n", errno);
        exit(1);
      }
      break;
    }
    g_held[count][0] = g_held[count][bytes - 1] = (char)count;
  }
  return count;
}

int main(int argc, char** argv) {
  const size_t bytes = argc > 1 ? strtoul(argv[1], NULL, 0) : 1 << 20;
  const int most = argc > 2 ? atoi(argv[2]) : kMost;
  int first = 0;
  for (int round = 0; round < 3; ++round) {
    const int count = Exhaust(bytes, most);
    for (int i = 0; i < count; ++i) {
      if (g_held[i][0] != (char)i || g_held[i][bytes - 1] != (char)i) {
        printf("broken: piece %d has changed\n", i);
        return 1;
      }
      free(g_held[i]);
    }
    if (round == 0) {
      first = count;
    } else if (count < first * 3 / 4) {
      printf("broken: %d pieces at first, %d in round %d\n", first, count, round);
      return 1;
    }
    void* small = malloc(100);
    if (small == NULL) {
      puts("broken: nothing left after everything was freed");
      return 1;
    }
    free(small);
  }
  puts(first > 0 ? "survived" : "broken: nothing at all");
  return first > 0 ? 0 : 1;
}
