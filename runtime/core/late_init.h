// A global that is made at a chosen moment and never destroyed.
//
// The loader calls malloc before any constructor has run, so a dynamic initialiser would reset a
// heap that is already in use. A LateInit is constant-initialised to "absent" instead.
#pragma once

#include <new>
#include <utility>

#include "runtime/core/check.h"

namespace pageward {

/// Holds at most one T, made by Emplace() and alive until the process ends.
///
/// Externally synchronized: whoever calls Emplace() orders it before every other use.
template <typename T>
class LateInit {
 public:
  constexpr LateInit() = default;
  LateInit(const LateInit&) = delete;
  LateInit& operator=(const LateInit&) = delete;

  /// Makes the object. Requires: it has not been made yet.
  template <typename... Args>
  T& Emplace(Args&&... args) {
    PW_ASSERT(!is_made_);
    T* made = ::new (static_cast<void*>(storage_)) T(std::forward<Args>(args)...);
    is_made_ = true;
    return *made;
  }

  bool IsMade() const { return is_made_; }

  /// Requires: IsMade().
  T& operator*() {
    PW_ASSERT(is_made_);
    return *std::launder(reinterpret_cast<T*>(storage_));
  }
  T* operator->() { return &**this; }
  const T& operator*() const {
    PW_ASSERT(is_made_);
    return *std::launder(reinterpret_cast<const T*>(storage_));
  }
  const T* operator->() const { return &**this; }

 private:
  alignas(T) unsigned char storage_[sizeof(T)] = {};
  bool is_made_ = false;
};

}  // namespace pageward
