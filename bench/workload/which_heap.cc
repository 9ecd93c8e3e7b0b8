// Question: which library serves this process? A preload that the loader refuses leaves the program
// running on libc's heap, and its figures would be taken for somebody else's.
//
// Prints one line for each function: its name and the file that it comes from.
#include <dlfcn.h>

#include <cstdio>

#include "bench/workload/support.h"

int main() {
  for (const char* name : {"malloc", "calloc", "realloc", "free", "aligned_alloc"}) {
    Dl_info info{};
    void* const function = dlsym(RTLD_DEFAULT, name);
    if (function == nullptr || dladdr(function, &info) == 0) {
      pageward::workload::Fail("a function of the heap is not to be found");
    }
    std::printf("%s %s\n", name, info.dli_fname);
  }
}
