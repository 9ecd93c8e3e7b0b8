// Where thread caches get objects from and return them to.
#pragma once

#include <cstddef>
#include <span>

#include "runtime/object/size_class.h"

namespace pageward::object {

/// The allocator behind the thread caches. Owned by this layer, implemented by the hooks.
///
/// Thread-safe. An implementation may take locks and make system calls, and must not call back into
/// a thread cache.
class ObjectSource {
 public:
  /// Stores up to `slots.size()` objects of `size_class` in the last slots of `slots` and returns
  /// how many; zero if there is no memory. An object that is handed out is not handed out again
  /// before it has been given to Flush().
  virtual std::size_t Fill(SizeClass size_class, std::span<void*> slots) = 0;

  /// Takes `objects` of `size_class` back. The span's contents are undefined afterwards.
  virtual void Flush(SizeClass size_class, std::span<void*> objects) = 0;

 protected:
  ~ObjectSource() = default;
};

}  // namespace pageward::object
