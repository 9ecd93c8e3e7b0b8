// Pageward for C programs: everything but what needs C++, which is in pageward/pmr.h.
#pragma once

#include <pageward/config.h>   // IWYU pragma: export
#include <pageward/domain.h>   // IWYU pragma: export
#include <pageward/runtime.h>  // IWYU pragma: export
#include <pageward/stats.h>    // IWYU pragma: export
#include <pageward/status.h>   // IWYU pragma: export
#include <pageward/view.h>     // IWYU pragma: export
#include <pageward/window.h>   // IWYU pragma: export
