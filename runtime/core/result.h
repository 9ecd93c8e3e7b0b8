// A value, or the reason why there is none.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include "runtime/core/check.h"

namespace pageward {

/// Why something could not be had. A lack of something, never a corruption: those are violations.
enum class Error : std::uint8_t {
  kNoMemory,         ///< The system grants no more memory, or a memory limit is reached.
  kNoAddressSpace,   ///< No range of addresses of that size is left.
  kNoFrames,         ///< No free frames of that freetype and order.
  kNoKeys,           ///< Every protection key is taken.
  kTooManyMappings,  ///< The system's limit on mappings, or our own budget, is reached.
  kLimit,            ///< A resource limit of the process (locked memory, descriptors) is reached.
  kNotPermitted,     ///< The system refuses: seccomp, sealing, a security module.
  kUnsupported,      ///< This kernel or processor has no such thing.
  kWouldBlock,       ///< It would have to wait, and the caller said not to.
  kInUse,            ///< Somebody else holds it.
  kInvalid,          ///< The request makes no sense.
};

std::string_view NameOf(Error error);

/// Holds a T or an Error.
///
/// T is a plain value type: it is copied, default-constructed while there is an error, and its
/// destructor does nothing.
template <typename T>
class [[nodiscard]] Result {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  constexpr Result(T value) : value_(std::move(value)), has_value_(true) {}  // NOLINT
  constexpr Result(Error error) : error_(error), has_value_(false) {}        // NOLINT

  constexpr bool ok() const { return has_value_; }
  constexpr explicit operator bool() const { return has_value_; }

  /// Requires: ok().
  constexpr const T& value() const {
    PW_ASSERT(has_value_);
    return value_;
  }
  constexpr const T& operator*() const { return value(); }
  constexpr const T* operator->() const { return &value(); }

  /// Requires: !ok().
  constexpr Error error() const {
    PW_ASSERT(!has_value_);
    return error_;
  }

 private:
  T value_{};
  Error error_ = Error::kInvalid;
  bool has_value_;
};

/// Success, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  constexpr Result() : is_ok_(true) {}
  constexpr Result(Error error) : error_(error), is_ok_(false) {}  // NOLINT

  constexpr bool ok() const { return is_ok_; }
  constexpr explicit operator bool() const { return is_ok_; }

  /// Requires: !ok().
  constexpr Error error() const {
    PW_ASSERT(!is_ok_);
    return error_;
  }

 private:
  Error error_ = Error::kInvalid;
  bool is_ok_;
};

using Status = Result<void>;

}  // namespace pageward
