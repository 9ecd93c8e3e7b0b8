// Undoing what closes metadata, for tests: closed for the process, it would be for those that
// follow.
#pragma once

#include "runtime/arch/pku.h"
#include "runtime/keys/gate.h"

namespace pageward::testing_support {

/// Opens what keys::CloseMetadata() closed, for this thread.
inline void OpenMetadata(os::Os& os) {
  using keys::internal::g_metadata_field;
  if (const std::uint32_t field = g_metadata_field.value; field != 0) {
    arch::WritePkru(keys::internal::WithField(arch::ReadPkru(), field, 0));
    if (os.Protect(keys::GateWord(), os::Protection::kReadWrite).ok()) {
      g_metadata_field.value = 0;
    }
  }
}

}  // namespace pageward::testing_support
