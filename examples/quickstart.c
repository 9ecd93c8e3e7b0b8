// A key that is there only while it is used: build with `cc quickstart.c $(pkg-config --cflags
// --libs pageward)`.
#include <pageward/pageward.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  pageward_domain keys;
  void* key = NULL;
  if (pageward_domain_create(NULL, &keys) != PAGEWARD_OK ||
      pageward_alloc(keys, 32, 0, &key) != PAGEWARD_OK) {
    return 1;
  }
  pageward_window window;
  if (pageward_window_open(keys, PAGEWARD_READ_WRITE, &window) != PAGEWARD_OK) {
    return 1;
  }
  strcpy(key, "correct horse battery staple");
  printf("inside a window: %s\n", (char*)key);
  pageward_window_close(&window);  // From here on reading the key is a fault, for every thread.
  printf("outside: protected by %s\n", pageward_domain_tier());
  return pageward_domain_destroy(keys) == PAGEWARD_OK ? 0 : 1;
}
