// How numbered invariants are checked, such as F2 of docs/frame.md: so that a report names them.
#pragma once

#include <string_view>

#include "runtime/core/check.h"

namespace pageward {

/// Returns `condition`. Only there to put the number of the invariant into the report.
constexpr bool InvariantHolds(std::string_view number, bool condition) {
  static_cast<void>(number);
  return condition;
}

}  // namespace pageward

/// Dies with Violation::kInvariant, invariant `number` (a string) and `object` unless `condition`.
#define PW_HOLDS(number, condition, object) \
  PW_CHECK(::pageward::InvariantHolds(number, condition), ::pageward::Violation::kInvariant, object)
