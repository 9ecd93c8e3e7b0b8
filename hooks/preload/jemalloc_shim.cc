// jemalloc's non-standard interface. Debian's redis-server and BIND import it from
// libjemalloc.so.2; if we did not answer to those names, a second allocator would.
//
// Most of it goes to jemalloc as it is. What makes arenas gets our hooks unless the program brings
// its own, and what speaks of "this thread's cache" speaks of ours as well.
#include <cerrno>
#include <cstring>

#include "hooks/jemalloc/extent_hooks.h"
#include "hooks/preload/shim.h"
#include "runtime/core/open_page.h"
#include "runtime/core/units.h"
#include "runtime/keys/gate.h"

namespace pageward::hooks {
namespace {

constexpr std::size_t kMostMib = 8;

// A name of mallctl's as the numbers that mallctlbymib() takes.
struct Mib {
  std::size_t numbers[kMostMib] = {};
  std::size_t length = 0;
};

Mib MibOf(const char* name) {
  Mib mib;
  mib.length = kMostMib;
  if (jemalloc_mallctlnametomib(name, mib.numbers, &mib.length) != 0) {
    mib.length = 0;
  }
  return mib;
}

// Compares but for the position `wildcard`, which stands for an index.
bool Matches(const Mib& mib, const std::size_t* numbers, std::size_t length,
             std::size_t wildcard = kMostMib) {
  if (mib.length == 0 || mib.length != length) {
    return false;
  }
  for (std::size_t i = 0; i < length; ++i) {
    if (i != wildcard && mib.numbers[i] != numbers[i]) {
      return false;
    }
  }
  return true;
}

// Writes what `bytes` from `begin` on hold back to them, a byte of each page. What the program
// wants an answer in, it must be able to write itself: inside the gate nobody would notice that it
// is metadata.
void TouchForWriting(void* begin, std::size_t bytes) {
  auto* const first = static_cast<volatile unsigned char*>(begin);
  for (std::size_t at = 0; at < bytes; at += pageward::kFrameBytes) {
    first[at] = first[at];
  }
  if (bytes > 0) {
    first[bytes - 1] = first[bytes - 1];
  }
}

// Runs `call` inside the gate with the length of what the program wants an answer in, and tells the
// program the length of what it got.
template <typename Call>
int Answer(void* answer, std::size_t* length, std::size_t unit_bytes, Call call) {
  if (answer == nullptr || length == nullptr) {
    const keys::Gate gate;
    return call(nullptr);
  }
  // A copy: another thread can change the program's while jemalloc looks at it.
  std::size_t known = *length;
  TouchForWriting(length, sizeof(known));
  TouchForWriting(answer, known * unit_bytes);
  int error = 0;
  {
    const keys::Gate gate;
    error = call(&known);
  }
  *length = known;
  return error;
}

// The program's function for a text of jemalloc's, which is called from inside the gate.
struct Printer {
  void (*write)(void*, const char*);
  void* opaque;

  static void Print(void* printer, const char* text) {
    const keys::BaselineScope closed;
    const auto* self = static_cast<const Printer*>(printer);
    self->write(self->opaque, text);
  }
};

// What is done besides, or instead of, what jemalloc does.
enum class Special : std::uint8_t { kNone, kCreateArena, kSetHooks, kFlushCache, kPurge };

Special SpecialOf(const std::size_t* mib, std::size_t length) {
  const keys::Gate gate;
  if (Matches(MibOf("arenas.create"), mib, length) ||
      Matches(MibOf("experimental.arenas_create_ext"), mib, length)) {
    return Special::kCreateArena;
  }
  const Mib hooks = MibOf("arena.0.extent_hooks");
  if (Matches(hooks, mib, length, 1)) {
    return Special::kSetHooks;
  }
  // A name takes longer to look up than most calls: only what acts on an arena is compared.
  const bool is_of_arena = hooks.length > 0 && length > 0 && mib[0] == hooks.numbers[0];
  for (const char* name : {"arena.0.purge", "arena.0.decay", "arena.0.reset", "arena.0.destroy"}) {
    if (is_of_arena && Matches(MibOf(name), mib, length, 1)) {
      return Special::kPurge;
    }
  }
  return Matches(MibOf("thread.tcache.flush"), mib, length) ? Special::kFlushCache : Special::kNone;
}

Special SpecialOf(const char* name) {
  const Mib mib = MibOf(name);
  return mib.length == 0 ? Special::kNone : SpecialOf(mib.numbers, mib.length);
}

int CreateArena(void* oldp, std::size_t* oldlenp) {
  JemallocArenaConfig config = {ExtentHooks(), false};
  return jemalloc_mallctl("experimental.arenas_create_ext", oldp, oldlenp, &config, sizeof(config));
}

// Runs the mallctl `call`, with what is special about it.
template <typename Call>
int WithSpecials(Special special, void* oldp, std::size_t* oldlenp, void* newp, Call call) {
  switch (special) {
    case Special::kNone:
      break;
    case Special::kCreateArena:
      if (newp == nullptr) {
        return CreateArena(oldp, oldlenp);
      }
      g_heap.AdmitForeignMemory();
      break;
    case Special::kSetHooks:
      if (newp != nullptr) {
        g_heap.AdmitForeignMemory();
      }
      break;
    case Special::kFlushCache:
      // jemalloc answers EFAULT where it has no cache of its own; ours is what was meant.
      g_heap.FlushThread();
      return 0;
    case Special::kPurge: {
      const int error = call();
      FinishPurge();
      return error;
    }
  }
  return call();
}

}  // namespace
}  // namespace pageward::hooks

