// How the invariants of docs/ptable.md are checked: with their number, so that a report names it.
#pragma once

#include <string_view>

#include "runtime/core/check.h"

namespace pageward::ptable {

/// Returns `condition`. Only there to put the number of the invariant into the report.
constexpr bool Holds(std::string_view number, bool condition) {
  static_cast<void>(number);
  return condition;
}

}  // namespace pageward::ptable

/// Dies with Violation::kInvariant, invariant `number` (a string) and `object` unless `condition`.
#define PW_PTABLE_HOLDS(number, condition, object) \
  PW_CHECK(::pageward::ptable::Holds(number, condition), ::pageward::Violation::kInvariant, object)
