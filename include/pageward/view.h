// Unmapped memory: memory without an address, which views show for a moment.
//
// What is allocated here has a handle and no pointer: where it lies, touching it faults, in every
// thread and whatever is open. A view shows some of it at another address, to the thread that got
// the view, until that puts it back. With memfd_secret(2) the kernel can't reach the memory either,
// but through a view: no process_vm_readv(2), no /proc/self/mem, no ptrace(2).
//
// All memory handed out is zero, is wiped before it is freed, is in no core dump, and is gone in a
// child made by fork(2): there its handles answer PAGEWARD_GONE, and nothing else is mapped where
// it was. (Not after vfork(2) or clone(2), which run no handlers; there it is a hole.)
//
// The limits of a view. Where there are protection keys another thread reaches it only if that has
// a view open at the same moment and more threads have than there are keys for views, of which
// Pageward takes up to three; pageward_unmapped_describe() counts. Where there are none, a view is
// open to the whole process while it is open. A thread that is started while a view is open
// inherits its key on Linux; use pageward_thread_create(), or close views first.
//
// A thread has up to three views at once, in 4 MiB of addresses of its own, and one more of a page
// that is kept for what must not fail. Frames that it viewed lately are found again without a
// system call where there are keys.
//
// All functions are thread-safe. None works in a signal handler: getting, putting and freeing are
// refused there with PAGEWARD_NOT_PERMITTED where there are keys, for a handler has other rights
// than its thread; without keys only in a handler that interrupts one of these functions.
// Allocating takes a lock.
#pragma once

#include <pageward/config.h>
#include <pageward/status.h>
#include <stddef.h>
#include <stdint.h>

PAGEWARD_BEGIN_DECLS

/// A handle of some memory. Zero names none. One that was freed names nothing any more.
typedef struct pageward_unmapped {
  uint64_t value;
} pageward_unmapped;

/// What a thread may do with a view.
typedef enum pageward_view_access {
  PAGEWARD_VIEW_READ_ONLY = 0,
  PAGEWARD_VIEW_READ_WRITE,
  PAGEWARD_VIEW_NONE =
      0x7fffffff  ///< No access: makes what is none of these a value that is refused.
} pageward_view_access;

/// A view that is open, of the thread that got it.
typedef struct pageward_view {
  void* data;            ///< The first byte that was asked for.
  size_t size;           ///< How many bytes were asked for.
  uint64_t reserved[4];  ///< What pageward_view_put() wants to know.
} pageward_view;

// --- The pool ------------------------------------------------------------------------------------

enum {
  /// Fails where there is no secret memory, instead of taking ordinary shared memory.
  PAGEWARD_UNMAPPED_REQUIRES_SECRET = 1u << 0,
  /// Does not try to have secret memory.
  PAGEWARD_UNMAPPED_ORDINARY = 1u << 1,
  /// Writes a line to standard error about each free of memory that a view shows: who frees, and
  /// who got the view.
  PAGEWARD_UNMAPPED_REPORTS = 1u << 2
};

/// Choices for the memory of the process. Begin with PAGEWARD_UNMAPPED_OPTIONS.
typedef struct pageward_unmapped_options {
  size_t size;  ///< sizeof(pageward_unmapped_options), so that the structure can grow.
  /// A power of two from 2 MiB to 1 TiB, all that can be allocated at once; addresses, which cost
  /// nothing until they are used. Secret memory counts in full against RLIMIT_MEMLOCK, and each
  /// view of it again. 0: 64 MiB, or as much less as lets it be secret within that limit.
  size_t bytes;
  uint32_t most_view_mappings;  ///< Of all threads together; 0 for 8,192.
  uint32_t flags;               ///< PAGEWARD_UNMAPPED_...
} pageward_unmapped_options;

#define PAGEWARD_UNMAPPED_OPTIONS \
  { sizeof(pageward_unmapped_options), 0, 0, 0 }

/// What there is to know about it.
typedef struct pageward_unmapped_info {
  size_t size;                     ///< Set by the caller: sizeof(pageward_unmapped_info).
  uint64_t bytes;                  ///< of the pool
  uint64_t allocated_bytes;        ///< in whole pages
  uint64_t freed_while_open;       ///< frees that were refused
  uint64_t freed_while_stale;      ///< frees before which a view had to be flushed
  uint64_t left_open;              ///< views that were open when their thread ended
  uint64_t shared_openings;        ///< views that opened a key another thread had open
  uint64_t view_mappings;          ///< mappings of all views, now
  pageward_status secret_refusal;  ///< PAGEWARD_OK, or why the memory is not secret
  pageward_status lock_refusal;    ///< PAGEWARD_OK, or why it is not locked in memory
  int is_secret;                   ///< the kernel can't reach it either
  int has_thread_views;            ///< views are closed to other threads
} pageward_unmapped_info;

