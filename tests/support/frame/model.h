// A slow, obvious picture of what a page allocator has handed out, kept beside a real one.
//
// The reference knows a set of frames that nobody has, a map of runs, and who wrote each frame
// last. It does not know how the allocator finds frames; it says whether what was found is right,
// and whether a failure was right: by looking at every aligned place there is.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/frame/test_zone.h"

namespace pageward::testing_support {

/// What a disagreement between the allocator and the reference is thrown as.
class ModelError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What kind of memory a request asks for.
enum class MemoryKind : std::uint8_t {
  kMovable,
  kUnmovable,
  kReclaimable,
  kUnmapped,
  kKeyedA,
  kKeyedB,
};
inline constexpr std::uint32_t kMemoryKindCount = 6;

/// Whether a request goes through the lists of the thread.
enum class Via : std::uint8_t { kAllocator, kThreadLists };

class FrameModel {
 public:
  /// The flags of requests that an operation may carry.
  static constexpr std::uint32_t kFlags =
      frame::kBlockingFlags | static_cast<std::uint32_t>(frame::RequestFlag::kNoFallback);

  /// A zone with room for `blocks` pageblocks, half of which are in it from the start.
  explicit FrameModel(std::uint32_t blocks);
  ~FrameModel();
  FrameModel(const FrameModel&) = delete;
  FrameModel& operator=(const FrameModel&) = delete;

  // Each performs one operation on both sides and throws a ModelError if they disagree. `which` and
  // `block` are taken modulo what there is; what makes no sense is left out.
  void Allocate(std::uint32_t order, MemoryKind kind, Via via, std::uint32_t flags);
  void AllocateRun(std::uint32_t frames, std::uint32_t alignment, MemoryKind kind,
                   std::uint32_t flags);
  void Free(std::uint32_t which, Via via);
  void Grow(std::uint32_t which, std::uint32_t extra);
  void Split(std::uint32_t which, std::uint32_t first);
  void Merge(std::uint32_t which);
  void Isolate(std::uint32_t block);
  void Unisolate(std::uint32_t block);
  void ReturnBlocks(MemoryKind kind);
  void TrimLeaf(std::uint32_t block);
  void Drain();
  void AddBlocks(std::uint32_t count);
  void FailConverter(std::uint32_t after);
  void FailSet(std::uint32_t blocks);
  void FailLeaves(std::uint32_t after);
  void StopFailing();

  /// Compares everything, piece by piece.
  void CheckAll();

  /// What is compared with the reference.
  TestZone& zone() { return zone_; }

 private:
  struct Run {
    std::uint32_t frames;
    MemoryKind kind;
  };
  using Runs = std::map<std::uint32_t, Run>;

  void Require(bool condition, const char* what, std::uint32_t object) const;
  frame::Request RequestFor(MemoryKind kind, std::uint32_t flags);
  frame::Freetype TypeOf(MemoryKind kind);
  Runs::iterator Pick(std::uint32_t which);

  void NoteAllocated(FrameRange range, MemoryKind kind);
  void CheckOrigin(FrameNumber frame, MemoryKind kind, std::uint32_t flags);
  void NoteFreed(Runs::iterator run);
  void CheckError(Error error, std::uint32_t order, MemoryKind kind, std::uint32_t flags);
  // Whether other mobilities count, too.
  enum class Match : std::uint8_t { kVisibility, kFreetype };
  bool HasPlace(std::uint32_t order, frame::Freetype like, Match match = Match::kVisibility);
  bool CanConvertFor(std::uint32_t order, MemoryKind kind);
  bool IsFreeHere(std::uint32_t frame, frame::Freetype like);
  void CheckSettings();
  void CheckCounters();

  std::uint32_t block_limit_;
  std::uint32_t blocks_ = 0;
  TestZone zone_;
  std::array<std::unique_ptr<frame::OwnerLists>, 2> owners_;
  frame::ThreadLists lists_;

  Runs runs_;
  std::set<std::uint32_t> idle_;                         // Frames of the zone in no run.
  std::vector<std::optional<frame::Freetype>> writers_;  // Whose contents each frame holds.
  std::vector<frame::Freetype> settings_;                // Of each pageblock, when last looked at.
  std::set<std::uint32_t> isolated_;
  bool is_failing_ = false;
};

}  // namespace pageward::testing_support
