// Blocks of a traced kernel, allocated and freed in the simulated one.
#pragma once

#include <cstdint>

#include "runtime/sim/simulation.h"
#include "tools/pageward/import/hide_rule.h"
#include "tools/pageward/import/kmem_matcher.h"

namespace pageward::tool {

/// What became of a trace in the simulated kernel.
struct ReplayCounts {
  std::uint64_t hidden = 0;  ///< Allocations that the rule hides, and that could be had.
  std::uint64_t hidden_pages = 0;
  std::uint64_t failed = 0;         ///< Allocations that could not be had.
  std::uint64_t failed_hidden = 0;  ///< Those of them that the rule hides.
  std::uint64_t peak_hidden_pages = 0;
  std::uint64_t unsplit = 0;      ///< Blocks that no table page was there to split: kept whole.
  std::uint64_t unclearable = 0;  ///< Hidden pages that no window could be opened for.

  friend bool operator==(const ReplayCounts&, const ReplayCounts&) = default;
};

/// Does what it is told on a simulation. One process stands for all of the trace's: which address
/// space a processor ran in, a trace of pages does not say.
class KmemReplay final : public BlockKeeper {
 public:
  /// Lets every processor run `process`. Requires: the caller is on one of them.
  KmemReplay(sim::Simulation& simulation, sim::Process& process, const HideRule& rule);
  KmemReplay(const KmemReplay&) = delete;
  KmemReplay& operator=(const KmemReplay&) = delete;

  void Allocate(const KmemEvent& event, HeldBlock* block) override;
  bool Split(const HeldBlock& block) override;
  void Free(const KmemEvent& event, const HeldBlock& block) override;

  const ReplayCounts& counts() const { return counts_; }

 private:
  sim::Cpu& CpuOf(const KmemEvent& event);
  void Clear(const HeldBlock& block);

  sim::Simulation& simulation_;
  sim::Process& process_;
  const HideRule& rule_;
  ReplayCounts counts_;
  std::uint64_t hidden_now_ = 0;
};

}  // namespace pageward::tool
