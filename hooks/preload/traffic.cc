#include "hooks/preload/traffic.h"

#include "hooks/preload/exit_report.h"
#include "runtime/core/bits.h"
#include "runtime/keys/gate.h"
#include "runtime/trace/mirror_report.h"
#include "runtime/trace/run_tap.h"
#include "runtime/trace/trace_file.h"

namespace pageward::hooks {
namespace {

constinit trace::RunTap g_tap;
constinit trace::TraceFile g_file;
constinit trace::TraceWriter g_writer;
constinit trace::RunMirror* g_mirror = nullptr;
constinit trace::TraceFacts g_facts;
constinit os::Os* g_os = nullptr;

// A program that a recorded one started finds the file in use, and says nothing.
bool StartRecording(std::string_view path, TextWriter* complaint) {
  Status begun = g_file.Create(*g_os, path);
  if (begun.ok()) {
    begun = g_writer.Begin(g_file, g_facts);
  }
  if (!begun.ok() && begun.error() != Error::kInUse) {
    complaint->Append("nothing is recorded: ");
    complaint->Append(begun.error() == Error::kInvalid ? "no regular file: "
                                                       : "can't be written: ");
    complaint->Append(path);
  }
  return begun.ok();
}

bool StartMirror(TextWriter* complaint) {
  const trace::MirrorConfig config = trace::MirrorConfig::OfProgram(g_facts.zone_frames);
  const std::uint64_t bytes = trace::RunMirror::BytesFor(config);
  const Result<VirtRange> memory = g_os->MapZeroed(AlignUp<std::uint64_t>(bytes, kFrameBytes));
  const Result<trace::RunMirror*> mirror = memory.ok() ? trace::RunMirror::Start(*memory, config)
                                                       : Result<trace::RunMirror*>(memory.error());
  if (!mirror.ok()) {
    complaint->Append(complaint->view().empty() ? "" : "; ");
    complaint->Append("no simulated kernel: ").Append(NameOf(mirror.error()));
    return false;
  }
  g_os->Name(*memory, "pageward simulation");
  g_mirror = *mirror;
  return true;
}

void ReportMirror() {
  static constinit char buffer[8192];
  TextWriter text(buffer, sizeof(buffer));
  trace::WriteMirrorReport(*g_mirror, g_facts.program_name(), g_facts.process, &text);
  WriteToStandardError(*g_os, text.view());
}

[[gnu::destructor]] void EndTraffic() {
  const keys::Gate gate;
  // A copy of the process that ends without exec is a part of the program.
  if (!g_tap.IsOpen() || g_os->ProcessId() != g_facts.process) {
    return;
  }
  const Status finished = g_tap.Close();
  g_file.Close();
  if (!finished.ok()) {
    WriteToStandardError(*g_os, finished.error() == Error::kLimit
                                    ? "pageward: the recording ended early: no room\n"
                                    : "pageward: the recording ended early: its file is closed\n");
  }
  if (g_mirror != nullptr) {
    ReportMirror();
  }
}

}  // namespace

void StartTraffic(engine::Engine& engine, const engine::Config& config, const TrafficSource& source,
                  TextWriter* complaint) {
  g_os = &engine.os();
  g_facts.zone_frames = engine.zone().range().bytes >> kFrameBytesLog2;
  g_facts.process = g_os->ProcessId();
  g_facts.processors = source.processors;
  g_facts.SetProgram(source.program);
  const bool records = !config.record_path.empty() && StartRecording(config.record_path, complaint);
  const bool mirrors = config.space == engine::SpaceKind::kSim && StartMirror(complaint);
  if (!records && !mirrors) {
    return;
  }
  static_cast<void>(KeepStandardError(*g_os));
  g_tap.Open(*g_os, records ? &g_writer : nullptr, mirrors ? g_mirror : nullptr);
  engine.runs().Observe(g_tap);
}

void LockTrafficForFork() {
  g_tap.LockForFork();
}
void UnlockTrafficInParent() {
  g_tap.UnlockInParent();
}
void UnlockTrafficInChild() {
  g_tap.UnlockInChild();
}

}  // namespace pageward::hooks
