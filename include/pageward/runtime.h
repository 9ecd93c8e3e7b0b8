// The library as a whole: its version, what protects what here, and threads.
#pragma once

#include <pageward/config.h>
#include <pageward/status.h>
#include <pthread.h>

PAGEWARD_BEGIN_DECLS

/// Returns the version of the library that runs, such as "0.1.0".
PAGEWARD_API const char* pageward_version(void);

/// Starts the library, which every other function does as well. For programs that would rather know
/// early. Thread-safe, and no more than a look if it has started.
///
/// Errors: PAGEWARD_NO_ADDRESS_SPACE, PAGEWARD_NO_MEMORY.
PAGEWARD_API pageward_status pageward_start(void);

/// Returns by what domains are protected here: "pku", by protection keys and for one thread, or
/// "mprotect", by page permissions and for the whole process. Never null; lives for ever.
PAGEWARD_API const char* pageward_domain_tier(void);

/// pthread_create() for threads that start with every domain closed, whatever windows the caller
/// has open. Returns an error number, as that does.
PAGEWARD_API int pageward_thread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                        void* (*start)(void*), void* argument);

PAGEWARD_END_DECLS
