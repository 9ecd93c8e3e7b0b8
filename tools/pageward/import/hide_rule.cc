#include "tools/pageward/import/hide_rule.h"

#include <fmt/format.h>

#include "tools/pageward/command/failure.h"

namespace pageward::tool {

namespace {

constexpr std::string_view kGfp = "gfp:";
constexpr std::string_view kMigrateType = "migratetype:";

[[noreturn]] void Refuse(std::string_view term) {
  throw Failure(InOneLine(
      fmt::format("--hide {}: not one of user, all, none, gfp:FLAG+FLAG, migratetype:TYPE", term)));
}

}  // namespace

HideRule::HideRule(std::string_view text) : text_(text) {
  for (bool is_last = false; !is_last;) {
    const std::size_t comma = text.find(',');
    is_last = comma == std::string_view::npos;
    Add(text.substr(0, comma));
    text.remove_prefix(is_last ? text.size() : comma + 1);
  }
}

void HideRule::Add(std::string_view term) {
  if (term == "user") {
    terms_.push_back(Term{.flags = GfpFlags::Of(GfpFlags::Flag::kHighmem) |
                                   GfpFlags::Of(GfpFlags::Flag::kHardwall)});
  } else if (term == "all") {
    terms_.push_back(Term{});
  } else if (term.substr(0, kGfp.size()) == kGfp) {
    Term both;
    std::string_view names = term.substr(kGfp.size());
    for (bool is_last = false; !is_last;) {
      const std::size_t plus = names.find('+');
      is_last = plus == std::string_view::npos;
      const auto flags = GfpFlagsNamed(names.substr(0, plus));
      if (!flags || flags->bits() == 0) {
        throw Failure(
            InOneLine(fmt::format("--hide {}: there is no flag {} that could be asked for", term,
                                  names.substr(0, plus))));
      }
      both.flags = both.flags | *flags;
      names.remove_prefix(is_last ? names.size() : plus + 1);
    }
    terms_.push_back(both);
  } else if (term.substr(0, kMigrateType.size()) == kMigrateType) {
    const auto mobility = ParseMigrateType(term.substr(kMigrateType.size()));
    if (!mobility) {
      Refuse(term);
    }
    terms_.push_back(Term{.mobility = mobility});
  } else if (term != "none") {
    Refuse(term);
  }
}

}  // namespace pageward::tool
