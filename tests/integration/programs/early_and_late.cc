// Allocates where there is hardly a program yet or any more: in constructors that run before all
// others, in dlsym, in atexit handlers, thread-specific destructors and after the last destructor.
#include <dlfcn.h>
#include <pthread.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

char* g_from_constructor = nullptr;
char* g_from_constructor_large = nullptr;
pthread_key_t g_key;
int g_rounds = 0;

__attribute__((constructor(101))) void VeryEarly() {
  g_from_constructor = static_cast<char*>(std::malloc(100));
  std::strcpy(g_from_constructor, "early");
  g_from_constructor_large = static_cast<char*>(std::calloc(1, 1 << 20));
}

__attribute__((destructor(101))) void VeryLate() {
  void* object = std::malloc(500);
  std::free(object);
  std::free(g_from_constructor_large);
  std::puts("late");
}

void AtExit() {
  std::free(std::malloc(12345));
}

// Comes back as often as POSIX allows, each time using the heap.
void EndOfThread(void* value) {
  std::free(value);
  if (++g_rounds < 6) {
    pthread_setspecific(g_key, std::malloc(300));
  }
}

void* Thread(void*) {
  static thread_local std::string held(5000, 'x');
  pthread_setspecific(g_key, std::malloc(200 + held.size()));
  return std::malloc(77);
}

}  // namespace

int main() {
  g_from_constructor = static_cast<char*>(std::realloc(g_from_constructor, 5000));
  std::puts(g_from_constructor);
  std::atexit(AtExit);
  pthread_key_create(&g_key, EndOfThread);
  for (int i = 0; i < 50; ++i) {
    pthread_t thread;
    void* object = nullptr;
    g_rounds = 0;
    pthread_create(&thread, nullptr, Thread, nullptr);
    pthread_join(thread, &object);
    std::free(object);
  }
  // A symbol that is not there makes dlsym allocate for its error message.
  std::puts(dlsym(RTLD_DEFAULT, "no_such_symbol_anywhere") == nullptr && dlerror() != nullptr
                ? "no such symbol"
                : "?");
  std::free(g_from_constructor);
  return 0;
}
