// What every public header of Pageward needs: the version, and how a function is declared.
#pragma once

/// The version of these headers. `pageward_version()` is that of the library that runs.
#define PAGEWARD_VERSION_MAJOR 0
#define PAGEWARD_VERSION_MINOR 1
#define PAGEWARD_VERSION_PATCH 0
#define PAGEWARD_VERSION "0.1.0"

#ifdef __cplusplus
#define PAGEWARD_BEGIN_DECLS extern "C" {
#define PAGEWARD_END_DECLS }
#else
#define PAGEWARD_BEGIN_DECLS
#define PAGEWARD_END_DECLS
#endif

/// A function or a variable of the library.
#define PAGEWARD_API __attribute__((visibility("default")))

/// A result that says whether something may be used.
#define PAGEWARD_MUST_CHECK __attribute__((warn_unused_result))
