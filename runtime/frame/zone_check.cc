// The walk over everything a zone knows.
#include "runtime/core/invariant.h"
#include "runtime/frame/zone.h"

namespace pageward::frame {

// What the walk over the pieces adds up, to be compared with what is kept.
struct Zone::Sums {
  FrameCount managed;
  FrameCount free;
  FrameCount held;
  FrameCount converting;
};

void Zone::CheckPiece(const Piece& piece, Sums& sums) const {
  const FrameNumber head = piece.range.begin;
  const FrameState state = piece.record.state();
  sums.managed += piece.range.count;
  sums.free += state == FrameState::kFree ? piece.range.count : FrameCount(0);
  sums.held +=
      state == FrameState::kRun || state == FrameState::kListed ? piece.range.count : FrameCount(0);
  sums.converting += state == FrameState::kConverting ? piece.range.count : FrameCount(0);

  const Freetype type = blocks_.FreetypeOf(head.block());
  const BlockNumber last = (piece.range.end() - FrameCount(1)).block();
  for (BlockNumber block = head.block(); block <= last; ++block.value) {
    const BlockFlags flags = blocks_.FlagsOf(block);
    PW_HOLDS("F1", flags.is_managed(), block.value);
    PW_HOLDS("F7", CanMerge(flags.freetype(), type), block.value);
    PW_HOLDS("F8", flags.is_converting() == (state == FrameState::kConverting), block.value);
    const OwnerLists* owner = blocks_.OwnerOf(block);
    PW_HOLDS("F9", type.IsKeyed() == (owner != nullptr), block.value);
    PW_HOLDS("F9", owner == nullptr || (owner->id() == type.owner && owner->IsRegistered()),
             block.value);
  }
}

void Zone::CheckInvariants() const {
  table_.CheckInvariants();
  lists_.CheckInvariants();
  buddy_.CheckInvariants(BlockRange{BlockNumber(0), blocks_.block_count()});
  Sums sums;
  std::uint32_t isolated = 0;
  FrameNumber next_piece;
  for (BlockNumber block(0); block < BlockNumber(blocks_.block_count()); ++block.value) {
    const BlockFlags flags = blocks_.FlagsOf(block);
    const FrameRange frames = BlockRange{block, 1}.frames();
    isolated += flags.is_isolated() ? 1u : 0u;
    if (!flags.is_managed()) {
      PW_HOLDS("F1", flags == BlockFlags() && next_piece <= frames.begin, block.value);
      continue;
    }
    // Pieces are counted where they begin, so one that began in an earlier block is skipped.
    FrameNumber frame = next_piece > frames.begin ? next_piece : frames.begin;
    while (frame < frames.end()) {
      const FrameRecord record = table_.Load(frame);
      PW_HOLDS("F1", !record.IsBody() && record.frames().value > 0, frame.value);
      CheckPiece(Piece{FrameRange{frame, record.frames()}, record}, sums);
      frame = frame + record.frames();
    }
    next_piece = frame;
  }
  PW_HOLDS("F12", sums.managed == managed_frames_, sums.managed.value);
  PW_HOLDS("F12", sums.held == held_frames_, sums.held.value);
  PW_HOLDS("F12", sums.converting == converting_frames_, sums.converting.value);
  PW_HOLDS("F12", sums.free + sums.held + sums.converting == sums.managed, sums.free.value);
  FrameCount listed = lists_.isolated_frames();
  for (std::size_t visibility = 0; visibility < kVisibilityCount; ++visibility) {
    listed += lists_.free_frames(static_cast<Visibility>(visibility));
  }
  // The lists hold as many frames as the table calls free, so each free block is on one of them.
  PW_HOLDS("F12", sums.free == listed, listed.value);
  PW_HOLDS("F12", isolated == blocks_.isolated_count(), isolated);
}

}  // namespace pageward::frame
