// Windows: the scopes in which one thread can use the memory of a domain.
//
// Opening and closing a window is two writes of the rights register PKRU each way, inlined into the
// program: no system call, no lock, the same addresses. It is so while the domain has one of the
// processor's few protection keys. A domain whose key has gone to another gets one back when a
// window is opened on it, which takes system calls.
//
//   * A window belongs to the thread that opened it and is closed by it, in the scope that opened
//     it and in reverse order. Windows nest, also of one domain.
//   * Threads are not affected by windows of others. A thread that is made inside a window with
//     pageward_thread_create() starts with everything closed; pthread_create() hands the rights of
//     its caller on. A child made by fork(2) starts closed.
//   * System calls work on an object inside a window, and fail with EFAULT outside.
//   * A signal handler starts closed. The window is as it was when the handler returns.
//   * Without keys, and for domains that all may read, windows are made by page permissions: then
//     they take system calls and are those of the whole process.
#pragma once

#include <pageward/config.h>
#include <pageward/domain.h>
#include <pageward/status.h>
#include <stdint.h>

#ifndef __x86_64__
#error "Pageward needs an x86-64 processor"
#endif

PAGEWARD_BEGIN_DECLS

/// What a window allows.
typedef enum pageward_access {
  PAGEWARD_READ_ONLY = 1,  ///< Inside a read-write window of the same domain: takes writing away.
  PAGEWARD_READ_WRITE = 2
} pageward_access;

/// An open window, or a closed one. Belongs to the caller; its members are the library's business.
typedef struct pageward_window {
  uint64_t ticket_;  // Of the thread that opened it; 0 if it is closed.
  uint64_t domain_;
  uint32_t former_;  // Rights for the key before.
  uint32_t key_;     // 0: it is made by page permissions.
} pageward_window;

#define PAGEWARD_WINDOW_CLOSED \
  { 0, 0, 0, 0 }

// --- How windows work ----------------------------------------------------------------------------
// The layout is a part of the ABI, since programs have the code below compiled in.

// What a thread holds. A pin keeps a domain's key where it is; whoever wants the key looks at the
// pins of all threads, after a barrier on all of them (membarrier(2)), so a pin is a plain store.
struct pageward_thread_state {
  uint64_t ticket;    // Unlike that of any other thread, ever; 0 for one that is not known yet.
  uint32_t pins[16];  // For each key, how many windows hold it.
};

// What all threads look at. Lies on a page that can only be read.
struct pageward_rights_state {
  // For each domain, by the low half of its handle: the handle and, in the low four bits, its key.
  // Key 0 is none. Null before there are domains.
  const uint64_t* residents;
  uint32_t domain_key_bits;  // The bits of PKRU that windows may change.
};

#define PAGEWARD_RESIDENT_INDEX_MASK 0xffffu

#ifdef PAGEWARD_NO_INLINE
#define PAGEWARD_INLINE static __inline__ __attribute__((__always_inline__))
#else
// Inlined where it is called, and never a function of the program's own: the address of what the
// library has as well is that of the library's.
#define PAGEWARD_INLINE extern __inline__ __attribute__((__gnu_inline__, __always_inline__))
#endif

extern PAGEWARD_API __thread struct pageward_thread_state pageward_this_thread
    __attribute__((tls_model("initial-exec")));
extern PAGEWARD_API const struct pageward_rights_state pageward_rights;

PAGEWARD_API PAGEWARD_MUST_CHECK pageward_status pageward_window_open_slowly(
    pageward_domain domain, pageward_access access, pageward_window* window);
PAGEWARD_API pageward_status pageward_window_close_slowly(pageward_window* window);

// By way of the table of addresses, so that no program gets a copy of the variable of its own.
PAGEWARD_INLINE const struct pageward_rights_state* pageward_rights_of_process(void) {
  const struct pageward_rights_state* rights;
  __asm__("movq pageward_rights@GOTPCREL(%%rip), %0" : "=r"(rights));
  return rights;
}

// RDPKRU. Source: Intel SDM, volume 2.
PAGEWARD_INLINE uint32_t pageward_read_rights(void) {
  uint32_t rights;
  uint32_t zero;
  __asm__ volatile(".byte 0x0f, 0x01, 0xee" : "=a"(rights), "=d"(zero) : "c"(0));
  return rights;
}

