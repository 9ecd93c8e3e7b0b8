// How a call of Pageward ended. errno is never set and never looked at.
#pragma once

#include <pageward/config.h>

PAGEWARD_BEGIN_DECLS

/// The outcome of a call. Anything but PAGEWARD_OK means that nothing has changed, unless the
/// function says otherwise.
typedef enum pageward_status {
  PAGEWARD_OK = 0,
  PAGEWARD_NO_MEMORY,          ///< The system grants no more memory.
  PAGEWARD_NO_ADDRESS_SPACE,   ///< No range of addresses of that size is left.
  PAGEWARD_NO_KEYS,            ///< Every protection key is in use by a window or a pinned domain.
  PAGEWARD_TOO_MANY_MAPPINGS,  ///< The system's limit on mappings is reached.
  PAGEWARD_LIMIT,              ///< A resource limit, as on locked memory, or one of ours.
  PAGEWARD_NOT_PERMITTED,      ///< The system refuses, or the caller may not do this.
  PAGEWARD_UNSUPPORTED,        ///< This kernel or processor has no such thing.
  PAGEWARD_IN_USE,             ///< Somebody holds it: an open window, for example.
  PAGEWARD_INVALID,            ///< The arguments make no sense, or the handle is of nothing alive.
  PAGEWARD_GONE,               ///< It was left behind in the process that forked this one.
  PAGEWARD_WRONG_DOMAIN        ///< The memory belongs to another domain.
} pageward_status;

/// Returns a short English sentence for `status`. Never null; the text lives for ever.
/// Thread-safe and async-signal-safe.
PAGEWARD_API const char* pageward_status_string(pageward_status status);

PAGEWARD_END_DECLS
