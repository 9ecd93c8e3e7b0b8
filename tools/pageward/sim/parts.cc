#include "tools/pageward/sim/parts.h"

namespace pageward::tool {

const SimParts& Parts() {
  static constexpr SimParts kParts{
      .run_trace_file = &RunTraceFile,
      .run_import_file = &RunImportFile,
      .render_html = &RenderHtml,
      .render_sweep_svg = &RenderSweepSvg,
  };
  return kParts;
}

}  // namespace pageward::tool