using namespace pageward;
using namespace pageward::hooks;

PW_EXPORT void* mallocx(std::size_t bytes, int flags) {
  if (EnsureStarted() == Started::kByThisThread || bytes > kMostBytes) {
    return nullptr;
  }
  return flags == 0 ? g_heap.Allocate(bytes) : g_heap.AllocateWithFlags(bytes, flags);
}

PW_EXPORT void* rallocx(void* object, std::size_t bytes, int flags) {
  static_cast<void>(EnsureStarted());
  if (bytes > kMostBytes) {
    return nullptr;
  }
  return flags == 0 ? g_heap.Reallocate(object, bytes)
                    : g_heap.ReallocateWithFlags(object, bytes, flags);
}

PW_EXPORT std::size_t xallocx(void* object, std::size_t bytes, std::size_t extra, int flags) {
  static_cast<void>(EnsureStarted());
  return g_heap.ResizeInPlace(object, bytes, extra, flags);
}

PW_EXPORT std::size_t sallocx(const void* object, int) {
  static_cast<void>(EnsureStarted());
  return g_heap.UsableSize(object);
}

PW_EXPORT void dallocx(void* object, int flags) {
  static_cast<void>(EnsureStarted());
  g_heap.FreeWithFlags(object, flags);
}

PW_EXPORT void sdallocx(void* object, std::size_t, int flags) {
  static_cast<void>(EnsureStarted());
  g_heap.FreeWithFlags(object, flags);
}

PW_EXPORT std::size_t nallocx(std::size_t bytes, int flags) {
  if (EnsureStarted() == Started::kByThisThread || bytes > kMostBytes) {
    return 0;
  }
  return g_heap.SizeFor(bytes, flags);
}

PW_EXPORT int mallctl(const char* name, void* oldp, std::size_t* oldlenp, void* newp,
                      std::size_t newlen) {
  if (EnsureStarted() == Started::kByThisThread) {
    return EAGAIN;
  }
  return Answer(oldp, oldlenp, 1, [&](std::size_t* length) {
    return WithSpecials(SpecialOf(name), oldp, length, newp,
                        [&] { return jemalloc_mallctl(name, oldp, length, newp, newlen); });
  });
}

PW_EXPORT int mallctlnametomib(const char* name, std::size_t* mibp, std::size_t* miblenp) {
  if (EnsureStarted() == Started::kByThisThread) {
    return EAGAIN;
  }
  return Answer(mibp, miblenp, sizeof(std::size_t),
                [&](std::size_t* length) { return jemalloc_mallctlnametomib(name, mibp, length); });
}

PW_EXPORT int mallctlbymib(const std::size_t* mib, std::size_t miblen, void* oldp,
                           std::size_t* oldlenp, void* newp, std::size_t newlen) {
  if (EnsureStarted() == Started::kByThisThread) {
    return EAGAIN;
  }
  return Answer(oldp, oldlenp, 1, [&](std::size_t* length) {
    return WithSpecials(SpecialOf(mib, miblen), oldp, length, newp, [&] {
      return jemalloc_mallctlbymib(mib, miblen, oldp, length, newp, newlen);
    });
  });
}

PW_EXPORT void malloc_stats_print(void (*write)(void*, const char*), void* opaque,
                                  const char* options) {
  if (EnsureStarted() == Started::kYes) {
    Printer printer = {write, opaque};
    const keys::Gate gate;
    jemalloc_malloc_stats_print(write != nullptr ? &Printer::Print : nullptr, &printer, options);
  }
}

// The names that a program may define to configure jemalloc. Ours are there so that a program which
// was linked against libjemalloc.so.2 and sets them finds them.
// They are the program's to write, so they lie on an open page, both on one.
namespace pageward::hooks {
namespace {

struct ProgramsVariables {
  const char* malloc_conf;
  void (*malloc_message)(void* opaque, const char* text);
};

}  // namespace

extern "C" {
[[gnu::section("pageward_open"), gnu::visibility("hidden"),
  gnu::used]] constinit OpenPage<ProgramsVariables>
    pageward_programs_variables = {};
}

}  // namespace pageward::hooks

asm(".globl malloc_conf, malloc_message\n"
    ".type malloc_conf, @object\n.size malloc_conf, 8\n"
    ".type malloc_message, @object\n.size malloc_message, 8\n"
    ".set malloc_conf, pageward_programs_variables\n"
    ".set malloc_message, pageward_programs_variables + 8\n");
