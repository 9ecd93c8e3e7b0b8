#include "hooks/jemalloc/options.h"

#include "hooks/jemalloc/jemalloc_api.h"
#include "runtime/core/check.h"

namespace pageward::hooks {
namespace {

// What the hooks assume. One automatic arena, which serves jemalloc itself only; no caches of
// jemalloc's own; no arena for oversized requests, which would escape the hooks; freed extents come
// back to us; nothing that maps memory past the hooks.
#define PW_FIXED_OPTIONS                                                            \
  "narenas:1,tcache:false,oversize_threshold:0,retain:false,percpu_arena:disabled," \
  "hpa:false,dss:disabled,metadata_thp:disabled,thp:default"

// What a program may change and we choose otherwise than jemalloc. It refuses to cut a freed extent
// of over 2^6 times the size that is wanted, so that slabs of a page take fresh memory beside any
// amount of freed memory that has grown together: twice the memory and a third more time where
// batches of small objects come and go (bench/workload/batch_fifo.cc).
constexpr const char kChosen[] = "lg_extent_max_active_fit:40";

constexpr const char kFixed[] = PW_FIXED_OPTIONS;
constexpr const char kFixedAndAtOnce[] = PW_FIXED_OPTIONS ",dirty_decay_ms:0,muzzy_decay_ms:0";

struct Overruled {
  std::string_view name;
  std::string_view agreeable;  // the value that says what we say
};

// Options of the user's that are not followed. narenas and tcache are: they are ours to follow.
constexpr Overruled kOverruled[] = {
    {"oversize_threshold", "0"},  {"retain", "false"},
    {"percpu_arena", "disabled"}, {"hpa", "false"},
    {"dss", "disabled"},          {"metadata_thp", "disabled"},
    {"thp", "default"},           {"tcache_max", ""},
    {"lg_tcache_max", ""},        {"san_guard_small", "0"},
    {"san_guard_large", "0"},
};

template <typename T>
T Read(const char* name) {
  T value{};
  std::size_t length = sizeof(value);
  const int error = jemalloc_mallctl(name, &value, &length, nullptr, 0);
  PW_CHECK(error == 0, Violation::kInvariant, error);
  return value;
}

// As Read(), for options that a build of jemalloc may lack.
template <typename T>
T ReadIfThere(const char* name, T otherwise) {
  T value{};
  std::size_t length = sizeof(value);
  return jemalloc_mallctl(name, &value, &length, nullptr, 0) == 0 ? value : otherwise;
}

std::uint32_t ArenasIn(std::string_view conf) {
  std::uint64_t count = 0;
  return ParseDecimal(ValueIn(conf, "narenas"), &count) && count > 0 && count <= 4096
             ? static_cast<std::uint32_t>(count)
             : 0;
}

void WarnOf(std::string_view conf, TextWriter* warning) {
  for (const Overruled& option : kOverruled) {
    const std::string_view value = ValueIn(conf, option.name);
    if (!value.empty() && value != option.agreeable) {
      warning->Append(warning->view().empty() ? "jemalloc options without effect here: " : ", ");
      warning->Append(option.name).Append(":").Append(value);
    }
  }
}

void CheckAssumptions() {
  PW_CHECK(Read<unsigned>("opt.narenas") == 1, Violation::kInvariant, 1);
  PW_CHECK(!Read<bool>("opt.tcache"), Violation::kInvariant, 2);
  PW_CHECK(Read<std::size_t>("opt.oversize_threshold") == 0, Violation::kInvariant, 3);
  PW_CHECK(!Read<bool>("opt.retain"), Violation::kInvariant, 4);
  PW_CHECK(!Read<bool>("opt.hpa"), Violation::kInvariant, 5);
}

bool ActsOnEachCall() {
  const auto is_set = [](const char* text) { return text != nullptr && *text != 'f'; };
  return ReadIfThere<bool>("opt.prof", false) || ReadIfThere<bool>("opt.zero", false) ||
         ReadIfThere<bool>("opt.utrace", false) ||
         is_set(ReadIfThere<const char*>("opt.junk", nullptr));
}

}  // namespace

std::string_view ValueIn(std::string_view conf, std::string_view name) {
  std::string_view found;
  while (!conf.empty()) {
    std::string_view value = TakeUpTo(',', &conf);
    if (TakeUpTo(':', &value) == name) {
      found = value;
    }
  }
  return found;
}

JemallocOptions StartJemalloc(const JemallocTexts& texts, Decay decay, TextWriter* warning) {
  // jemalloc keeps the pointer; the zero behind what is written ends the text.
  static constinit char conf[1024];
  TextWriter(conf, sizeof(conf) - 1)
      .Append(kChosen)
      .Append(texts.program.empty() ? "" : ",")
      .Append(texts.program);
  jemalloc_malloc_conf = conf;
  jemalloc_malloc_conf_2_conf_harder = decay == Decay::kAtOnce ? kFixedAndAtOnce : kFixed;
  CheckAssumptions();
  JemallocOptions options;
  for (const std::string_view text : {texts.program, texts.system, texts.user}) {
    WarnOf(text, warning);
    options.bypasses_caches = options.bypasses_caches || ValueIn(text, "tcache") == "false";
    if (const std::uint32_t arenas = ArenasIn(text); arenas > 0) {
      options.arenas = arenas;
    }
  }
  options.bypasses_caches = options.bypasses_caches || ActsOnEachCall();
  return options;
}

}  // namespace pageward::hooks
