// Domains: memory that is out of reach until a thread opens a window on it.
//
// All sizes are bytes. All functions are thread-safe, and none may be called from a signal handler,
// since they take locks; a window of window.h may be opened there if its domain has been used
// lately.
//
// Misuse that is evidence of a broken program ends it, with one line on standard error: a pointer
// that is freed twice, that points into an object, or that no domain ever handed out.
#pragma once

#include <pageward/config.h>
#include <pageward/status.h>
#include <stddef.h>
#include <stdint.h>

PAGEWARD_BEGIN_DECLS

/// A handle. Handles are never used again: one of a domain that was destroyed names nothing.
/// Zero names no domain either.
typedef struct pageward_domain {
  uint64_t value;
} pageward_domain;

/// What a thread may do with a domain that it has no window on.
typedef enum pageward_default_access {
  PAGEWARD_DEFAULT_NONE = 0,  ///< Nothing.
  /// Read. Writing takes a window; since all threads share the right to read, protection of such a
  /// domain is by page permissions and its windows are those of the process, on every machine.
  PAGEWARD_DEFAULT_READ_ONLY
} pageward_default_access;

/// What a child made by fork(2) gets of a domain.
typedef enum pageward_fork_policy {
  PAGEWARD_FORK_GONE = 0,  ///< Nothing: its addresses fault and its handle answers PAGEWARD_GONE.
  PAGEWARD_FORK_KEPT       ///< A copy, closed.
} pageward_fork_policy;

/// Whether memory of a domain is kept out of swap.
typedef enum pageward_lock_policy {
  PAGEWARD_LOCK_WHERE_POSSIBLE = 0,  ///< As far as the limit goes; pageward_domain_info counts.
  PAGEWARD_LOCK_REQUIRED,            ///< What can't be locked is not handed out: PAGEWARD_LIMIT.
  PAGEWARD_LOCK_NEVER
} pageward_lock_policy;

/// When freed memory is overwritten with zeros. Either way it is before anybody gets it again.
typedef enum pageward_wipe_policy {
  PAGEWARD_WIPE_ON_FREE = 0,
  PAGEWARD_WIPE_BEFORE_REUSE  ///< Later, when it is allocated again or leaves the domain.
} pageward_wipe_policy;

enum {
  /// Keeps its key while it lives, so that no window of it is ever slow. Keys are few.
  PAGEWARD_DOMAIN_PINNED = 1u << 0,
  /// Appears in core dumps. By default no domain does.
  PAGEWARD_DOMAIN_DUMPED = 1u << 1,
  /// Is made only where windows are those of one thread: never by page permissions.
  PAGEWARD_DOMAIN_REQUIRES_KEYS = 1u << 2,
  /// May be backed by huge pages: for bulk data, of which the first byte costs 2 MiB.
  PAGEWARD_DOMAIN_HUGE_PAGES = 1u << 3
};

/// Choices for a domain. Begin with PAGEWARD_DOMAIN_OPTIONS, all of whose choices are the safest.
typedef struct pageward_domain_options {
  size_t size;       ///< sizeof(pageward_domain_options), so that the structure can grow.
  const char* name;  ///< For reports, cut after 31 characters; may be null.
  pageward_default_access access;
  pageward_fork_policy fork;
  pageward_lock_policy lock;
  pageward_wipe_policy wipe;
  uint32_t flags;  ///< PAGEWARD_DOMAIN_...
} pageward_domain_options;

#define PAGEWARD_DOMAIN_OPTIONS                                                    \
  {                                                                                \
    sizeof(pageward_domain_options), 0, PAGEWARD_DEFAULT_NONE, PAGEWARD_FORK_GONE, \
        PAGEWARD_LOCK_WHERE_POSSIBLE, PAGEWARD_WIPE_ON_FREE, 0                     \
  }

/// What there is to know about a domain.
typedef struct pageward_domain_info {
  size_t size;  ///< Set by the caller: sizeof(pageward_domain_info).
  char name[32];
  uint64_t objects;         ///< alive
  uint64_t object_bytes;    ///< of those, rounded up as they are
  uint64_t reserved_bytes;  ///< of whole pageblocks that are the domain's
  uint64_t locked_bytes;    ///< of those, locked in memory
  uint64_t lock_failures;   ///< pageblocks that could not be locked
  int is_by_key;            ///< windows are those of one thread; else those of the process
  int has_key;              ///< a window opens without a system call, at the moment
  int is_open;              ///< for the whole process: by a window, or since closing has failed
} pageward_domain_info;

/// Makes a domain. `options` may be null for the safest choices.
///
/// Errors: PAGEWARD_INVALID; PAGEWARD_LIMIT, with 16,384 of them alive; PAGEWARD_UNSUPPORTED and
/// PAGEWARD_NO_KEYS where keys are required or the domain is pinned, and there are none;
/// PAGEWARD_NO_ADDRESS_SPACE and PAGEWARD_NO_MEMORY for the first one.
PAGEWARD_API PAGEWARD_MUST_CHECK pageward_status
pageward_domain_create(const pageward_domain_options* options, pageward_domain* domain);

/// Wipes everything that the domain holds and ends it. Pointers to its objects dangle, and fault.
///
/// Errors: PAGEWARD_INVALID; PAGEWARD_IN_USE while a window is open on it, in whatever thread.
PAGEWARD_API pageward_status pageward_domain_destroy(pageward_domain domain);

/// Fills `info` in, whose size the caller has set. Errors: PAGEWARD_INVALID.
PAGEWARD_API pageward_status pageward_domain_describe(pageward_domain domain,
                                                      pageward_domain_info* info);

/// Allocates `bytes` that are zero, at a multiple of `alignment`: a power of two of up to 1 GiB, or
/// 0 for 16. The object can be touched inside a window only.
///
/// Errors: PAGEWARD_INVALID, also for zero bytes; PAGEWARD_GONE; running out of whatever.
PAGEWARD_API PAGEWARD_MUST_CHECK pageward_status pageward_alloc(pageward_domain domain,
                                                                size_t bytes, size_t alignment,
                                                                void** object);

/// Gives an object `bytes`, moving it within its domain if it has to: what it held is copied
/// through a window, wiped where it was, and zero behind. `*object` may be null, as for realloc().
///
/// Errors: as pageward_alloc() and pageward_free(); the object is as it was then.
PAGEWARD_API PAGEWARD_MUST_CHECK pageward_status pageward_realloc(pageward_domain domain,
                                                                  void** object, size_t bytes,
                                                                  size_t alignment);

/// Wipes an object and takes it back. Null is ignored.
///
/// Errors: PAGEWARD_INVALID; PAGEWARD_GONE; PAGEWARD_WRONG_DOMAIN; PAGEWARD_NO_KEYS, if it can't be
/// reached to be wiped because windows hold every key. It lives on then.
PAGEWARD_API pageward_status pageward_free(pageward_domain domain, void* object);

/// Says how many bytes may be used at `object`: at least what was asked for.
///
/// Errors: PAGEWARD_INVALID, also if it is no live object; PAGEWARD_GONE; PAGEWARD_WRONG_DOMAIN.
PAGEWARD_API pageward_status pageward_usable_size(pageward_domain domain, const void* object,
                                                  size_t* bytes);

PAGEWARD_END_DECLS