/// Makes the pool, with choices; without this call it is made with the default ones when it is
/// first needed. `options` may be null.
///
/// Errors: PAGEWARD_IN_USE if there is one; PAGEWARD_INVALID; PAGEWARD_NO_ADDRESS_SPACE,
/// PAGEWARD_NO_MEMORY; where secret memory is required also PAGEWARD_LIMIT (RLIMIT_MEMLOCK),
/// PAGEWARD_UNSUPPORTED and PAGEWARD_NOT_PERMITTED.
PAGEWARD_API pageward_status pageward_unmapped_start(const pageward_unmapped_options* options);

/// Fills `info` in, whose size the caller has set. Errors: PAGEWARD_INVALID; as
/// pageward_unmapped_start().
PAGEWARD_API pageward_status pageward_unmapped_describe(pageward_unmapped_info* info);

// --- Memory --------------------------------------------------------------------------------------

/// Allocates `bytes`, rounded up to pages.
///
/// Errors: PAGEWARD_INVALID for zero bytes; PAGEWARD_NO_MEMORY if the pool has no run that long; as
/// pageward_unmapped_start().
PAGEWARD_API PAGEWARD_MUST_CHECK pageward_status pageward_unmapped_alloc(size_t bytes,
                                                                         pageward_unmapped* memory);

/// Wipes memory and takes it back. Zero is ignored.
///
/// Errors: PAGEWARD_IN_USE while a view of it is open, in whatever thread; PAGEWARD_INVALID,
/// PAGEWARD_GONE; what a view fails with, since it takes one to wipe. The memory lives on then,
/// though it may be wiped.
PAGEWARD_API pageward_status pageward_unmapped_free(pageward_unmapped memory);

/// Says how many bytes there are: whole pages. Errors: PAGEWARD_INVALID, PAGEWARD_GONE.
PAGEWARD_API pageward_status pageward_unmapped_size(pageward_unmapped memory, size_t* bytes);

/// Copies `bytes` in, from `from`, or out, to `to`, through views of up to 2 MiB.
///
/// Errors: as pageward_view_get(); a part may have been copied then.
PAGEWARD_API pageward_status pageward_unmapped_write(pageward_unmapped memory, size_t offset,
                                                     const void* from, size_t bytes);
PAGEWARD_API pageward_status pageward_unmapped_read(pageward_unmapped memory, size_t offset,
                                                    void* to, size_t bytes);

/// Fills `bytes` from a descriptor: read(2) straight into the memory, up to 2 MiB at a time. Sets
/// `*got` to how many came: fewer at the end of the file, or if it failed after some had come.
///
/// Errors, with `*got` 0: as pageward_view_get(); PAGEWARD_INVALID if the descriptor can't be read
/// from; PAGEWARD_UNSUPPORTED if reading failed, or would block.
PAGEWARD_API pageward_status pageward_unmapped_populate(pageward_unmapped memory, size_t offset,
                                                        size_t bytes, int descriptor, size_t* got);

// --- Views ---------------------------------------------------------------------------------------

/// Makes this thread ready for views, which nothing else does but allocating, freeing and copying:
/// getting a view takes no memory. May be called again; must be by a thread that has left a signal
/// handler by longjmp(), and must not be by a handler.
///
/// Errors: PAGEWARD_NO_ADDRESS_SPACE, PAGEWARD_NO_MEMORY; as pageward_unmapped_start().
PAGEWARD_API pageward_status pageward_view_prepare(void);

/// Shows [offset, offset + bytes) of `memory` to this thread until pageward_view_put(): at most 2
/// system calls, and none if it was shown lately with the same access (one, where there are no
/// keys). The pages before and after what is asked for are not shown.
///
/// Errors: PAGEWARD_INVALID for a thread that is not prepared, a handle of nothing, or a part that
/// is not there; PAGEWARD_GONE; PAGEWARD_NOT_PERMITTED in a signal handler;
/// PAGEWARD_NO_ADDRESS_SPACE if what is open leaves no room in the thread's addresses;
/// PAGEWARD_IN_USE if three views are open; PAGEWARD_TOO_MANY_MAPPINGS; PAGEWARD_LIMIT
/// (RLIMIT_MEMLOCK); PAGEWARD_NO_MEMORY.
PAGEWARD_API PAGEWARD_MUST_CHECK pageward_status pageward_view_get(pageward_unmapped memory,
                                                                   size_t offset, size_t bytes,
                                                                   pageward_view_access access,
                                                                   pageward_view* view);

/// The same for a part that lies within one page, at an address that is kept for it: it works
/// whatever else is open. Errors: as pageward_view_get(); PAGEWARD_INVALID also if it takes more
/// than a page; PAGEWARD_IN_USE if such a view is open.
PAGEWARD_API PAGEWARD_MUST_CHECK pageward_status
pageward_view_get_reserved(pageward_unmapped memory, size_t offset, size_t bytes,
                           pageward_view_access access, pageward_view* view);

/// Ends a view, and clears `*view`. After the last one of a thread nothing is open in it.
///
/// Errors: PAGEWARD_INVALID if it is not an open view of this thread's, and PAGEWARD_NOT_PERMITTED
/// in a signal handler: nothing has changed then.
PAGEWARD_API pageward_status pageward_view_put(pageward_view* view);

PAGEWARD_END_DECLS
