#include "tools/pageward/import/kmem_line.h"

#include <array>

#include "tools/pageward/import/numbers.h"

namespace pageward::tool {

using frame::Mobility;

namespace {

constexpr std::string_view kBlanks = " \t\r";

// Takes the next word off `rest`; empty if there is none.
std::string_view TakeWord(std::string_view* rest) {
  const std::size_t begin = rest->find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) {
    *rest = {};
    return {};
  }
  const std::size_t end = rest->find_first_of(kBlanks, begin);
  const std::string_view word = rest->substr(begin, end - begin);
  rest->remove_prefix(end == std::string_view::npos ? rest->size() : end);
  return word;
}

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// 889.213383: with any number of digits.
bool IsTime(std::string_view word) {
  const std::size_t dot = word.find('.');
  return dot != std::string_view::npos && word.back() == ':' && IsDigits(word.substr(0, dot)) &&
         IsDigits(word.substr(dot + 1, word.size() - dot - 2));
}

// [003] of both tools, or 3) of the function graph tracer.
std::optional<unsigned> CpuIn(std::string_view word) {
  const bool is_bracketed = word.size() > 2 && word.front() == '[' && word.back() == ']';
  const bool is_graph = word.size() > 1 && word.back() == ')';
  if (!is_bracketed && !is_graph) {
    return std::nullopt;
  }
  const std::string_view digits =
      is_bracketed ? word.substr(1, word.size() - 2) : word.substr(0, word.size() - 1);
  const auto number = IsDigits(digits) ? NumberIn(digits) : std::nullopt;
  return number && *number <= kMostCpu ? std::optional(static_cast<unsigned>(*number))
                                       : std::nullopt;
}

struct EventName {
  std::string_view text;
  KmemKind kind;
};
// With the names that two of them had before 3.3, which some vendors' kernels kept.
constexpr std::array kEventNames = {
    EventName{"mm_page_alloc", KmemKind::kAllocated},
    EventName{"mm_page_free", KmemKind::kFreed},
    EventName{"mm_page_free_batched", KmemKind::kFreedInBatch},
    EventName{"mm_page_alloc_extfrag", KmemKind::kFellBack},
    EventName{"mm_page_free_direct", KmemKind::kFreed},
    EventName{"mm_pagevec_free", KmemKind::kFreedInBatch},
};

// What `word` names if it is the name of a page event, as `kmem:mm_page_free:` or without a group.
std::optional<KmemKind> KindIn(std::string_view word, TraceStyle* style) {
  if (word.size() < 2 || word.back() != ':') {
    return std::nullopt;
  }
  word.remove_suffix(1);
  constexpr std::string_view kGroup = "kmem:";
  const bool has_group = word.substr(0, kGroup.size()) == kGroup;
  *style = has_group ? TraceStyle::kPerf : TraceStyle::kTraceCmd;
  word.remove_prefix(has_group ? kGroup.size() : 0);
  for (const EventName& name : kEventNames) {
    if (name.text == word) {
      return name.kind;
    }
  }
  return std::nullopt;
}

// The fields behind the name of an event, as text. Empty: not there.
struct Fields {
  std::string_view pfn;
  std::string_view order;
  std::string_view migratetype;
  std::string_view gfp_flags;
  std::string_view fragmenting;
  std::string_view change_ownership;
};

Fields ReadFields(std::string_view rest) {
  Fields fields;
  const std::array keys = {
      std::pair{std::string_view("pfn"), &fields.pfn},
      std::pair{std::string_view("order"), &fields.order},
      std::pair{std::string_view("alloc_order"), &fields.order},
      std::pair{std::string_view("migratetype"), &fields.migratetype},
      std::pair{std::string_view("gfp_flags"), &fields.gfp_flags},
      std::pair{std::string_view("fragmenting"), &fields.fragmenting},
      std::pair{std::string_view("change_ownership"), &fields.change_ownership},
  };
  for (std::string_view word = TakeWord(&rest); !word.empty(); word = TakeWord(&rest)) {
    const std::size_t equals = word.find('=');
    for (const auto& [key, value] : keys) {
      if (equals != std::string_view::npos && word.substr(0, equals) == key && value->empty()) {
        *value = word.substr(equals + 1);
      }
    }
  }
  return fields;
}

std::optional<unsigned> OrderIn(std::string_view text) {
  const auto number = NumberIn(text);
  return number && *number <= kMostKmemOrder ? std::optional(static_cast<unsigned>(*number))
                                             : std::nullopt;
}

bool ReadAllocation(const Fields& fields, KmemEvent* event) {
  const auto mobility = ParseMigrateType(fields.migratetype);
  const auto gfp = ParseGfpFlags(fields.gfp_flags);
  if (!mobility || !gfp) {
    return false;
  }
  event->mobility = *mobility;
  event->gfp = *gfp;
  event->has_gfp_number = NumberIn(fields.gfp_flags).has_value();
  return true;
}

// Returns whether the fields are those that the event has to have, in range.
bool ReadEvent(const Fields& fields, KmemEvent* event) {
  // No page is told as frame 0, which nobody can have on x86, or raw as -1.
  const auto pfn = NumberIn(fields.pfn);
  const auto order = OrderIn(fields.order);
  if (!pfn || !order) {
    return false;
  }
  const bool is_none = *pfn == 0 || *pfn == ~std::uint64_t{0};
  if (!is_none && *pfn >= kMostPfn) {
    return false;
  }
  event->pfn = is_none ? 0 : *pfn;
  event->order = *order;
  switch (event->kind) {
    case KmemKind::kAllocated:
      event->has_failed = is_none;
      return ReadAllocation(fields, event);
    case KmemKind::kFreed:
    case KmemKind::kFreedInBatch:
      return !is_none;
    case KmemKind::kFellBack:
      event->is_fragmenting = fields.fragmenting == "1";
      event->changes_ownership = fields.change_ownership == "1";
      return !is_none;
  }
  return false;
}

// "CPU:7 [204600 EVENTS DROPPED]" of trace-cmd, "CPU:7 [LOST 12 EVENTS]" of the trace file, and
// "PERF_RECORD_LOST lost 12" of perf script.
std::optional<std::uint64_t> LostIn(std::string_view line) {
  constexpr std::array kSigns = {std::string_view("EVENTS DROPPED]"), std::string_view("[LOST "),
                                 std::string_view("PERF_RECORD_LOST")};
  bool is_lost = false;
  for (const std::string_view sign : kSigns) {
    is_lost = is_lost || line.find(sign) != std::string_view::npos;
  }
  if (!is_lost) {
    return std::nullopt;
  }
  // The last number by itself; the one in brackets that is a processor has both of them.
  std::uint64_t lost = 0;
  for (std::string_view word = TakeWord(&line); !word.empty(); word = TakeWord(&line)) {
    const bool has_bracket = word.front() == '[' && word.back() != ']';
    if (const auto number = NumberIn(word.substr(has_bracket ? 1 : 0))) {
      lost = *number;
    }
  }
  return lost;
}

}  // namespace

