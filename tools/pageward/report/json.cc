#include "tools/pageward/report/json.h"

#include <nlohmann/json.hpp>

namespace pageward::tool {
namespace {

// Keys stand in the order in which they are written down, which is the order of the text.
using Json = nlohmann::ordered_json;

Json Of(const Band& band) {
  return {{"low", band.low}, {"nominal", band.nominal}, {"high", band.high}};
}

template <typename T>
Json Of(const std::optional<T>& value) {
  return value.has_value() ? Json(*value) : Json(nullptr);
}

Json Of(const ViewLife& view) {
  return {{"page", view.page},     {"frame", view.frame},       {"cpu", view.cpu},
          {"opened", view.opened}, {"closed", Of(view.closed)}, {"flushed", Of(view.flushed)}};
}

Json Of(const Probe& probe) {
  return {{"at", probe.at},
          {"page", probe.page},
          {"cpu", probe.cpu},
          {"went_through", probe.went_through},
          {"what", probe.what}};
}

Json Of(const Message& message) {
  return {{"at", message.at},
          {"from", message.from},
          {"to", message.to},
          {"depth", message.depth},
          {"text", message.text}};
}

Json Of(const CostShare& share) {
  return {{"primitive", share.primitive}, {"times", share.times}, {"cycles", share.cycles}};
}

Json Of(const BlockSample& sample) {
  return {{"step", sample.step}, {"blocks", sample.blocks}};
}

Json Of(const Run& run);
Json Of(const Comparison& comparison);
Json Of(const PublishedFigure& figure);

template <typename T>
Json ListOf(const std::vector<T>& values) {
  Json list = Json::array();
  for (const T& value : values) {
    list.push_back(Of(value));
  }
  return list;
}

Json Of(const Run& run) {
  Json settings = Json::object();
  for (const Setting& setting : run.settings) {
    settings[setting.name] = setting.value;
  }
  Json counts = Json::object();
  for (const Count& count : run.counts) {
    counts[count.name] = count.times;
  }
  Json quantities = Json::object();
  for (const Quantity& quantity : run.quantities) {
    quantities[quantity.name] = {{"value", quantity.value}, {"unit", quantity.unit}};
  }
  return {{"name", run.name},
          {"settings", settings},
          {"counts", counts},
          {"quantities", quantities},
          {"cycles", Of(run.cycles)},
          {"shares", ListOf(run.shares)},
          {"freetypes", run.freetypes},
          {"blocks", ListOf(run.blocks)},
          {"views", ListOf(run.views)},
          {"probes", ListOf(run.probes)},
          {"participants", run.participants},
          {"messages", ListOf(run.messages)},
          {"remarks", run.remarks}};
}

Json Of(const Comparison& comparison) {
  return {{"run", comparison.run}, {"with", comparison.with}, {"ratio", Of(comparison.ratio)}};
}

Json Of(const PublishedFigure& figure) {
  return {{"what", figure.what},
          {"expected", figure.expected},
          {"found", figure.found},
          {"holds", figure.holds}};
}

}  // namespace

std::string RenderJson(const Report& report) {
  const Json json = {{"title", report.title},
                     {"question", report.question},
                     {"command", report.command},
                     {"version", report.version},
                     {"runs", ListOf(report.runs)},
                     {"comparisons", ListOf(report.comparisons)},
                     {"published", ListOf(report.published)},
                     {"modelled", report.modelled},
                     {"not_modelled", report.not_modelled}};
  // Names of files in the command line may be anything: what is no UTF-8 is replaced.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace pageward::tool
