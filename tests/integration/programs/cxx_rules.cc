// operator new and delete in every form, as C++20 has them.
#include <malloc.h>

#include <cstdint>
#include <cstdio>
#include <limits>
#include <new>

namespace {

int g_broken = 0;
int g_handler_calls = 0;

#define CHECK(condition)                                          \
  do {                                                            \
    if (!(condition)) {                                           \
      std::printf("broken: line %d: %s\n", __LINE__, #condition); \
      g_broken = 1;                                               \
    }                                                             \
  } while (0)

constexpr std::size_t kTooLarge = std::numeric_limits<std::ptrdiff_t>::max();
constexpr std::align_val_t kAlignment{256};

bool IsAligned(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 256 == 0;
}

void GiveUpAtTheThirdCall() {
  if (++g_handler_calls == 3) {
    std::set_new_handler(nullptr);
  }
}

template <typename Allocate>
bool Throws(Allocate allocate) {
  try {
    void* volatile object = allocate();
    static_cast<void>(object);
  } catch (const std::bad_alloc&) {
    return true;
  }
  return false;
}

}  // namespace

int main() {
  ::operator delete(::operator new(0));
  ::operator delete[](::operator new[](100), 100);
  ::operator delete(::operator new(100, std::nothrow), std::nothrow);
  ::operator delete[](::operator new[](100, std::nothrow), std::nothrow);

  void* aligned = ::operator new(100, kAlignment);
  CHECK(IsAligned(aligned) && malloc_usable_size(aligned) >= 100);
  ::operator delete(aligned, kAlignment);
  aligned = ::operator new[](100, kAlignment);
  CHECK(IsAligned(aligned));
  ::operator delete[](aligned, 100, kAlignment);
  aligned = ::operator new(100, kAlignment, std::nothrow);
  CHECK(IsAligned(aligned));
  ::operator delete(aligned, kAlignment, std::nothrow);
  aligned = ::operator new[](100, kAlignment, std::nothrow);
  ::operator delete[](aligned, kAlignment);

  CHECK(Throws([] { return ::operator new(kTooLarge); }));
  CHECK(Throws([] { return ::operator new[](kTooLarge); }));
  CHECK(Throws([] { return ::operator new(kTooLarge, kAlignment); }));
  CHECK(::operator new(kTooLarge, std::nothrow) == nullptr);
  CHECK(::operator new[](kTooLarge, kAlignment, std::nothrow) == nullptr);

  std::set_new_handler(GiveUpAtTheThirdCall);
  CHECK(Throws([] { return ::operator new(kTooLarge); }));
  CHECK(g_handler_calls == 3);
  std::set_new_handler(nullptr);

  if (g_broken == 0) {
    std::puts("all rules hold");
  }
  return g_broken;
}
