// A program with a bug: it reads memory that it has given back.
//
//   use_after_free BYTES [purge]
//
// With "purge" it first asks the heap to give unused memory back, as a server does between
// requests.
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char** argv) {
  const size_t bytes = argc > 1 ? strtoul(argv[1], NULL, 0) : 1 << 20;
  char* secret = malloc(bytes);
  if (secret == NULL) {
    return 1;
  }
  memset(secret, '.', bytes);
  memcpy(secret + bytes / 2, "the password", 13);
  char* volatile dangling = secret;
  free(secret);
  if (argc > 2 && strcmp(argv[2], "purge") == 0) {
    malloc_trim(0);
  }
  printf("read after free: \"%.12s\"\n", dangling + bytes / 2);
  return 0;
}
