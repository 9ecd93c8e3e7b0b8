#include "tools/pageward/report/scale.h"

#include <algorithm>
#include <cmath>

namespace pageward::tool {
namespace {

constexpr double kSteps[] = {1, 2, 5, 10};
// Sums and logarithms are off by a little.
constexpr double kHair = 1e-9;

std::vector<double> LinearTicks(double low, double high, unsigned most) {
  const double step = RoundStep(high - low, most);
  std::vector<double> ticks;
  for (double tick = std::ceil(low / step - kHair) * step;
       tick <= high + step * kHair && ticks.size() < most; tick += step) {
    ticks.push_back(std::fabs(tick) < step * kHair ? 0 : tick);
  }
  return ticks;
}

std::vector<double> LogarithmicTicks(double low, double high, unsigned most) {
  // From fine to coarse: 1 2 5, whole decades, every second decade...
  const auto within = [&](double tick) {
    return tick >= low * (1 - kHair) && tick <= high * (1 + kHair);
  };
  const int first = static_cast<int>(std::floor(std::log10(low) + kHair));
  const int last = static_cast<int>(std::ceil(std::log10(high) - kHair));
  std::vector<double> ticks;
  for (int decade = first; decade <= last; ++decade) {
    for (const double step : {1.0, 2.0, 5.0}) {
      if (within(step * std::pow(10, decade))) {
        ticks.push_back(step * std::pow(10, decade));
      }
    }
  }
  for (int every = 1; ticks.size() > most; ++every) {
    ticks.clear();
    for (int decade = first; decade <= last; decade += every) {
      if (within(std::pow(10, decade))) {
        ticks.push_back(std::pow(10, decade));
      }
    }
  }
  return ticks;
}

}  // namespace

Scale Scale::Linear(double low, double high, double begin, double end) {
  return {Kind::kLinear, low, high > low ? high : low + 1, begin, end};
}

Scale Scale::Logarithmic(double low, double high, double begin, double end) {
  return {Kind::kLogarithmic, low, high > low ? high : low * 10, begin, end};
}

double Scale::At(double value) const {
  if (!(value > low_)) {
    return begin_;
  }
  if (value >= high_) {
    return end_;
  }
  const double part = kind_ == Kind::kLinear ? (value - low_) / (high_ - low_)
                                             : std::log(value / low_) / std::log(high_ / low_);
  return begin_ + part * (end_ - begin_);
}

std::vector<double> Scale::Ticks(unsigned most) const {
  if (most == 0) {
    return {};
  }
  return kind_ == Kind::kLinear ? LinearTicks(low_, high_, most)
                                : LogarithmicTicks(low_, high_, most);
}

double RoundUp(double value) {
  const double decade = std::pow(10, std::floor(std::log10(value)));
  for (const double step : kSteps) {
    if (step * decade >= value * (1 - kHair)) {
      return step * decade;
    }
  }
  return 10 * decade;
}

double RoundStep(double length, unsigned most) {
  if (!(length > 0)) {
    return 1;
  }
  return RoundUp(length / std::max(most - 1, 1u));
}

Scale ScaleFromZero(double high, unsigned ticks, double begin, double end) {
  if (!(high > 0) || !std::isfinite(high)) {
    return Scale::Linear(0, 1, begin, end);
  }
  const double step = RoundStep(high, ticks);
  return Scale::Linear(0, std::ceil(high / step - kHair) * step, begin, end);
}

bool SpansDecades(double low, double high) {
  return low > 0 && high > low * 100;
}

Scale ScaleFor(double low, double high, unsigned ticks, double begin, double end) {
  if (!SpansDecades(low, high) || !std::isfinite(high)) {
    return ScaleFromZero(high, ticks, begin, end);
  }
  // To the next of 1, 2, 5 on both sides.
  return Scale::Logarithmic(1 / RoundUp(1 / low), RoundUp(high), begin, end);
}

}  // namespace pageward::tool
