// From values to places on paper: linear and logarithmic axes with round ticks.
#pragma once

#include <cstdint>
#include <vector>

namespace pageward::tool {

/// Maps a range of values onto a range of places. What lies outside lands on the nearer end.
class Scale {
 public:
  enum class Kind : std::uint8_t { kLinear, kLogarithmic };

  /// Requires: the values are finite. An empty or reversed range becomes one of length 1.
  static Scale Linear(double low, double high, double begin, double end);

  /// Requires: `low` is above zero. An empty range becomes one of a decade.
  static Scale Logarithmic(double low, double high, double begin, double end);

  Kind kind() const { return kind_; }
  double low() const { return low_; }
  double high() const { return high_; }
  double begin() const { return begin_; }
  double end() const { return end_; }

  /// Returns the place of `value`. Something that is no number is at the beginning.
  double At(double value) const;

  /// Returns at most `most` round values inside the range, rising. At least one for a linear scale
  /// that begins at zero; a logarithmic one has powers of ten, with 2 and 5 in between if there is
  /// room.
  std::vector<double> Ticks(unsigned most) const;

 private:
  Scale(Kind kind, double low, double high, double begin, double end)
      : kind_(kind), low_(low), high_(high), begin_(begin), end_(end) {}

  Kind kind_;
  double low_;
  double high_;
  double begin_;
  double end_;
};

/// Returns the smallest of 1, 2, 5, 10, 20... (and of 0.1, 0.01...) that is not below `value`.
///
/// Requires: `value` is above zero.
double RoundUp(double value);

/// Returns a step of 1, 2 or 5 times a power of ten of which at most `most` lie in `length`.
double RoundStep(double length, unsigned most);

/// A linear scale from zero to a round value of at least `high`, whose ticks reach both ends.
Scale ScaleFromZero(double high, unsigned ticks, double begin, double end);

/// True if what lies between is better read by factors: both are above zero and more than two
/// decades apart.
bool SpansDecades(double low, double high);

/// A scale for values that lie between `low` and `high`: logarithmic if they span decades, else
/// linear from zero.
Scale ScaleFor(double low, double high, unsigned ticks, double begin, double end);

}  // namespace pageward::tool
