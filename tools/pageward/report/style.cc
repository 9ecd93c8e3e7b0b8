#include "tools/pageward/report/style.h"

#include "tools/pageward/report/colours.h"

namespace pageward::tool {
namespace {

// What pages and single charts have in common. A dark screen changes variables and nothing else, so
// paper is always light.
constexpr char kPaper[] = R"(
:root{color-scheme:light dark;--paper:#fff;--soft:#f4f6f8;--ink:#1b1f24;--muted:#56606b;
--rule:#d3d9df;--strong:#8a949e;--on-blue:#fff}
@media (prefers-color-scheme:dark){@media screen{:root{--paper:#101418;--soft:#1a2026;
--ink:#e7eaed;--muted:#a0aab4;--rule:#2f363d;--strong:#76808a;--on-blue:#000}}}
@media print{:root{color-scheme:light}}
)";

constexpr char kShapes[] = R"(
svg text{font-family:system-ui,"Segoe UI","DejaVu Sans",Arial,sans-serif;fill:var(--ink);
font-variant-numeric:tabular-nums}
svg .tick{font-size:10px;fill:var(--muted)}
svg .unit{font-size:10px;fill:var(--muted);font-style:italic}
svg .group{font-size:11px;font-weight:600}
svg .grid{stroke:var(--rule);stroke-width:1;vector-effect:non-scaling-stroke}
svg .axis{stroke:var(--strong);stroke-width:1;vector-effect:non-scaling-stroke}
svg .sensor{fill:transparent}
svg .area{stroke:var(--paper);stroke-width:.75}
svg .stripes{fill:url(#stripe)}
.sweep-band{fill-opacity:.14}
.sweep-line{stroke-width:2}
.dash-1{stroke-dasharray:7 3}
.dash-2{stroke-dasharray:2 3}
.dash-3{stroke-dasharray:9 3 2 3}
)";

constexpr char kPage[] = R"(
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,"Segoe UI","DejaVu Sans",Arial,sans-serif;
-webkit-print-color-adjust:exact;print-color-adjust:exact}
main{max-width:1120px;margin:0 auto;padding:20px 12px 60px}
h1{font-size:1.7em;line-height:1.2;margin:.2em 0;overflow-wrap:anywhere}
h2{font-size:1.25em;margin:2.4em 0 .6em;padding-top:.5em;border-top:2px solid var(--ink)}
h3{font-size:1em;margin:1.2em 0 .4em;overflow-wrap:anywhere}
.question{font-size:1.15em;color:var(--muted);margin:.2em 0 1em;max-width:46em;
overflow-wrap:anywhere}
code,.name{font-family:ui-monospace,"SFMono-Regular","DejaVu Sans Mono",Menlo,monospace;
font-size:.9em;overflow-wrap:anywhere}
nav{margin:1.4em 0 0;font-size:.9em}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.3em 1.4em;margin:0;padding:0}
nav a{color:var(--c0)}
dl.facts{display:flex;flex-wrap:wrap;gap:.3em 1.6em;margin:.6em 0;font-size:.92em}
dl.facts>div{max-width:100%}
dl.facts.wide{display:block}
dl.facts.wide>div{margin:.2em 0}
dl.facts dt,dl.facts dd{display:inline;overflow-wrap:anywhere}
dl.facts dt{color:var(--muted)}
dl.facts dd{margin:0 0 0 .45em}
figure{margin:1em 0 1.6em}
figcaption,.lead{color:var(--muted);max-width:52em;margin:0 0 .7em}
.note,.what,.left-out,.axis-name{color:var(--muted);font-size:.82em}
.left-out,.zeros{margin:.5em 0;font-size:.88em;overflow-wrap:anywhere}
.zeros{color:var(--muted)}
.scrolls{overflow-x:auto;margin:1em 0}
.scrolls:focus-visible{outline:2px solid var(--c0)}
table{border-collapse:collapse;font-size:.92em;min-width:min(100%,40em)}
caption{text-align:left;font-weight:600;padding:0 0 .4em;caption-side:top}
th,td{padding:.3em .7em .35em;border-bottom:1px solid var(--rule);vertical-align:top}
thead th{vertical-align:bottom;border-bottom:1.5px solid var(--strong);text-align:right;
font-weight:600;overflow-wrap:break-word;min-width:5.5em}
thead th:first-child,tbody th{text-align:left}
tbody th{font-weight:400;position:sticky;left:0;background:var(--paper);min-width:8.5em;
max-width:22em;overflow-wrap:anywhere}
thead th:first-child{position:sticky;left:0;background:var(--paper)}
td{text-align:right;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.what{display:block}
td .values{display:flex;flex-wrap:wrap-reverse;justify-content:flex-end;align-items:baseline;gap:0 .6em}
td .stacked{flex-flow:column-reverse nowrap;align-items:flex-end}
td .note{white-space:nowrap}
td .number{white-space:nowrap}
td.zero .number,td.none{color:var(--muted)}
.cell-bar{display:block;width:100%;min-width:4em;height:3px;margin-top:3px}
.bar-ground{fill:var(--rule)}
.bar{fill:var(--c0)}
.published td,.published th{text-align:left}
.published thead th{text-align:left;overflow-wrap:normal;min-width:0}
td.holds{color:var(--c2);font-weight:600;white-space:nowrap}
td.fails{color:var(--c5);font-weight:600;white-space:nowrap}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.25em 1.2em;margin:.4em 0 .8em;padding:0;
font-size:.88em}
.legend li{display:flex;align-items:center;gap:.45em;min-width:0;overflow-wrap:anywhere}
.swatch{width:14px;height:14px;flex:none}
.wide-swatch{width:22px}
.line-swatch{width:26px}
.patterns{position:absolute}
.bands{max-width:64em}
.band-row{display:grid;grid-template-columns:minmax(7em,15em) minmax(8em,1fr) 13em;
gap:0 1em;align-items:center;margin:.15em 0}
.band-name{overflow-wrap:anywhere;line-height:1.25}
.band-value{text-align:right;overflow-wrap:anywhere;font-variant-numeric:tabular-nums;line-height:1.25}
.band-value .note{display:block}
.band-plot{position:relative;min-width:0}
.stretched{display:block;width:100%;height:24px;overflow:visible}
.ticks{height:1.3em;border-top:1px solid var(--strong);font-size:.78em;color:var(--muted)}
.ticks span{position:absolute;top:.15em;transform:translateX(-50%);white-space:nowrap}
.ticks .first{transform:none}
.ticks .last{transform:translateX(-100%)}
.axis-name{margin:.1em 0;text-align:center;font-style:italic}
.band{fill:var(--c0);fill-opacity:.38}
.nominal{stroke:var(--ink);stroke-width:2.5;vector-effect:non-scaling-stroke}
.reference{stroke:var(--c5);stroke-width:1.5;stroke-dasharray:4 3;vector-effect:non-scaling-stroke}
.part{stroke:var(--paper);stroke-width:1;vector-effect:non-scaling-stroke}
.part-label{position:absolute;top:50%;transform:translate(-50%,-50%);font-size:.75em;
line-height:1;color:#000;pointer-events:none;white-space:nowrap}
.part-label.on-0{color:var(--on-blue)}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,310px),1fr));
gap:.6em 1.2em;align-items:start}
.panels.sequences{grid-template-columns:repeat(auto-fill,minmax(min(100%,330px),480px))}
.panel{min-width:0}
.panel h3{margin:.6em 0 .2em}
.panel .note{margin:0 0 .4em}
.small,.sequence{display:block;width:100%;height:auto;max-width:480px}
.for-wide,.for-narrow{width:100%;height:auto}
.for-wide{display:block;max-width:1096px}
.for-narrow{display:none;max-width:560px}
@media screen and (max-width:759px){.for-wide{display:none}.for-narrow{display:block}}
.hatch-ground{fill:var(--c1);fill-opacity:.2}
.hatch-line{fill:var(--c1)}
.stripe-ground{fill:none}
.stripe-line{fill:var(--paper);fill-opacity:.65}
.open-view{fill:var(--c0)}
.stale{fill:url(#hatch);stroke:var(--c1);stroke-width:.75}
.flushed{stroke:var(--ink);stroke-width:2}
.went-through{fill:var(--c5);stroke:var(--paper);stroke-width:1.5}
.refused{fill:var(--paper);stroke:var(--ink);stroke-width:1.3}
svg .mark-number{font-size:8.5px;font-weight:600;pointer-events:none}
svg .on-dark{fill:#000}
.probes{columns:22em;column-gap:3em;font-size:.88em;padding-left:2em;margin:.5em 0}
.probes li{break-inside:avoid;overflow-wrap:anywhere}
.probes .through{color:var(--c5)}
.probes b{font-weight:600}
svg .head{font-size:9.5px;font-weight:600}
svg .message{font-size:11px;paint-order:stroke;stroke:var(--paper);stroke-width:2.5px;
stroke-opacity:.75;stroke-linejoin:round}
.life{stroke:var(--strong);stroke-dasharray:2 3}
.arrow{stroke:var(--ink);stroke-width:1.2;fill:none}
.arrow-head{fill:var(--ink)}
.nest{fill:var(--c4);fill-opacity:.13;stroke:var(--c4);stroke-opacity:.7;stroke-width:.75}
.gap{fill:var(--soft);stroke:var(--strong);stroke-dasharray:4 3}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22em),1fr));gap:0 2em}
.columns ul{margin:.3em 0;padding-left:1.2em}
.columns li{overflow-wrap:anywhere;margin:.15em 0}
@media (max-width:640px){
body{font-size:14px}
th,td{padding-left:.35em;padding-right:.35em}
thead th{min-width:4.8em}
tbody th{min-width:7em;max-width:38vw}
.band-row{grid-template-columns:minmax(9em,1fr) minmax(0,auto);margin:.6em 0}
.band-name{grid-column:1;grid-row:1}
.band-value{grid-column:2;grid-row:1}
.band-plot{grid-column:1/3;grid-row:2}
.axis .band-name,.axis .band-value{display:none}
.band-row.axis{margin-top:-.3em}
}
@media print{
@page{margin:14mm}
body{font-size:9.5pt}
main{max-width:none;padding:0}
nav{display:none}
h2{break-after:avoid;margin-top:1.4em}
h3,figcaption,caption,.legend,.lead{break-after:avoid}
figcaption,.lead,.legend{break-inside:avoid}
.panel,.band-row,tr,.published{break-inside:avoid}
.sequences .panel{break-inside:auto}
.scrolls{overflow:visible}
table{font-size:.82em}
th,td{padding-left:.4em;padding-right:.4em}
tbody th,thead th:first-child{position:static}
tbody th{min-width:0;max-width:16em}
thead th{min-width:0}
.panels{grid-template-columns:repeat(3,minmax(0,1fr))}
.panels.sequences{grid-template-columns:repeat(2,minmax(0,1fr))}
.band-row{grid-template-columns:9em minmax(8em,1fr) 12em}
}
)";

constexpr char kChart[] = R"(
.chart-ground{fill:var(--paper)}
svg .title{font-size:15px;font-weight:600}
svg .key{font-size:12px}
svg .tick{font-size:11px}
svg .unit{font-size:12px}
)";

}  // namespace

std::string PageStyle() {
  return std::string(kPaper) + ColourStyle() + kShapes + kPage;
}

std::string ChartStyle() {
  return std::string(kPaper) + ColourStyle() + kShapes + kChart;
}

}  // namespace pageward::tool
