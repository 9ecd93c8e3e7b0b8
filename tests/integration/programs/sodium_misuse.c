// Misuse of guarded objects, by name; prints `survived` if nothing came of it.
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char g_static[64];

static void Misuse(const char* name, size_t bytes) {
  unsigned char* object = sodium_malloc(bytes);
  unsigned char* other = sodium_malloc(bytes);
  if (strcmp(name, "nothing") == 0) {
    sodium_mprotect_readonly(other);
    sodium_free(other);
    sodium_free(object);
  } else if (strcmp(name, "overflow") == 0) {
    object[bytes] = 1;
  } else if (strcmp(name, "underflow") == 0) {
    object[-1] ^= 1;
    sodium_free(object);
  } else if (strcmp(name, "underflow_closed") == 0) {
    object[-9] ^= 1;
    sodium_mprotect_noaccess(object);
    sodium_free(object);
  } else if (strcmp(name, "free_twice") == 0) {
    sodium_free(object);
    sodium_free(object);
  } else if (strcmp(name, "free_twice_interleaved") == 0) {
    sodium_free(object);
    sodium_free(other);
    sodium_free(object);
  } else if (strcmp(name, "open_freed") == 0) {
    sodium_free(object);
    sodium_mprotect_readwrite(object);
  } else if (strcmp(name, "free_interior") == 0) {
    sodium_free(object + 1);
  } else if (strcmp(name, "close_interior") == 0) {
    sodium_mprotect_noaccess(object + 16);
  } else if (strcmp(name, "free_malloced") == 0) {
    sodium_free(malloc(bytes));
  } else if (strcmp(name, "free_static") == 0) {
    sodium_free(g_static + 32);
  } else if (strcmp(name, "open_stack") == 0) {
    sodium_mprotect_readwrite(&name);
  } else if (strcmp(name, "free_by_malloc") == 0) {
    free(object);
  } else {
    exit(2);
  }
}

int main(int argc, char** argv) {
  if (argc != 3 || sodium_init() < 0) {
    return 2;
  }
  Misuse(argv[1], strtoul(argv[2], NULL, 10));
  puts("survived");
  return 0;
}
