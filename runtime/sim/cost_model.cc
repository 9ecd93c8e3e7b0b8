#include "runtime/sim/cost_model.h"

#include "runtime/core/text.h"

namespace pageward::sim {
namespace {

constexpr Primitive PrimitiveAt(std::size_t index) {
  return static_cast<Primitive>(index);
}

constexpr bool IsBlank(char character) {
  return character == ' ' || character == '\t' || character == '\r';
}

constexpr std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) {
    text.remove_prefix(1);
  }
  while (!text.empty() && IsBlank(text.back())) {
    text.remove_suffix(1);
  }
  return text;
}

// How many characters at the start agree: enough to point out what was meant.
std::size_t CommonPrefix(std::string_view a, std::string_view b) {
  std::size_t length = 0;
  while (length < a.size() && length < b.size() && a[length] == b[length]) {
    ++length;
  }
  return length;
}

std::string_view NearestTo(std::string_view name) {
  std::string_view nearest;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < kPrimitiveCount; ++i) {
    const std::string_view candidate = NameOf(PrimitiveAt(i));
    if (const std::size_t length = CommonPrefix(name, candidate); length > longest) {
      longest = length;
      nearest = candidate;
    }
  }
  return nearest;
}

bool FindPrimitive(std::string_view name, Primitive* primitive) {
  for (std::size_t i = 0; i < kPrimitiveCount; ++i) {
    if (NameOf(PrimitiveAt(i)) == name) {
      *primitive = PrimitiveAt(i);
      return true;
    }
  }
  return false;
}

}  // namespace

// The same numbers stand in the table of docs/sim.md, with their sources.
CostModel::CostModel() {
  Set(Primitive::kTableWrite, 10);
  Set(Primitive::kKeyRegisterWrite, 120);
  Set(Primitive::kPageFlush, 150);
  Set(Primitive::kFullFlush, 500);
  Set(Primitive::kTableSwitch, 200);
  Set(Primitive::kWalk, 60);
  Set(Primitive::kFault, 1000);
  Set(Primitive::kSystemCall, 400);
  Set(Primitive::kShootdown, 2500);
  Set(Primitive::kInterrupt, 300);
  Set(Primitive::kFrameCleared, 500);
  Set(Primitive::kFrameCopied, 1200);
  Set(Primitive::kFrameAllocated, 150);
  Set(Primitive::kFrameFreed, 120);
  Set(Primitive::kEntryPrepared, 90);
  Set(Primitive::kCacheUpdate, 500);
  Set(Primitive::kBlockMoved, 300);
}

bool CostModel::Parse(std::string_view text, CostError* error) {
  CostModel parsed = *this;
  for (std::uint32_t line_number = 1; !text.empty(); ++line_number) {
    std::string_view line = TakeUpTo('\n', &text);
    line = Trimmed(TakeUpTo('#', &line));
    if (line.empty()) {
      continue;
    }
    const std::string_view name = Trimmed(TakeUpTo('=', &line));
    const std::string_view number = Trimmed(line);
    Primitive primitive;
    if (!FindPrimitive(name, &primitive)) {
      *error = CostError{line_number, name, NearestTo(name)};
      return false;
    }
    std::uint64_t cycles = 0;
    if (!ParseDecimal(number, &cycles) || cycles > ~std::uint32_t{0}) {
      *error = CostError{line_number, number, {}};
      return false;
    }
    parsed.Set(primitive, static_cast<std::uint32_t>(cycles));
  }
  *this = parsed;
  return true;
}

double CostModel::Cycles(const Counts& counts) const {
  double cycles = 0;
  for (std::size_t i = 0; i < kPrimitiveCount; ++i) {
    cycles += static_cast<double>(counts.primitives[i]) * cycles_[i];
  }
  return cycles;
}

CostBand CostModel::Band(const Counts& counts) const {
  const double cycles = Cycles(counts);
  return CostBand{cycles * (1 - kUncertainty), cycles, cycles * (1 + kUncertainty)};
}

// The extreme of a ratio of two sums, over factors that each lie in a range, has every factor at an
// end of its range: at the upper one exactly where the first sum has more of a primitive, compared
// with the second, than the extreme itself. So starting from any ratio, this climbs to the extreme.
CostBand CostModel::RatioBand(const Counts& counts, const Counts& others) const {
  const auto extreme = [&](double when_more, double when_less) {
    double ratio = Cycles(counts) / Cycles(others);
    for (std::size_t round = 0; round <= kPrimitiveCount; ++round) {
      double upper = 0;
      double lower = 0;
      for (std::size_t i = 0; i < kPrimitiveCount; ++i) {
        const double of_first = static_cast<double>(counts.primitives[i]) * cycles_[i];
        const double of_second = static_cast<double>(others.primitives[i]) * cycles_[i];
        const double factor = of_first > ratio * of_second ? when_more : when_less;
        upper += of_first * factor;
        lower += of_second * factor;
      }
      ratio = upper / lower;
    }
    return ratio;
  };
  return CostBand{extreme(1 - kUncertainty, 1 + kUncertainty), Cycles(counts) / Cycles(others),
                  extreme(1 + kUncertainty, 1 - kUncertainty)};
}

}  // namespace pageward::sim
