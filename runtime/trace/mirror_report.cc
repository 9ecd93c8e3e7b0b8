#include "runtime/trace/mirror_report.h"

#include "runtime/sim/cost_model.h"

namespace pageward::trace {

using extent::RunEventKind;

namespace {

TextWriter& Line(TextWriter* out, std::string_view name) {
  return out->Append("  ").Append(name).PadTo(24);
}

void WriteEvents(const MirrorFigures& figures, FrameCount limit, TextWriter* out) {
  Line(out, "events").AppendDecimal(figures.all_events()).Append(" of ");
  out->AppendDecimal(figures.threads).Append(" threads");
  for (unsigned i = 0; i < extent::kRunEventKindCount; ++i) {
    out->Append(i == 0 ? ": " : ", ").Append(NameOf(static_cast<RunEventKind>(i))).Append(" ");
    out->AppendDecimal(figures.events[i]);
  }
  out->EndLine();
  Line(out, "refused").AppendDecimal(figures.refused).Append(" by the program's allocator, ");
  out->AppendDecimal(figures.over_limit).Append(" by the limit of ");
  out->AppendBytes(limit.bytes()).Append(", ");
  out->AppendDecimal(figures.broken).Append(" within it").EndLine();
  Line(out, "memory").AppendBytes(figures.frames << kFrameBytesLog2).Append(" now, at most ");
  out->AppendBytes(figures.frames_most << kFrameBytesLog2).EndLine();
}

template <typename Names>
void WriteCounts(const sim::Counts& counts, unsigned how_many, TextWriter* out) {
  for (unsigned i = 0; i < how_many; ++i) {
    const auto name = static_cast<Names>(i);
    if (counts[name] > 0) {
      Line(out, NameOf(name)).AppendDecimal(counts[name]).EndLine();
    }
  }
}

}  // namespace

std::string_view NameOf(RunEventKind kind) {
  switch (kind) {
    case RunEventKind::kAllocated:
      return "allocated";
    case RunEventKind::kGrown:
      return "grown";
    case RunEventKind::kFreed:
      return "freed";
    case RunEventKind::kSplit:
      return "split";
    case RunEventKind::kMerged:
      return "merged";
    case RunEventKind::kMadeGone:
      return "made-gone";
    case RunEventKind::kMadeUsable:
      break;
  }
  return "made-usable";
}

void WriteMirrorReport(const RunMirror& mirror, std::string_view program, std::uint32_t process,
                       TextWriter* out) {
  const sim::KernelConfig& config = mirror.simulation().config().kernel;
  out->Append("pageward: simulated kernel of ").Append(program).Append(" (process ");
  out->AppendDecimal(process).Append("), ").AppendBytes(config.ram_bytes);
  out->Append(", ").AppendDecimal(config.machine.cpus).Append(" processors");
  out->EndLine();
  WriteEvents(mirror.figures(), mirror.limit(), out);
  const sim::Counts counts = mirror.counts();
  WriteCounts<sim::Primitive>(counts, sim::kPrimitiveCount, out);
  WriteCounts<sim::Tally>(counts, sim::kTallyCount, out);
  const sim::CostBand band = sim::CostModel().Band(counts);
  Line(out, "modelled cycles").AppendDecimal(static_cast<std::uint64_t>(band.nominal));
  out->Append(" (").AppendDecimal(static_cast<std::uint64_t>(band.low)).Append(" to ");
  out->AppendDecimal(static_cast<std::uint64_t>(band.high)).Append(")").EndLine();
}

}  // namespace pageward::trace
