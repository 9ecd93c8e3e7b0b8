#include "tools/pageward/sim/axes.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/ptable/cpu_set.h"
#include "tools/pageward/command/failure.h"
#include "tools/pageward/command/names.h"
#include "tools/pageward/command/sizes.h"

namespace pageward::tool {
namespace {

using sim::ConversionPolicy;
using sim::LevelBatching;
using sim::PtpPolicy;
using sim::StaleViewCheck;
using sim::WindowPolicy;

constexpr std::string_view kConversions[] = {"adhoc", "grouped", "skip-flush"};
constexpr std::string_view kPtps[] = {"none", "per-page", "reserve"};
constexpr std::string_view kSwitch[] = {"on", "off"};
constexpr std::string_view kWindows[] = {"kmap-local", "mermap"};
constexpr std::string_view kStaleViews[] = {"report", "flush-first"};
constexpr std::string_view kLeaves[] = {"4K", "2M", "1G"};
constexpr std::uint64_t kMostReserved = 64;
constexpr std::uint64_t kLeastRam = 16 * kPageblockBytes;
constexpr std::uint64_t kMostRam = std::uint64_t{1} << 40;

// Which of `values` is at the place that `value` has in `names`. PointsOf() has looked whether it
// is there.
template <typename T, std::size_t kCount>
T Pick(std::string_view value, const std::string_view (&names)[kCount], const T (&values)[kCount]) {
  return values[std::find(std::begin(names), std::end(names), value) - std::begin(names)];
}

void ApplyRam(std::string_view value, Settings* settings) {
  const std::uint64_t bytes = ParseSize("--ram", value);
  if (bytes % kPageblockBytes != 0) {
    throw Failure(fmt::format("--ram: {} is no multiple of 2M, the size of a pageblock", value));
  }
  if (bytes < kLeastRam || bytes > kMostRam) {
    throw Failure(fmt::format("--ram: {} is not from {} to {}", value, TypedSize(kLeastRam),
                              TypedSize(kMostRam)));
  }
  settings->config.kernel.ram_bytes = bytes;
}

void ApplyCpus(std::string_view value, Settings* settings) {
  settings->config.kernel.machine.cpus =
      static_cast<std::uint32_t>(ParseNumber("--cpus", value, 1, ptable::CpuSet::kMaxCpus));
}

void ApplySize(std::string_view value, Settings* settings) {
  settings->size_bytes = ParseSize("--size", value);
  if (settings->size_bytes == 0 || settings->size_bytes % kPageblockBytes != 0) {
    throw Failure(fmt::format("--size: {} is no multiple of 2M, the size of a pageblock", value));
  }
}

// N+M: frames for a refill's own split, and for any other.
void ApplyReserve(std::string_view value, Settings* settings) {
  const std::size_t plus = value.find('+');
  if (plus == std::string_view::npos) {
    throw Failure(fmt::format(
        "--reserve: '{}' is not N+M, frames for a refill's own split and for others", value));
  }
  ptable::PtpReserveShape& shape = settings->config.kernel.tables.shape;
  shape.for_refill = ParseNumber("--reserve", value.substr(0, plus), 0, kMostReserved);
  shape.for_others = ParseNumber("--reserve", value.substr(plus + 1), 0, kMostReserved);
}

// Orders between slashes, since commas are between values.
void ApplyRefillOrders(std::string_view value, Settings* settings) {
  ptable::PtpReserveShape& shape = settings->config.kernel.tables.shape;
  std::string text(value);
  std::replace(text.begin(), text.end(), '/', ',');
  const std::vector<std::string> orders = SplitAtCommas(text);
  if (orders.size() > ptable::PtpReserveShape::kMostRefillOrders) {
    throw Failure(fmt::format("--refill-orders: '{}' has more than {} orders", value,
                              ptable::PtpReserveShape::kMostRefillOrders));
  }
  shape.refill_order_count = orders.size();
  for (std::size_t i = 0; i < orders.size(); ++i) {
    shape.refill_orders[i] =
        Order(static_cast<unsigned>(ParseNumber("--refill-orders", orders[i], 0, 9)));
  }
}

bool HasReserve(const Settings& settings) {
  return settings.config.kernel.tables.policy == PtpPolicy::kReserve;
}

constexpr Axis kAxes[] = {
    {"conversion", "How pages leave the direct map", kConversions, "grouped",
     [](std::string_view value, Settings* settings) {
       settings->config.kernel.conversion = Pick(
           value, kConversions,
           {ConversionPolicy::kAdhoc, ConversionPolicy::kGrouped, ConversionPolicy::kSkipFlush});
     },
     nullptr},
    {"ptp", "How page-table pages get their key", kPtps, "reserve",
     [](std::string_view value, Settings* settings) {
       settings->config.kernel.tables.policy =
           Pick(value, kPtps, {PtpPolicy::kNone, PtpPolicy::kPerPage, PtpPolicy::kReserve});
     },
     nullptr},
    {"batching", "Whether writes to tables share a pair of register writes", kSwitch, "on",
     [](std::string_view value, Settings* settings) {
       settings->config.kernel.batching =
           Pick(value, kSwitch, {LevelBatching::kOn, LevelBatching::kOff});
     },
     [](const Settings& settings) {
       return settings.config.kernel.tables.policy != PtpPolicy::kNone;
     }},
    {"window", "How the kernel shows itself a hidden page", kWindows, "mermap",
     [](std::string_view value, Settings* settings) {
       settings->config.window =
           Pick(value, kWindows, {WindowPolicy::kKmapLocal, WindowPolicy::kMermap});
     },
     nullptr},
    {"stale-views", "What happens when a frame is freed that a stale view shows", kStaleViews,
     "flush-first",
     [](std::string_view value, Settings* settings) {
       settings->config.stale_views =
           Pick(value, kStaleViews, {StaleViewCheck::kReport, StaleViewCheck::kFlushFirst});
     },
     [](const Settings& settings) { return settings.config.window == WindowPolicy::kMermap; }},
    {"leaf", "The largest leaves that the direct map is built from", kLeaves, "1G",
     [](std::string_view value, Settings* settings) {
       settings->config.kernel.direct_map.largest_leaf = Pick(value, kLeaves, {0u, 1u, 2u});
     },
     nullptr},
    {"asi", "Whether system calls run with a restricted table", kSwitch, "on",
     [](std::string_view value, Settings* settings) { settings->has_asi = value == "on"; }, nullptr,
     "asi"},
    {"reserve",
     "Table pages set aside: N+M, for a refill's own split and for others",
     {},
     "2+2",
     ApplyReserve,
     HasReserve},
    {"refill-orders",
     "What a refill of the reserve asks for, in turn",
     {},
     "9/4/2",
     ApplyRefillOrders,
     HasReserve},
    {"cpus", "Processors, from 1 to 256", {}, "8", ApplyCpus, nullptr},
    {"ram", "Simulated RAM, from 32M to 1T", {}, "1G", ApplyRam, nullptr},
    {"size", "How much memory the scenario works on", {}, "32M", ApplySize, nullptr},
    {"seed",
     "Where the random choices of a scenario begin",
     {},
     "1",
     [](std::string_view value, Settings* settings) {
       settings->seed = ParseNumber("--seed", value, 0, ~std::uint64_t{0});
     },
     nullptr},
};

std::vector<std::string> ValuesOf(const Axis& axis, std::string_view text) {
  if (text == "all" && !axis.names.empty()) {
    return std::vector<std::string>(axis.names.begin(), axis.names.end());
  }
  std::vector<std::string> values = SplitAtCommas(text);
  for (auto value = values.begin(); value != values.end(); ++value) {
    if (!axis.names.empty() &&
        std::find(axis.names.begin(), axis.names.end(), *value) == axis.names.end()) {
      throw Failure(fmt::format("--{}: {}", axis.name, NoSuchName("a value", *value, axis.names)));
    }
    if (std::find(values.begin(), value, *value) != value) {
      throw Failure(fmt::format("--{}: '{}' is there twice", axis.name, *value));
    }
  }
  return values;
}

// The name of a run: the values of the axes that have several, where they make a difference. A
// number says of what it is one.
std::string NamePart(const Axis& axis, const std::string& value) {
  const bool speaks_for_itself = !axis.names.empty() && axis.names.data() != kSwitch;
  return speaks_for_itself ? value : fmt::format("{} {}", axis.name, value);
}

}  // namespace

std::span<const Axis> Axes() {
  return kAxes;
}

std::vector<Settings> PointsOf(const AxisTexts& texts, std::string_view scenario) {
  std::vector<Settings> points(1);
  for (const Axis& axis : kAxes) {
    const auto text = texts.find(axis.name);
    if (!axis.only_in.empty() && axis.only_in != scenario) {
      if (text != texts.end()) {
        throw Failure(fmt::format("--{}: this is an axis of {} only", axis.name, axis.only_in));
      }
      continue;
    }
    const std::vector<std::string> values =
        ValuesOf(axis, text == texts.end() ? axis.standard : std::string_view(text->second));
    std::vector<Settings> extended;
    for (const Settings& point : points) {
      const bool matters = axis.matters == nullptr || axis.matters(point);
      for (const std::string& value : values) {
        Settings next = point;
        axis.apply(value, &next);
        next.values.push_back(Setting{std::string(axis.name), value});
        if (values.size() > 1 && matters) {
          next.name += (next.name.empty() ? "" : ", ") + NamePart(axis, value);
        }
        extended.push_back(std::move(next));
        if (!matters) {
          break;
        }
      }
    }
    points = std::move(extended);
  }
  return points;
}

std::string AddSweep(std::string_view sweep, AxisTexts* texts) {
  const std::size_t equals = sweep.find('=');
  if (equals == std::string_view::npos) {
    throw Failure(fmt::format("--sweep: '{}' is not AXIS=a,b,c", sweep));
  }
  const std::string axis(sweep.substr(0, equals));
  std::vector<std::string_view> names;
  for (const Axis& known : kAxes) {
    names.push_back(known.name);
  }
  if (std::find(names.begin(), names.end(), axis) == names.end()) {
    throw Failure("--sweep: " + NoSuchName("an axis", axis, names));
  }
  (*texts)[axis] = std::string(sweep.substr(equals + 1));
  return axis;
}

}  // namespace pageward::tool
