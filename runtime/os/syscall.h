// System calls without libc: other preload libraries interpose libc's wrappers, jemalloc's calls
// to them are redirected by our own link, and errno belongs to the program.
//
// Convention of the x86-64 ABI (System V ABI, AMD64 supplement, A.2.1): number in RAX, arguments in
// RDI, RSI, RDX, R10, R8, R9; the kernel destroys RCX and R11; -4095..-1 in RAX is -errno.
#pragma once

#include <sys/syscall.h>

#include <cstdint>
#include <type_traits>

namespace pageward::os {

/// What a system call returned: a value, or a positive errno.
class SyscallResult {
 public:
  explicit constexpr SyscallResult(std::int64_t raw) : raw_(raw) {}

  constexpr bool ok() const { return raw_ < -4095 || raw_ >= 0; }
  constexpr std::int64_t value() const { return raw_; }
  /// Requires: !ok().
  constexpr int error() const { return static_cast<int>(-raw_); }

 private:
  std::int64_t raw_;
};

namespace internal {

template <typename T>
std::int64_t AsRegister(T argument) {
  if constexpr (std::is_pointer_v<T>) {
    return static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(argument));
  } else {
    return static_cast<std::int64_t>(argument);
  }
}

}  // namespace internal

/// Makes the system call `number`. Missing arguments are passed as zero.
template <typename A = int, typename B = int, typename C = int, typename D = int, typename E = int,
          typename F = int>
SyscallResult Syscall(long number, A a = {}, B b = {}, C c = {}, D d = {}, E e = {}, F f = {}) {
  std::int64_t result = number;
  register std::int64_t r10 asm("r10") = internal::AsRegister(d);
  register std::int64_t r8 asm("r8") = internal::AsRegister(e);
  register std::int64_t r9 asm("r9") = internal::AsRegister(f);
  asm volatile("syscall"
               : "+a"(result)
               : "D"(internal::AsRegister(a)), "S"(internal::AsRegister(b)),
                 "d"(internal::AsRegister(c)), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return SyscallResult(result);
}

}  // namespace pageward::os
