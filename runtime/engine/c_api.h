// What the C functions have in common: which engine they talk to, and how they answer.
#pragma once

#include <pageward/status.h>
#include <pageward/window.h>

#include "runtime/core/result.h"
#include "runtime/domain/domains.h"
#include "runtime/engine/engine.h"

namespace pageward::engine {

/// Returns the engine of the library that this code is linked into, starting it if nobody has; null
/// if it can't be started. Defined by that library.
Engine* OwnEngine();

/// Returns the domains of the process, starting what is not there yet. With the preload library in
/// the process they are its, for all libraries. Not inside the gate.
Result<domain::Domains*> DomainsOfProcess();

/// Makes this thread one that may open windows, until it ends. Not inside the gate.
Status EnsureThread(domain::Domains& domains);

pageward_status StatusFor(Error error);
pageward_status StatusFor(domain::Outcome outcome);
inline pageward_status StatusFor(Status status) {
  return status.ok() ? PAGEWARD_OK : StatusFor(status.error());
}

}  // namespace pageward::engine

PAGEWARD_BEGIN_DECLS

/// Returns the engine of the process for libraries of this very version; null for others. The one
/// function that all of them call by way of the loader, so that the preload library answers.
PAGEWARD_API void* pageward_engine_of_process(const char* version);

PAGEWARD_END_DECLS
