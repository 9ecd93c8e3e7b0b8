// The memory that a frame table consists of: one record for each pageblock, one leaf for each
// pageblock that was ever broken up.
//
// Both are plain integers whose zero means "nothing", so that demand-zero memory is an empty table
// and only the records of blocks in use are ever touched. The owner of a zone provides them.
//
// Records change under the zone's lock, with one exception (a thread relabels frames that are its
// own), and are read without it by threads that own a frame of the block and by reports. So every
// word that can be read meanwhile is loaded and stored whole.
#pragma once

#include <cstdint>

#include "runtime/core/bit_field.h"
#include "runtime/core/units.h"
#include "runtime/frame/freetype.h"

namespace pageward::frame {

class OwnerLists;

/// The records of the frames inside a pageblock. Record 0 stays zero: that of the block's first
/// frame is in the BlockRecord, so that whole blocks need no leaf.
struct FrameLeaf {
  std::uint64_t records[kPageblockFrames];
};
static_assert(sizeof(FrameLeaf) == kFrameBytes, "a leaf is a table page");

/// What is known about one pageblock, on a cache line of its own.
struct alignas(64) BlockRecord {
  std::uint64_t first_record;  ///< FrameRecord of the first frame.
  FrameLeaf* leaf;             ///< Null until the block is first broken below order 9.
  std::uint32_t flags;         ///< BlockFlags.
  std::uint16_t inner_heads;   ///< Number of records in the leaf that are not body.
  std::uint16_t free_frames;   ///< Frames in free pieces below order 9.
  OwnerLists* owner;           ///< Where free frames of a keyed block go.
  std::uint64_t reserved[4];   ///< Zero.
};
static_assert(sizeof(BlockRecord) == 64);

/// BlockRecord::flags as a value. All zero is a block that is not managed.
class BlockFlags {
 public:
  constexpr BlockFlags() = default;
  explicit constexpr BlockFlags(std::uint32_t word) : word_(word) {}

  /// Returns the flags of a block as it comes into a zone: movable, mapped, nothing set.
  static constexpr BlockFlags Managed() {
    return Narrow(ManagedField::Encode(true)).WithFreetype(Freetype::Mapped(Mobility::kMovable));
  }

  constexpr std::uint32_t word() const { return word_; }
  constexpr bool is_managed() const { return ManagedField::Get(word_); }
  constexpr bool is_skipped() const { return SkippedField::Get(word_); }
  constexpr bool is_isolated() const { return IsolatedField::Get(word_); }
  constexpr bool is_converting() const { return ConvertingField::Get(word_); }
  constexpr Freetype freetype() const {
    return Freetype{MobilityField::Get(word_), VisibilityField::Get(word_),
                    OwnerId(OwnerField::Get(word_))};
  }

  /// Each returns the flags with one thing changed and all others untouched.
  constexpr BlockFlags WithFreetype(Freetype type) const {
    return Narrow(OwnerField::Set(
        VisibilityField::Set(MobilityField::Set(word_, type.mobility), type.visibility),
        type.owner.value));
  }
  constexpr BlockFlags WithMobility(Mobility mobility) const {
    return Narrow(MobilityField::Set(word_, mobility));
  }
  constexpr BlockFlags WithSkipped(bool is_set) const {
    return Narrow(SkippedField::Set(word_, is_set));
  }
  constexpr BlockFlags WithIsolated(bool is_set) const {
    return Narrow(IsolatedField::Set(word_, is_set));
  }
  constexpr BlockFlags WithConverting(bool is_set) const {
    return Narrow(ConvertingField::Set(word_, is_set));
  }

  friend constexpr bool operator==(BlockFlags, BlockFlags) = default;

 private:
  using ManagedField = BitField<bool, 0, 1>;
  using MobilityField = BitField<Mobility, 1, 2>;
  using VisibilityField = BitField<Visibility, 3, 2>;
  using IsolatedField = BitField<bool, 5, 1>;
  using ConvertingField = BitField<bool, 6, 1>;
  using SkippedField = BitField<bool, 7, 1>;
  using OwnerField = BitField<std::uint16_t, 16, 16>;
  static_assert(kAreDisjoint<ManagedField, MobilityField, VisibilityField, IsolatedField,
                             ConvertingField, SkippedField, OwnerField>);

  // All fields lie in the lower half of the word that BitField works on.
  static constexpr BlockFlags Narrow(std::uint64_t word) {
    return BlockFlags(static_cast<std::uint32_t>(word));
  }

  std::uint32_t word_ = 0;
};

// Without ordering: who may rely on a value has a lock, or owns what it describes. A leaf is
// published after it was zeroed, for readers that have neither.

template <typename T>
T LoadRelaxed(const T& from) {
  return __atomic_load_n(&from, __ATOMIC_RELAXED);
}

template <typename T>
void StoreRelaxed(T& to, T value) {
  __atomic_store_n(&to, value, __ATOMIC_RELAXED);
}

inline BlockFlags FlagsOf(const BlockRecord& block) {
  return BlockFlags(LoadRelaxed(block.flags));
}

inline FrameLeaf* LeafOf(const BlockRecord& block) {
  return __atomic_load_n(&block.leaf, __ATOMIC_ACQUIRE);
}

}  // namespace pageward::frame
