#include "runtime/engine/config.h"

#include <algorithm>
#include <array>

#include "runtime/core/bits.h"

namespace pageward::engine {
namespace {

// How a value is read, and with which words.
using Reader = bool (*)(std::string_view value, Config* config);

struct Key {
  std::string_view name;
  std::string_view values;  // as shown to the user
  std::string_view meaning;
  Reader read;
};

bool ReadSwitch(std::string_view value, bool* result) {
  if (value != "on" && value != "off") {
    return false;
  }
  *result = value == "on";
  return true;
}

template <typename Value, std::size_t kCount>
bool ReadWord(std::string_view value, const std::array<std::string_view, kCount>& words,
              Value* result) {
  for (std::size_t i = 0; i < kCount; ++i) {
    if (words[i] == value) {
      *result = static_cast<Value>(i);
      return true;
    }
  }
  return false;
}

bool ReadProfile(std::string_view value, Config* config) {
  return ReadWord(value, std::array<std::string_view, 4>{"standard", "strict", "compat", "off"},
                  &config->profile);
}

bool ReadReport(std::string_view value, Config* config) {
  return ReadWord(value, std::array<std::string_view, 2>{"off", "exit"}, &config->report);
}

bool ReadFreedBy(std::string_view value, Config* config) {
  return ReadWord(value,
                  std::array<std::string_view, 4>{"best", "guard", "protection", "pageblock"},
                  &config->freed_by);
}

bool ReadLeavesIn(std::string_view value, Config* config) {
  return ReadWord(value, std::array<std::string_view, 3>{"best", "pageblocks", "table"},
                  &config->leaves_in);
}

bool ReadKeys(std::string_view value, Config* config) {
  return ReadSwitch(value, &config->uses_keys);
}
bool ReadGuards(std::string_view value, Config* config) {
  return ReadSwitch(value, &config->uses_guards);
}
bool ReadHugePages(std::string_view value, Config* config) {
  return ReadSwitch(value, &config->uses_huge_pages);
}
bool ReadSecretmem(std::string_view value, Config* config) {
  return ReadSwitch(value, &config->uses_secretmem);
}

bool ReadZone(std::string_view value, Config* config) {
  constexpr std::uint64_t kLeast = std::uint64_t{64} << 20;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
  std::uint64_t bytes = 0;
  if (!ParseBytes(value, &bytes) || !IsPowerOfTwo(bytes) || bytes < kLeast || bytes > kMost) {
    return false;
  }
  config->zone_bytes = bytes;
  return true;
}

bool ReadQuarantine(std::string_view value, Config* config) {
  return ParseBytes(value, &config->quarantine_bytes);
}

bool ReadArenas(std::string_view value, Config* config) {
  std::uint64_t count = 0;
  if (!ParseDecimal(value, &count) || count == 0 || count > 1024) {
    return false;
  }
  config->arenas = static_cast<std::uint32_t>(count);
  return true;
}

bool ReadSpace(std::string_view value, Config* config) {
  return ReadWord(value, std::array<std::string_view, 2>{"host", "sim"}, &config->space);
}

bool ReadRecord(std::string_view value, Config* config) {
  config->record_path = value;
  return !value.empty();
}

bool ReadSodium(std::string_view value, Config* config) {
  return ReadWord(value, std::array<std::string_view, 2>{"default", "off"}, &config->sodium);
}

bool ReadRequirement(std::string_view value, Config* config) {
  const std::size_t equals = value.find('=');
  if (equals == std::string_view::npos) {
    return false;
  }
  const std::optional<Asset> asset = AssetNamed(FirstOf(value, equals));
  const std::optional<Tier> tier = TierNamed(WithoutFirst(value, equals + 1));
  if (!asset || !tier) {
    return false;
  }
  config->required.Set(*asset, *tier);
  return true;
}

constexpr Key kKeys[] = {
    {"profile", "standard, strict, compat or off", "how much is done, and what is tolerated",
     ReadProfile},
    {"require",
     "ASSET=TIER with an asset of metadata, domain, unmapped or freed and a tier of off, mprotect, "
     "pku, sealed or secretmem",
     "refuse to start below this tier; several: require:freed=pku,unmapped=secretmem",
     ReadRequirement},
    {"report", "off or exit", "write a report to standard error when the program ends", ReadReport},
    {"pku", "on or off", "use protection keys where the machine has them", ReadKeys},
    {"guard", "on or off", "use guard markers where the kernel has them (Linux 6.13)", ReadGuards},
    {"freed", "best, guard, protection or pageblock",
     "by what means freed ranges below a pageblock go out of reach", ReadFreedBy},
    {"leaves", "best, pageblocks or table",
     "where the frame table's second level lies: in keyed pageblocks, or beside the zone",
     ReadLeavesIn},
    {"quarantine", "a number of bytes, such as 16M",
     "freed memory that waits before its addresses are used again (strict)", ReadQuarantine},
    {"huge", "on or off", "let huge pages back large blocks", ReadHugePages},
    {"zone", "a power of two from 64M to 1T", "addresses that the heap reserves", ReadZone},
    {"secretmem", "on or off", "use memfd_secret for unmapped memory", ReadSecretmem},
    {"arenas", "a number from 1 to 1024", "arenas that threads share", ReadArenas},
    {"space", "host or sim", "mirror page traffic on a simulated kernel as well, and report on it",
     ReadSpace},
    {"sodium", "default or off", "serve sodium_malloc and its family, or leave them to libsodium",
     ReadSodium},
    {"record", "a path; %p is the number of the process",
     "record page traffic to this file, for pageward sim", ReadRecord},
};

const Key* Find(std::string_view name) {
  for (const Key& key : kKeys) {
    if (key.name == name) {
      return &key;
    }
  }
  return nullptr;
}

// Edits (insert, delete, replace) from `a` to `b`; both are cut to 15 characters.
unsigned EditDistance(std::string_view a, std::string_view b) {
  constexpr std::size_t kMost = 15;
  a = FirstOf(a, kMost);
  b = FirstOf(b, kMost);
  std::array<unsigned, kMost + 1> row{};
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = static_cast<unsigned>(j);
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    unsigned diagonal = row[0];
    row[0] = static_cast<unsigned>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const unsigned replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

void ComplainOfKey(std::string_view name, TextWriter* complaint) {
  const Key* nearest = &kKeys[0];
  for (const Key& key : kKeys) {
    if (EditDistance(name, key.name) < EditDistance(name, nearest->name)) {
      nearest = &key;
    }
  }
  complaint->Append("unknown option '").Append(name).Append("'; did you mean '");
  complaint->Append(nearest->name).Append("'? Options are:");
  for (const Key& key : kKeys) {
    complaint->Append(" ").Append(key.name);
  }
}

bool ReadSetting(const Key& key, std::string_view value, Config* config, TextWriter* complaint) {
  if (key.read(value, config)) {
    return true;
  }
  complaint->Append("bad value '").Append(value).Append("' for option '").Append(key.name);
  complaint->Append("': it takes ").Append(key.values);
  return false;
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) {
    return {};
  }
  return WithoutFirst(FirstOf(text, text.find_last_not_of(kSpace) + 1), begin);
}

// Splits "key:value" at the first colon. False, with a complaint, if there is none.
bool Split(std::string_view item, std::string_view* name, std::string_view* value,
           TextWriter* complaint) {
  const std::size_t colon = item.find(':');
  if (colon == std::string_view::npos) {
    complaint->Append("'").Append(item).Append("' is not of the form key:value");
    return false;
  }
  *name = Trim(FirstOf(item, colon));
  *value = Trim(WithoutFirst(item, colon + 1));
  return true;
}

}  // namespace

bool ParseConfig(std::string_view text, Config* config, TextWriter* complaint) {
  const Key* last = nullptr;
  while (!text.empty()) {
    const std::string_view item = Trim(TakeUpTo(',', &text));
    // "require:a=b,c=d": the second requirement goes on with the list of the first.
    const bool continues = item.find(':') == std::string_view::npos && last != nullptr &&
                           last->name == "require" && item.find('=') != std::string_view::npos;
    std::string_view name;
    std::string_view value = item;
    if (!continues) {
      if (!Split(item, &name, &value, complaint)) {
        return false;
      }
      last = Find(name);
      if (last == nullptr) {
        ComplainOfKey(name, complaint);
        return false;
      }
    }
    if (!ReadSetting(*last, value, config, complaint)) {
      return false;
    }
  }
  return true;
}

bool ParseConfigFile(std::string_view text, std::string_view program, Config* config,
                     TextWriter* complaint) {
  bool applies = true;
  for (std::uint64_t line_number = 1; !text.empty(); ++line_number) {
    std::string_view line = TakeUpTo('\n', &text);
    line = Trim(TakeUpTo('#', &line));
    if (line.empty()) {
      continue;
    }
    if (line.front() == '[' && line.back() == ']') {
      applies = Trim(WithoutFirst(FirstOf(line, line.size() - 1), 1)) == program;
      continue;
    }
    Config ignored;
    Text<512> mistake;
    // What does not apply is read all the same: a mistake should show on every program's start.
    if (!ParseConfig(line, applies ? config : &ignored, &mistake)) {
      complaint->Append("line ").AppendDecimal(line_number).Append(": ").Append(mistake.view());
      return false;
    }
  }
  return true;
}

void DescribeKeys(TextWriter* out) {
  for (const Key& key : kKeys) {
    out->Append("  ").Append(key.name).PadTo(14).Append(key.meaning);
    out->EndLine();
    out->PadTo(14).Append(key.values);
    out->EndLine();
  }
}

}  // namespace pageward::engine