// WRPKRU, and a look at what has been written: only bits of domains' keys may have changed. Whoever
// brings another value here, by a jump or by changing what it was made from, gets no further.
PAGEWARD_INLINE void pageward_write_rights(uint32_t before, uint32_t now,
                                           const struct pageward_rights_state* rights) {
  __asm__ volatile(".byte 0x0f, 0x01, 0xef" : "+a"(now) : "c"(0), "d"(0) : "memory");
  if (__builtin_expect(((now ^ before) & ~rights->domain_key_bits) != 0, 0)) {
    __builtin_trap();
  }
}

// Opens `key`, which this thread has pinned.
PAGEWARD_INLINE void pageward_enter_window(pageward_domain domain, pageward_access access,
                                           uint32_t key, pageward_window* window) {
  // Access disable and write disable. Source: Intel SDM, volume 3A, section 4.6.2.
  const uint32_t field = 3u << (2 * key);
  const uint32_t wanted = access == PAGEWARD_READ_WRITE ? 0 : 2u << (2 * key);
  const uint32_t before = pageward_read_rights();
  window->ticket_ = pageward_this_thread.ticket;
  window->domain_ = domain.value;
  window->former_ = before & field;
  window->key_ = key;
  pageward_write_rights(before, (before & ~field) | wanted, pageward_rights_of_process());
}

PAGEWARD_INLINE pageward_status pageward_window_open_inlined(pageward_domain domain,
                                                             pageward_access access,
                                                             pageward_window* window) {
  const uint64_t* residents = pageward_rights_of_process()->residents;
  struct pageward_thread_state* thread = &pageward_this_thread;
  if (__builtin_expect(thread->ticket != 0 && residents != 0, 1)) {
    const uint64_t* resident = residents + (domain.value & PAGEWARD_RESIDENT_INDEX_MASK);
    const uint64_t seen = __atomic_load_n(resident, __ATOMIC_RELAXED);
    const uint32_t key = seen & 15u;
    if (__builtin_expect(key != 0 && seen >> 4 == domain.value &&
                             (access == PAGEWARD_READ_ONLY || access == PAGEWARD_READ_WRITE),
                         1)) {
      thread->pins[key] += 1;
      // The processor may still delay the pin beyond the second look; the barrier on the other side
      // is for that. The compiler may not.
      __asm__ volatile("" : : : "memory");
      if (__builtin_expect(__atomic_load_n(resident, __ATOMIC_RELAXED) == seen, 1)) {
        pageward_enter_window(domain, access, key, window);
        return PAGEWARD_OK;
      }
      thread->pins[key] -= 1;
    }
  }
  return pageward_window_open_slowly(domain, access, window);
}

PAGEWARD_INLINE pageward_status pageward_window_close_inlined(pageward_window* window) {
  struct pageward_thread_state* thread = &pageward_this_thread;
  const uint32_t key = window->key_;
  if (__builtin_expect(window->ticket_ != 0 && window->ticket_ == thread->ticket && key - 1u < 15u,
                       1)) {
    const uint32_t field = 3u << (2 * key);
    const uint32_t before = pageward_read_rights();
    pageward_write_rights(before, (before & ~field) | (window->former_ & field),
                          pageward_rights_of_process());
    window->ticket_ = 0;
    thread->pins[key] -= 1;
    return PAGEWARD_OK;
  }
  return pageward_window_close_slowly(window);
}

// --- What programs call --------------------------------------------------------------------------

/// Lets this thread use the memory of `domain` until `window` is closed.
///
/// Errors: PAGEWARD_INVALID; PAGEWARD_GONE; PAGEWARD_NO_KEYS, while other windows hold every key;
/// PAGEWARD_TOO_MANY_MAPPINGS and PAGEWARD_NO_MEMORY if its key has to be put on its memory.
/// Nothing is open then.
PAGEWARD_API PAGEWARD_MUST_CHECK pageward_status pageward_window_open(pageward_domain domain,
                                                                      pageward_access access,
                                                                      pageward_window* window);

/// Gives this thread the rights back that it had for the domain before. Other domains, and keys
/// that are not Pageward's, stay as they are.
///
/// Errors: PAGEWARD_INVALID, if it is closed already or another thread's; PAGEWARD_GONE, if it was
/// opened before a fork(2) that made this process.
PAGEWARD_API pageward_status pageward_window_close(pageward_window* window);

#ifndef PAGEWARD_NO_INLINE
PAGEWARD_INLINE pageward_status pageward_window_open(pageward_domain domain, pageward_access access,
                                                     pageward_window* window) {
  return pageward_window_open_inlined(domain, access, window);
}
PAGEWARD_INLINE pageward_status pageward_window_close(pageward_window* window) {
  return pageward_window_close_inlined(window);
}
#endif

PAGEWARD_END_DECLS
