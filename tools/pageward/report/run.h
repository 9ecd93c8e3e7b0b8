// What a run of the simulated kernel gave, as every output reads it: tables, JSON, CSV, pictures.
//
// Plain values. Whoever runs something fills them in; nothing here knows the simulation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pageward::tool {

/// An option with the value that it had, defaults included, as it would be typed.
struct Setting {
  std::string name;
  std::string value;
};

/// Something counted. Counts come before anything modelled in every output.
struct Count {
  std::string name;  ///< Such as "table-write": the same in every output.
  std::uint64_t times = 0;
  std::string what;  ///< One line for somebody who does not know the name.
};

/// Something that has a unit and is no event, such as simulated or real memory.
struct Quantity {
  std::string name;
  double value = 0;
  std::string unit;
};

/// A modelled number, with the range in which it is when every constant is off by up to a half.
struct Band {
  double low = 0;
  double nominal = 0;
  double high = 0;
};

/// What one primitive contributed: times * cycles.
struct CostShare {
  std::string primitive;
  std::uint64_t times = 0;
  std::uint64_t cycles = 0;  ///< Each.
};

/// How many pageblocks had each freetype at one moment. `blocks` runs parallel to
/// Run::freetypes.
struct BlockSample {
  std::uint64_t step = 0;  ///< Operations of the scenario so far.
  std::vector<std::uint64_t> blocks;
};

/// The life of one view of one page.
struct ViewLife {
  std::uint64_t page = 0;
  std::uint64_t frame = 0;
  unsigned cpu = 0;
  std::uint64_t opened = 0;              ///< Sequence numbers of events.
  std::optional<std::uint64_t> closed;   ///< From here on stale.
  std::optional<std::uint64_t> flushed;  ///< From here on gone.
};

/// An attempt to read through a translation, and whether it went through.
struct Probe {
  std::uint64_t at = 0;  ///< Sequence number of the last event before it.
  std::uint64_t page = 0;
  unsigned cpu = 0;
  bool went_through = false;
  std::string what;  ///< Such as "same thread, after closing".
};

/// One message of a sequence diagram. Participants are Run::participants.
struct Message {
  std::uint64_t at = 0;
  unsigned from = 0;
  unsigned to = 0;
  unsigned depth = 0;  ///< How deep refills and splits are nested.
  std::string text;
};

struct Run {
  std::string name;  ///< What sets it apart from the runs beside it, such as "grouped".
  std::vector<Setting> settings;
  std::vector<Count> counts;
  std::vector<Quantity> quantities;
  Band cycles;
  std::vector<CostShare> shares;
  std::vector<std::string> freetypes;
  std::vector<BlockSample> blocks;
  std::vector<ViewLife> views;
  std::vector<Probe> probes;
  std::vector<std::string> participants;
  std::vector<Message> messages;
  std::vector<std::string> remarks;  ///< What a reader has to know about this run.
};

/// A ratio of the modelled cycles of two runs, with its own band: what both have in common is
/// wrong in both.
struct Comparison {
  std::string run;
  std::string with;
  Band ratio;
};

/// A published shape that the runs are compared with. It checks the model and never makes it.
struct PublishedFigure {
  std::string what;
  std::string expected;
  std::string found;
  bool holds = false;
};

/// One question, the runs that answer it, and the answer's limits.
struct Report {
  std::string title;
  std::string question;
  std::string command;  ///< As typed.
  std::string version;
  std::vector<Run> runs;
  std::vector<Comparison> comparisons;
  std::vector<PublishedFigure> published;
  std::vector<std::string> modelled;
  std::vector<std::string> not_modelled;
};

}  // namespace pageward::tool
