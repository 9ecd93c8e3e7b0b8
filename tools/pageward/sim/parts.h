// What `pageward sim` is put together from, beside scenarios. Each part is a function elsewhere.
#pragma once

#include <string>

#include "tools/pageward/report/html.h"
#include "tools/pageward/sim/inputs.h"

namespace pageward::tool {

/// A part that is null is not in this build: its input is refused, its output left out.
struct SimParts {
  decltype(&RunTraceFile) run_trace_file = nullptr;
  decltype(&RunImportFile) run_import_file = nullptr;
  decltype(&RenderHtml) render_html = nullptr;
  decltype(&RenderSweepSvg) render_sweep_svg = nullptr;
};

/// The parts of this build.
const SimParts& Parts();

}  // namespace pageward::tool
