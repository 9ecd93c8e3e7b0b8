// System calls that run with a table which only has what is not sensitive.
#include "runtime/sim/asi.h"

#include "tools/pageward/sim/random.h"
#include "tools/pageward/sim/scenarios/scenarios.h"

namespace pageward::tool {
namespace {

using sim::RestrictedTable;

// One frame in so many is sensitive, a call touches so many, and one call in so many needs a
// sensitive one.
constexpr std::uint32_t kFramesPerSensitive = 16;
constexpr unsigned kTouchesPerCall = 4;
constexpr std::uint32_t kCallsPerSensitive = 32;

// The kernel's data: frames anybody may see, and frames that nobody may.
struct Data {
  std::vector<FrameNumber> open;
  std::vector<FrameNumber> sensitive;
};

Data MakeData(Session& session) {
  Data data;
  for (std::uint32_t i = 0; i < PagesOf(session.settings()); ++i) {
    const FrameNumber frame =
        session.Need(session.kernel().AllocateFrame(
                         Order(0), frame::Request::Mapped(frame::Mobility::kUnmovable)),
                     "the kernel's data");
    (i % kFramesPerSensitive == 0 ? data.sensitive : data.open).push_back(frame);
  }
  return data;
}

bool Touch(Session& session, FrameNumber frame) {
  return session.cpu().Read(session.kernel().direct_map().AddressOf(frame)).ok();
}

// With the restricted table a sensitive frame faults, and the call goes on with the whole one.
void Call(Session& session, const Data& data, RestrictedTable* restricted, Random& random) {
  session.cpu().meter().Add(sim::Primitive::kSystemCall);
  if (restricted != nullptr) {
    restricted->Enter();
  }
  for (unsigned i = 0; i < kTouchesPerCall; ++i) {
    Touch(session, data.open[random.Below(data.open.size())]);
  }
  const FrameNumber secret = data.sensitive[random.Below(data.sensitive.size())];
  if (random.Below32(kCallsPerSensitive) == 0 && !Touch(session, secret)) {
    restricted->Leave();
    Touch(session, secret);
  }
  if (restricted != nullptr && restricted->IsEntered()) {
    restricted->Leave();
  }
}

void RunAsi(Session& session) {
  const Data data = MakeData(session);
  RestrictedTable table(session.kernel());
  RestrictedTable* const restricted = session.settings().has_asi ? &table : nullptr;
  Random random(session.settings().seed);
  session.Begin();
  if (restricted != nullptr) {
    session.Need(table.Create(), "the restricted table");
    sim::AccountedTables tables(session.kernel().tables(), session.kernel().ram(),
                                sim::kKernelAccount);
    for (const FrameNumber frame : data.open) {
      session.Need(table.Open(FrameRange{frame, FrameCount(1)}, tables), "opening a frame");
    }
  }
  for (std::uint32_t i = 0; i < PagesOf(session.settings()); ++i) {
    Call(session, data, restricted, random);
    session.Step();
  }
  if (restricted != nullptr) {
    table.Destroy();
  }
}

constexpr AxisDefault kDefaults[] = {{"asi", "all"}};
constexpr std::string_view kCompared[] = {"asi"};
constexpr AxisDefault kBaseline[] = {{"asi", "off"}};
constexpr std::string_view kNotModelled[] = {
    "what is flushed on leaving, against speculation: buffers and branch predictors"};

}  // namespace

constinit const Scenario kAsi{
    .name = "asi",
    .question = "What do system calls cost that only see what is not sensitive?",
    .what = "the table is made, then calls touch open frames, and one in 32 a sensitive one",
    .defaults = kDefaults,
    .least_ram = RamForMappedPages,
    .adjust = [](Settings* settings) { settings->config.kernel.direct_map.is_global = false; },
    .steps = [](const Settings& settings) -> std::uint64_t { return PagesOf(settings); },
    .run = RunAsi,
    .compared = kCompared,
    .baseline = kBaseline,
    .not_modelled = kNotModelled,
};

}  // namespace pageward::tool