std::optional<Mobility> ParseMigrateType(std::string_view text) {
  constexpr std::string_view kPrefix = "MIGRATE_";
  if (text.substr(0, kPrefix.size()) == kPrefix) {
    text.remove_prefix(kPrefix.size());
  }
  constexpr std::array kNames = {
      std::pair{std::string_view("unmovable"), Mobility::kUnmovable},
      std::pair{std::string_view("UNMOVABLE"), Mobility::kUnmovable},
      std::pair{std::string_view("movable"), Mobility::kMovable},
      std::pair{std::string_view("MOVABLE"), Mobility::kMovable},
      std::pair{std::string_view("reclaimable"), Mobility::kReclaimable},
      std::pair{std::string_view("RECLAIMABLE"), Mobility::kReclaimable},
      std::pair{std::string_view("CMA"), Mobility::kMovable},
  };
  for (const auto& [name, mobility] : kNames) {
    if (name == text) {
      return mobility;
    }
  }
  // MIGRATE_UNMOVABLE, _MOVABLE and _RECLAIMABLE, then pageblocks kept for large atomic requests,
  // CMA, which is lent to movable pages, and isolated ones; without CMA the last moves up.
  constexpr std::array kByNumber = {Mobility::kUnmovable,   Mobility::kMovable,
                                    Mobility::kReclaimable, Mobility::kUnmovable,
                                    Mobility::kMovable,     Mobility::kUnmovable};
  const auto number = NumberIn(text);
  return number && *number < kByNumber.size() ? std::optional(kByNumber[*number]) : std::nullopt;
}

KmemLine ParseKmemLine(std::string_view line) {
  KmemLine result;
  const std::size_t first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos || line[first] == '#') {
    return result;
  }
  std::optional<unsigned> cpu;
  bool has_time = false;
  bool has_event = false;
  std::string_view rest = line;
  for (std::string_view word = TakeWord(&rest); !word.empty(); word = TakeWord(&rest)) {
    if (const auto kind = KindIn(word, &result.style)) {
      result.event.kind = *kind;
      result.event.cpu = cpu;
      const bool is_read = ReadEvent(ReadFields(rest), &result.event);
      result.kind = is_read ? LineKind::kKmem : LineKind::kUnreadable;
      return result;
    }
    if (const auto number = CpuIn(word); number && !has_time) {
      cpu = number;
    }
    has_event = has_event || (has_time && word.back() == ':');
    has_time = has_time || IsTime(word);
  }
  if (const auto lost = LostIn(line)) {
    result.kind = LineKind::kLost;
    result.lost = *lost;
  } else if (has_event) {
    result.kind = LineKind::kOtherEvent;
  }
  return result;
}

}  // namespace pageward::tool
