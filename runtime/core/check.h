// Checks at three levels, independent of NDEBUG and of the build type.
//
//   PW_CHECK      always compiled in: evidence of corruption, misuse by the program
//   PW_ASSERT     from `debug` on: a contract between our own functions
//   PW_INVARIANT  at `paranoid`: object.CheckInvariants(), after each change
//
// The level is PW_CHECK_LEVEL (0 hardened, 1 debug, 2 paranoid), a public property of the target
// pageward::config. All of them are usable in constant expressions, where a failure is a compile
// error. Switched off, PW_ASSERT still parses its argument, so that it can't rot.
#pragma once

#include <cstdint>

#include "runtime/core/violation.h"

#ifndef PW_CHECK_LEVEL
#error "link pageward::config: it defines PW_CHECK_LEVEL"
#endif

/// Dies with `violation` unless `condition` holds, naming `object` (an integer).
#define PW_CHECK(condition, violation, object)                         \
  do {                                                                 \
    if (!(condition)) [[unlikely]] {                                   \
      ::pageward::FailCheck(violation, #condition, __FILE__, __LINE__, \
                            static_cast<std::uint64_t>(object));       \
    }                                                                  \
  } while (false)

#if PW_CHECK_LEVEL >= 1
#define PW_ASSERT(condition) PW_CHECK(condition, ::pageward::Violation::kAssertion, 0)
#else
#define PW_ASSERT(condition)        \
  do {                              \
    if (false) {                    \
      static_cast<void>(condition); \
    }                               \
  } while (false)
#endif

#if PW_CHECK_LEVEL >= 2
#define PW_INVARIANT(object) (object).CheckInvariants()
#else
#define PW_INVARIANT(object)      \
  do {                            \
    if (false) {                  \
      (object).CheckInvariants(); \
    }                             \
  } while (false)
#endif
