// What the primitives of meter.h cost, in cycles.
//
// The constants are those of primitives, measured by others on real machines or read off
// instruction tables; docs/sim.md has a source for each. None of them is derived from how long a
// workload took: figures of workloads check the model, they do not make it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "runtime/sim/meter.h"

namespace pageward::sim {

/// A cost with the range that it moves in when every constant is off by up to a half.
struct CostBand {
  double low = 0;
  double nominal = 0;
  double high = 0;
};

/// Where and why a text was not taken.
struct CostError {
  std::uint32_t line = 0;
  std::string_view what{};     ///< The name or number found there.
  std::string_view nearest{};  ///< A primitive that was perhaps meant; may be empty.
};

/// A number of cycles for each primitive.
class CostModel {
 public:
  /// How wrong a constant may be, for bands.
  static constexpr double kUncertainty = 0.5;

  /// The published table.
  CostModel();

  std::uint32_t operator[](Primitive primitive) const {
    return cycles_[static_cast<std::size_t>(primitive)];
  }
  void Set(Primitive primitive, std::uint32_t cycles) {
    cycles_[static_cast<std::size_t>(primitive)] = cycles;
  }

  /// Replaces constants by those of a text with lines `name = cycles`, empty ones, and comments
  /// from # to the end of a line. Returns false and leaves the model as it was if a line is
  /// anything else or names a primitive that does not exist.
  [[nodiscard]] bool Parse(std::string_view text, CostError* error);

  double Cycles(const Counts& counts) const;
  CostBand Band(const Counts& counts) const;

  /// Returns what `counts` cost in relation to `others`: a ratio moves less than its parts, for
  /// what both have in common is wrong in both.
  CostBand RatioBand(const Counts& counts, const Counts& others) const;

 private:
  std::array<std::uint32_t, kPrimitiveCount> cycles_{};
};

}  // namespace pageward::sim
