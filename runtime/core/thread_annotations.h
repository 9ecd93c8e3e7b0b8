// clang's lock analysis (-Wthread-safety) as macros; other compilers see nothing.
#pragma once

#if defined(__clang__)
#define PW_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define PW_THREAD_ANNOTATION(x)
#endif

#define PW_CAPABILITY(name) PW_THREAD_ANNOTATION(capability(name))
#define PW_SCOPED_CAPABILITY PW_THREAD_ANNOTATION(scoped_lockable)
#define PW_GUARDED_BY(mutex) PW_THREAD_ANNOTATION(guarded_by(mutex))
#define PW_PT_GUARDED_BY(mutex) PW_THREAD_ANNOTATION(pt_guarded_by(mutex))
#define PW_REQUIRES(...) PW_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define PW_EXCLUDES(...) PW_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define PW_ACQUIRE(...) PW_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define PW_TRY_ACQUIRE(...) PW_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define PW_RELEASE(...) PW_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define PW_ASSERT_HELD(...) PW_THREAD_ANNOTATION(assert_capability(__VA_ARGS__))
#define PW_RETURN_CAPABILITY(x) PW_THREAD_ANNOTATION(lock_returned(x))
#define PW_NO_THREAD_SAFETY_ANALYSIS PW_THREAD_ANNOTATION(no_thread_safety_analysis)
