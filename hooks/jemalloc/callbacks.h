// What jemalloc hands to the system to be called later: its background threads and what it does at
// exit. Neither comes through an entry point of ours, so the gate is opened here.
//
// The build sends jemalloc's calls of pthread_create and atexit here, and of dlsym, by which it
// would look for pthread_create first (redefine_symbols.txt). pthread_key_create and pthread_atfork
// go to whoever makes the process: ours comes before jemalloc's there.
#pragma once

#include <pthread.h>

extern "C" {

/// pthread_create(3) for jemalloc's background threads, which all run the same function. The thread
/// starts at the baseline and is inside the gate until it ends: it runs jemalloc's code only.
int pageward_jemalloc_pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                                     void* (*run)(void*), void* argument);

/// dlsym(3) that finds nothing: jemalloc falls back to the function that it was linked with.
void* pageward_jemalloc_dlsym(void* library, const char* name);

/// atexit(3) for up to four functions; more are refused.
int pageward_jemalloc_atexit(void (*at_exit)());

}  // extern "C"
