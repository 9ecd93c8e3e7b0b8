#include "runtime/engine/report.h"

#include "runtime/engine/fault_report.h"
#include "runtime/keys/gate.h"

namespace pageward::engine {
namespace {

using frame::Visibility;

// Where the values of a line begin.
constexpr std::size_t kValueColumn = 24;

// Begins a line: "  name                value...".
TextWriter& Line(TextWriter* out, std::string_view name) {
  out->Append("  ").Append(name).PadTo(kValueColumn);
  return *out;
}

// The program's name as the kernel has it.
void AppendProgram(os::Os& os, TextWriter* out) {
  char name[64];
  const Result<std::size_t> length = os.ReadFile("/proc/self/comm", name);
  if (length.ok() && *length > 1) {
    out->Append(std::string_view(name, *length - 1));
  }
  out->Append(" (process ").AppendDecimal(os.ProcessId()).Append(")");
}

// The value of `field` in /proc/self/status, in bytes; it is given there in kB.
std::uint64_t StatusBytes(std::string_view status, std::string_view field) {
  const std::size_t at = status.find(field);
  if (at == std::string_view::npos) {
    return 0;
  }
  std::string_view rest = WithoutFirst(status, at + field.size());
  rest = WithoutFirst(rest, rest.find_first_not_of(" \t"));
  std::uint64_t value = 0;
  return ParseDecimal(FirstOf(rest, rest.find(' ')), &value) ? value * 1024 : 0;
}

void WriteResidentSize(os::Os& os, TextWriter* out) {
  char status[4096];
  const Result<std::size_t> length = os.ReadFile("/proc/self/status", status);
  if (!length.ok()) {
    return;
  }
  const std::string_view text(status, *length);
  Line(out, "resident now").AppendBytes(StatusBytes(text, "VmRSS:"));
  out->Append(", at most ").AppendBytes(StatusBytes(text, "VmHWM:")).EndLine();
}

void WriteHeap(Engine& engine, const HeapFigures& heap, TextWriter* out) {
  const extent::RunCounters runs = engine.runs().counters();
  Line(out, "program holds").AppendBytes(heap.live_bytes);
  out->Append(" in objects, ").AppendBytes(heap.cached_bytes).Append(" cached by ");
  out->AppendDecimal(heap.threads).Append(" threads, in ").AppendDecimal(heap.arenas);
  out->Append(" arenas").EndLine();
  Line(out, "runs").AppendBytes(runs.used_bytes).Append(" in use, at most ");
  out->AppendBytes(runs.used_bytes_most).Append("; ").AppendDecimal(runs.allocated_runs);
  out->Append(" allocated, ").AppendDecimal(runs.freed_runs).Append(" freed, ");
  out->AppendDecimal(runs.grown_in_place).Append(" grown in place").EndLine();
  if (engine.config().profile == Profile::kStrict) {
    Line(out, "quarantine").AppendBytes(runs.quarantined_bytes).Append(" waiting").EndLine();
  } else {
    Line(out, "freed, in reach").AppendBytes(runs.closing_bytes).Append(" of small runs; ");
    out->AppendDecimal(runs.reused_runs).Append(" were used again before they were closed");
    out->EndLine();
  }
}

void WriteFrames(Engine& engine, TextWriter* out) {
  const frame::Counters frames = engine.frames().counters();
  Line(out, "zone").AppendBytes(engine.zone().range().bytes).Append(" reserved, ");
  out->AppendBytes(frames.managed_frames.bytes()).Append(" taken over so far").EndLine();
  const struct {
    Visibility visibility;
    std::string_view name;
  } kKinds[] = {{Visibility::kMapped, "free frames, mapped"},
                {Visibility::kUnmapped, "   unmapped"},
                {Visibility::kKeyed, "   keyed"}};
  for (const auto& kind : kKinds) {
    Line(out, kind.name).AppendBytes(frames.free_frames[kind.visibility].bytes()).Append(", ");
    out->AppendDecimal(frames.free_blocks[kind.visibility]).Append(" whole pageblocks").EndLine();
  }
  std::uint64_t conversions = 0;
  for (const auto& kind : kKinds) {
    conversions += frames.conversions[kind.visibility];
  }
  Line(out, "conversions").AppendDecimal(conversions).Append(", ");
  out->AppendDecimal(frames.conversion_failures).Append(" failed; fallbacks ");
  out->AppendDecimal(frames.fallbacks()).Append("; frame table ");
  out->AppendDecimal(frames.leaves).Append(" leaves").EndLine();
}

void WriteFreed(Engine& engine, TextWriter* out) {
  const space::PrivateZoneCounters zone = engine.zone().counters();
  Line(out, "out of reach").AppendBytes(zone.gone_bytes).Append(" now, ");
  out->AppendBytes(zone.gone_bytes_total).Append(" in all");
  if (zone.purged_bytes_total > 0) {
    out->Append("; given back but readable as zeros: ").AppendBytes(zone.purged_bytes_total);
  }
  out->EndLine();
  Line(out, "system calls").AppendDecimal(zone.flushes).Append(" that flush, ");
  out->AppendDecimal(zone.other_calls).Append(" others").EndLine();
  Line(out, "mappings of zone").AppendDecimal(zone.mappings).Append(", at most ");
  out->AppendDecimal(zone.mappings_most).EndLine();
}

void WriteMetadata(Engine& engine, const HeapFigures& heap, TextWriter* out) {
  Line(out, "jemalloc's metadata").AppendBytes(heap.metadata_bytes).EndLine();
  if (engine.metadata_key()) {
    Line(out, "closed metadata").AppendDecimal(engine.ClosedTableBytes() / kFrameBytes);
    out->Append(" pages in tables, ").AppendDecimal(heap.metadata_area_bytes / kFrameBytes);
    out->Append(" of jemalloc's, ").AppendDecimal(engine.ClosedDataBytes() / kFrameBytes);
    out->Append(" of data, key ").AppendDecimal(engine.metadata_key()->value()).EndLine();
    Line(out, "left open").Append("thread-local data, thread caches, ");
    out->AppendDecimal(engine.OpenTableBytes() / kFrameBytes)
        .Append(" pages of live objects' bytes");
    out->EndLine();
    Line(out, "gate").Append("opened ").AppendDecimal(keys::GateOpenings()).Append(" times; ");
    out->AppendDecimal(UngatedWrites()).Append(" ungated writes, ");
    out->AppendDecimal(RepairedFaults()).Append(" repairs").EndLine();
  }
}

void WriteTiers(Engine& engine, TextWriter* out) {
  Line(out, "protected by");
  for (std::size_t i = 0; i < kAssetCount; ++i) {
    const auto asset = static_cast<Asset>(i);
    out->Append(i == 0 ? "" : ", ").Append(NameOf(asset)).Append(": ");
    out->Append(NameOf(engine.TierOf(asset)));
  }
  out->EndLine();
}

std::string_view NameOf(Profile profile) {
  switch (profile) {
    case Profile::kStandard:
      return "standard";
    case Profile::kStrict:
      return "strict";
    case Profile::kCompat:
      return "compat";
    case Profile::kOff:
      break;
  }
  return "off";
}

}  // namespace

void WriteReport(Engine& engine, const HeapFigures& heap, TextWriter* out) {
  out->Append("pageward: report of ");
  AppendProgram(engine.os(), out);
  out->Append(", profile ").Append(NameOf(engine.config().profile)).EndLine();
  WriteHeap(engine, heap, out);
  WriteFrames(engine, out);
  WriteMetadata(engine, heap, out);
  WriteFreed(engine, out);
  WriteResidentSize(engine.os(), out);
  WriteTiers(engine, out);
}

}  // namespace pageward::engine
