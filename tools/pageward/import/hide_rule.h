// Which allocations of a trace are taken as memory that the kernel must not reach.
//
// Traced kernels have no such thing yet, so somebody has to say what would have been.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/pageward/import/kmem_line.h"

namespace pageward::tool {

/// Terms between commas; an allocation is hidden if any of them fits.
///
///   user              __GFP_HIGHMEM and __GFP_HARDWALL: memory of processes and their files, which
///                     the kernel asks for as memory that it need not address
///   gfp:FLAG+FLAG     all of these flags, such as gfp:__GFP_UNMAPPED or gfp:GFP_HIGHUSER_MOVABLE
///   migratetype:TYPE  unmovable, movable or reclaimable
///   all, none
class HideRule {
 public:
  /// What guest_memfd without a direct map, and address-space isolation, want hidden first.
  static constexpr std::string_view kStandard = "user";

  /// Throws Failure if `text` is no rule.
  explicit HideRule(std::string_view text);

  const std::string& text() const { return text_; }

  bool Hides(const KmemEvent& event) const {
    for (const Term& term : terms_) {
      if (event.gfp.HasAll(term.flags) && (!term.mobility || event.mobility == *term.mobility)) {
        return true;
      }
    }
    return false;
  }

 private:
  struct Term {
    GfpFlags flags{};
    std::optional<frame::Mobility> mobility{};
  };

  void Add(std::string_view term);

  std::string text_;
  std::vector<Term> terms_;
};

}  // namespace pageward::tool
