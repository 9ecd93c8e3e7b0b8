// Links libpageward. Whose malloc is it, and do all ways to the library lead to one engine?
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pageward/pageward.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void* (*EngineFunction)(const char*);
typedef pageward_status (*AllocFunction)(pageward_domain, size_t, size_t, void**);

static const char* file_of(void* address) {
  Dl_info info;
  const char* name = dladdr(address, &info) != 0 ? strrchr(info.dli_fname, '/') : NULL;
  return name != NULL ? name + 1 : "nowhere";
}

int main(void) {
  pageward_domain domain = {0};
  void* object = NULL;
  if (pageward_domain_create(NULL, &domain) != PAGEWARD_OK) {
    return 1;
  }
  // Past the search order of the loader, straight to this library's own functions.
  void* library = dlopen("libpageward.so.0", RTLD_NOW | RTLD_NOLOAD);
  EngineFunction engine = (EngineFunction)dlsym(RTLD_DEFAULT, "pageward_engine_of_process");
  AllocFunction alloc = library != NULL ? (AllocFunction)dlsym(library, "pageward_alloc") : NULL;
  if (engine == NULL || alloc == NULL) {
    return 2;
  }
  printf("malloc of %.12s\n", file_of(dlsym(RTLD_DEFAULT, "malloc")));
  printf("engine of %.13s\n", file_of((void*)engine));
  printf("alloc of %.13s\n", file_of((void*)alloc));
  // The domain was made by the one, the object is by the other; then a window by the first again.
  pageward_window window = PAGEWARD_WINDOW_CLOSED;
  if (alloc(domain, 64, 0, &object) != PAGEWARD_OK ||
      pageward_window_open(domain, PAGEWARD_READ_WRITE, &window) != PAGEWARD_OK) {
    return 3;
  }
  memset(object, 1, 64);
  pageward_stats stats;
  stats.size = sizeof(stats);
  if (pageward_window_close(&window) != PAGEWARD_OK || pageward_stats_get(&stats) != PAGEWARD_OK) {
    return 4;
  }
  printf("%d domains, %d objects\n", (int)stats.domains, (int)stats.domain_objects);
  if (engine("0.0.0") != NULL) {
    return 5;
  }
  return pageward_domain_destroy(domain) == PAGEWARD_OK ? 0 : 6;
}
