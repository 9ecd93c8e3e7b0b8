// How invariants of this layer are checked: with their number, so that a report names it.
#pragma once

#include <string_view>

#include "runtime/core/check.h"

namespace pageward::space {

/// Returns `condition`. Only there to put the number of the invariant into the report.
constexpr bool Holds(std::string_view number, bool condition) {
  static_cast<void>(number);
  return condition;
}

}  // namespace pageward::space

/// Dies with Violation::kInvariant, invariant `number` (a string) and `object` unless `condition`.
#define PW_SPACE_HOLDS(number, condition, object) \
  PW_CHECK(::pageward::space::Holds(number, condition), ::pageward::Violation::kInvariant, object)
