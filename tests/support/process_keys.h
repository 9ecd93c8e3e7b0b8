// One key broker for a test program: keys are never given back, and there are only 15.
#pragma once

#include "runtime/keys/key_broker.h"
#include "runtime/os/linux_os.h"

namespace pageward::testing_support {

/// The broker that all cases of a program share, or the one that never claims a key.
inline keys::KeyBroker& ProcessKeys(keys::KeyUse use) {
  static os::LinuxOs os;
  static keys::KeyBroker with_keys(os, keys::KeyUse::kIfPresent);
  static keys::KeyBroker without_keys(os, keys::KeyUse::kNever);
  return use == keys::KeyUse::kIfPresent ? with_keys : without_keys;
}

}  // namespace pageward::testing_support
