#include "hooks/jemalloc/bad_pointer.h"

#include "hooks/jemalloc/extent_hooks.h"
#include "runtime/core/violation.h"
#include "runtime/keys/gate.h"

namespace pageward::hooks {
namespace {

using object::FrameClass;
using object::ObjectMap;

// --- /proc/self/maps -----------------------------------------------------------------------------

// Reads a hexadecimal number off the front of `text`.
std::uint64_t TakeHex(std::string_view* text) {
  std::uint64_t value = 0;
  while (!text->empty()) {
    const char c = text->front();
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) {
      break;
    }
    value = value * 16 + static_cast<std::uint64_t>(digit);
    text->remove_prefix(1);
  }
  return value;
}

// Everything behind the fifth space: the name, which may be empty.
std::string_view NameOfMapping(std::string_view line) {
  for (int field = 0; field < 5; ++field) {
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos) {
      return {};
    }
    line.remove_prefix(space + 1);
  }
  const std::size_t first = line.find_first_not_of(' ');
  return WithoutFirst(line, first);
}

struct Mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::string_view name;
};

// A line that is none gives an empty mapping.
Mapping ParseMapping(std::string_view line) {
  std::string_view rest = line;
  Mapping mapping;
  mapping.begin = TakeHex(&rest);
  if (rest.empty() || rest.front() != '-') {
    return Mapping{};
  }
  rest.remove_prefix(1);
  mapping.end = TakeHex(&rest);
  mapping.name = NameOfMapping(line);
  return mapping;
}

bool IsFile(std::string_view name) {
  return !name.empty() && name.front() == '/';
}

void AppendMapping(std::string_view name, TextWriter* out) {
  if (name.empty()) {
    out->Append("it points into an anonymous mapping that is not the heap's");
  } else if (name == "[stack]") {
    out->Append("it points into the stack");
  } else if (IsFile(name)) {
    out->Append("it points into the static data or code of ").Append(name);
  } else {
    out->Append("it points into ").Append(name);
  }
}

void AppendForeign(os::Os& os, VirtAddr address, TextWriter* out) {
  // Enough for a thousand mappings; a process with more is told less about its pointer.
  static constinit char buffer[128 * 1024];
  const Result<std::size_t> length = os.ReadFile("/proc/self/maps", buffer);
  if (length.ok()) {
    DescribeMapping(std::string_view(buffer, *length), address.value(), out);
  } else {
    out->Append("it is not the heap's");
  }
}

// --- The heap ------------------------------------------------------------------------------------

struct Object {
  VirtAddr begin;
  std::uint64_t bytes;
};

constexpr std::uint64_t kCacheLineBytes = 64;

// The live object that fills `run`, if that is what the run is for: it starts in the first frame,
// on a cache line that jemalloc picks by chance.
std::optional<Object> LargeObjectIn(const ObjectMap& map, VirtRange run) {
  for (std::uint64_t at = 0; at < kFrameBytes; at += kCacheLineBytes) {
    const VirtAddr candidate = run.begin + at;
    const FrameClass frame_class = map.ClassAt(candidate.AsPointer());
    const bool is_large = frame_class == FrameClass::kUncached || frame_class == FrameClass::kLarge;
    if (is_large && map.IsLive(candidate.AsPointer(), frame_class)) {
      return Object{candidate, run.end() - candidate};
    }
  }
  return std::nullopt;
}

std::optional<Object> LiveObjectAround(const ObjectMap& map, VirtAddr address,
                                       std::optional<VirtRange> run) {
  if (const auto small = map.FindObjectAround(address.AsPointer())) {
    const FrameClass frame_class = map.ClassAt(*small);
    return Object{VirtAddr::Of(*small), object::BytesOf(object::SizeClassOf(frame_class))};
  }
  return run ? LargeObjectIn(map, *run) : std::nullopt;
}

// Says what `address`, which lies in the heap's zone, is.
Violation AppendHeapAddress(const ObjectMap& map, VirtAddr address, TextWriter* out) {
  const std::optional<VirtRange> run = FindRun(address);
  if (const auto object = LiveObjectAround(map, address, run)) {
    out->Append("it points ").AppendDecimal(address - object->begin).Append(" bytes into the ");
    out->AppendDecimal(object->bytes).Append("-byte object at ");
    out->AppendHex(object->begin.value());
    return Violation::kInteriorPointer;
  }
  if (!run) {
    out->Append("its memory has been freed and is not in use");
    return Violation::kDoubleFree;
  }
  if (!map.IsPlausible(address.AsPointer()) ||
      map.ClassAt(address.AsPointer()) == FrameClass::kNone) {
    out->Append("no object has ever started there");
    return Violation::kInteriorPointer;
  }
  out->Append("the object there has been freed already, or was never handed out");
  return Violation::kDoubleFree;
}

// --- The caller ----------------------------------------------------------------------------------

// Where this library's code begins and ends; the linker defines both.
extern "C" [[gnu::visibility("hidden")]] const char __ehdr_start[];
extern "C" [[gnu::visibility("hidden")]] const char etext[];

bool IsOurCode(VirtAddr code) {
  return code >= VirtAddr::Of(__ehdr_start) && code < VirtAddr::Of(etext);
}

// The first return address outside this library. Everything of ours on the stack at this point is
// compiled with frame pointers: saved frame pointer at 0, return address at 8 (System V
// ABI, 3.2.2).
VirtAddr CallerOfTheLibrary() {
  constexpr int kMostFrames = 16;
  const void* const* frame = static_cast<const void* const*>(__builtin_frame_address(0));
  VirtAddr caller = VirtAddr::Of(frame[1]);
  for (int i = 0; i < kMostFrames && IsOurCode(caller); ++i) {
    frame = static_cast<const void* const*>(frame[0]);
    if (frame == nullptr) {
      break;
    }
    caller = VirtAddr::Of(frame[1]);
  }
  return caller;
}

}  // namespace

void DescribeMapping(std::string_view maps, std::uint64_t address, TextWriter* out) {
  Mapping before;
  while (!maps.empty()) {
    const Mapping mapping = ParseMapping(TakeUpTo('\n', &maps));
    if (address >= mapping.begin && address < mapping.end) {
      // Static data that is zero at first lies in an anonymous mapping behind that of its file.
      const bool is_bss =
          mapping.name.empty() && IsFile(before.name) && before.end == mapping.begin;
      AppendMapping(is_bss ? before.name : mapping.name, out);
      return;
    }
    before = mapping;
  }
  out->Append("nothing is mapped there");
}

void DieOfBadPointer(const ObjectMap& map, os::Os& os, const char* operation, const void* pointer) {
  const keys::Gate gate;
  const VirtAddr address = VirtAddr::Of(pointer);
  Text<384> message;
  message.Append(operation).Append(" of ").AppendHex(address.value()).Append(": ");
  Violation violation = Violation::kForeignPointer;
  if (map.range().Contains(address)) {
    violation = AppendHeapAddress(map, address, &message);
  } else {
    AppendForeign(os, address, &message);
  }
  message.Append(" (called from ").AppendHex(CallerOfTheLibrary().value()).Append(")");
  Fatal(violation, message.view());
}

}  // namespace pageward::hooks
