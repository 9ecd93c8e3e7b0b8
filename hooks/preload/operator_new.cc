// operator new and delete in all forms (C++20, [new.delete]), for programs that have no others.
//
// Throwing std::bad_alloc takes libstdc++, which a C program does not have: its two functions are
// looked up weakly, and only a program that can catch the exception has them.
#include <cstddef>
#include <cstdlib>
#include <new>

#include "hooks/preload/shim.h"

#undef PW_EXPORT
#define PW_EXPORT [[gnu::visibility("default")]]  // These have C++ linkage.

using pageward::hooks::ShimAllocate;
using pageward::hooks::ShimAllocateAligned;
using pageward::hooks::ShimFree;

namespace std {
// libstdc++'s own helpers: std::__throw_bad_alloc() and std::get_new_handler().
[[gnu::weak]] void __throw_bad_alloc() __attribute__((__noreturn__));
[[gnu::weak]] new_handler get_new_handler() noexcept;
}  // namespace std

namespace {

// Calls the program's new-handler until there is memory, none is left, or it gives up by throwing.
template <typename Allocate>
void* AllocateOrAskHandler(Allocate allocate) {
  for (;;) {
    if (void* object = allocate(); object != nullptr) [[likely]] {
      return object;
    }
    const std::new_handler handler =
        &std::get_new_handler != nullptr ? std::get_new_handler() : nullptr;
    if (handler == nullptr) {
      return nullptr;
    }
    handler();
  }
}

void* OrThrow(void* object) {
  if (object == nullptr) [[unlikely]] {
    if (&std::__throw_bad_alloc != nullptr) {
      std::__throw_bad_alloc();
    }
    std::abort();
  }
  return object;
}

void* New(std::size_t bytes) {
  return AllocateOrAskHandler([bytes] { return ShimAllocate(bytes); });
}

void* NewAligned(std::size_t bytes, std::align_val_t alignment) {
  return AllocateOrAskHandler(
      [=] { return ShimAllocateAligned(bytes, static_cast<std::size_t>(alignment)); });
}

}  // namespace

PW_EXPORT void* operator new(std::size_t bytes) {
  return OrThrow(New(bytes));
}
PW_EXPORT void* operator new[](std::size_t bytes) {
  return OrThrow(New(bytes));
}
PW_EXPORT void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return New(bytes);
}
PW_EXPORT void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return New(bytes);
}
PW_EXPORT void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return OrThrow(NewAligned(bytes, alignment));
}
PW_EXPORT void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return OrThrow(NewAligned(bytes, alignment));
}
PW_EXPORT void* operator new(std::size_t bytes, std::align_val_t alignment,
                             const std::nothrow_t&) noexcept {
  return NewAligned(bytes, alignment);
}
PW_EXPORT void* operator new[](std::size_t bytes, std::align_val_t alignment,
                               const std::nothrow_t&) noexcept {
  return NewAligned(bytes, alignment);
}

PW_EXPORT void operator delete(void* object) noexcept {
  ShimFree(object);
}
PW_EXPORT void operator delete[](void* object) noexcept {
  ShimFree(object);
}
PW_EXPORT void operator delete(void* object, std::size_t) noexcept {
  ShimFree(object);
}
PW_EXPORT void operator delete[](void* object, std::size_t) noexcept {
  ShimFree(object);
}
PW_EXPORT void operator delete(void* object, const std::nothrow_t&) noexcept {
  ShimFree(object);
}
PW_EXPORT void operator delete[](void* object, const std::nothrow_t&) noexcept {
  ShimFree(object);
}
PW_EXPORT void operator delete(void* object, std::align_val_t) noexcept {
  ShimFree(object);
}
PW_EXPORT void operator delete[](void* object, std::align_val_t) noexcept {
  ShimFree(object);
}
PW_EXPORT void operator delete(void* object, std::size_t, std::align_val_t) noexcept {
  ShimFree(object);
}
PW_EXPORT void operator delete[](void* object, std::size_t, std::align_val_t) noexcept {
  ShimFree(object);
}
PW_EXPORT void operator delete(void* object, std::align_val_t, const std::nothrow_t&) noexcept {
  ShimFree(object);
}
PW_EXPORT void operator delete[](void* object, std::align_val_t, const std::nothrow_t&) noexcept {
  ShimFree(object);
}
