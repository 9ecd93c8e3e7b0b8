// Each public header on its own, and all of them, in C11.
#include <pageward/config.h>
#include <pageward/domain.h>
#include <pageward/pageward.h>
#include <pageward/runtime.h>
#include <pageward/stats.h>
#include <pageward/status.h>
#include <pageward/window.h>

// The address of an inlined function is that of its twin in the library.
pageward_status (*const pageward_twin_of_open)(pageward_domain, pageward_access,
                                               pageward_window*) = pageward_window_open;

_Static_assert(sizeof(pageward_domain) == 8, "a handle is a word");
_Static_assert(sizeof(pageward_window) == 24, "a window is three words");
