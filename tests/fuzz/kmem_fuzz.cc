// Text of page events, chosen by libFuzzer or replayed from the corpus.
//
// An input is either text as it stands, or the numbers that a trace of
// tests/support/tools/kmem_programs.h is drawn from. A death is a finding.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tests/support/tools/kmem_programs.h"
#include "tools/pageward/import/hide_rule.h"
#include "tools/pageward/import/kmem_line.h"
#include "tools/pageward/import/kmem_matcher.h"

namespace {

using pageward::testing_support::ByteNumbers;
using pageward::testing_support::CheckingKeeper;
using pageward::testing_support::KmemTextWriter;
using pageward::tool::HideRule;
using pageward::tool::KmemLine;
using pageward::tool::KmemMatcher;
using pageward::tool::LineKind;

class Reader {
 public:
  void Take(std::string_view line) {
    const KmemLine parsed = pageward::tool::ParseKmemLine(line);
    if (parsed.kind == LineKind::kKmem) {
      hidden_ += rule_.Hides(parsed.event) ? 1u : 0u;
      matcher_.Take(parsed.event);
    }
  }
  void Compare() const { keeper_.Compare(matcher_.ledger()); }

 private:
  const HideRule rule_{"user,gfp:__GFP_ZERO+__GFP_COMP,migratetype:reclaimable"};
  CheckingKeeper keeper_;
  KmemMatcher matcher_{keeper_};
  std::uint64_t hidden_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  Reader reader;
  if (data[0] == 0) {
    ByteNumbers numbers(std::span(data + 1, size - 1));
    KmemTextWriter writer(numbers);
    while (!numbers.IsEmpty()) {
      reader.Take(writer.Line());
    }
  } else {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      reader.Take(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
  }
  reader.Compare();
  return 0;
}
