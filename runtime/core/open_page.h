// Data of ours that is written, or only read, by whoever comes along.
//
// All other data of the preload library is closed once the heap has started (keys/gate.h): it can
// be written inside the gate only, and not even be read by a signal handler that has not taken its
// baseline rights yet. What can't wait for either lies on pages of its own, in one section, so that
// it can be left out.
#pragma once

#include "runtime/core/units.h"

namespace pageward {

/// A value that fills whole pages. Declared with [[gnu::section("pageward_open")]].
template <typename T>
struct alignas(kFrameBytes) OpenPage {
  T value{};
};

}  // namespace pageward
