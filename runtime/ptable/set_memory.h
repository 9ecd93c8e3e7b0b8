// The kernel's set_memory_*() and set_direct_map_*() on any page table.
//
// All of them are one function with different changes. As in the kernel, the caller decides when to
// flush: the gather collects, over as many calls as it likes.
#pragma once

#include "runtime/arch/pkru.h"
#include "runtime/core/result.h"
#include "runtime/ptable/mapper.h"
#include "runtime/ptable/vocabulary.h"

namespace pageward::ptable {

/// What set_memory_*() make of permissions. Each is undone by the other of its pair.
struct SetMemoryTo {
  static constexpr PermissionChange kReadOnly{.is_writable = false};
  static constexpr PermissionChange kReadWrite{.is_writable = true};
  static constexpr PermissionChange kNoExecute{.is_executable = false};
  static constexpr PermissionChange kExecute{.is_executable = true};

  /// Undone by the key it was before, which is kDefaultPkey for ordinary memory.
  static constexpr PermissionChange Key(arch::Pkey key) { return PermissionChange{.key = key}; }
};

/// What set_direct_map_*() make of permissions.
struct SetDirectMapTo {
  /// Out of the direct map. The frame and all other permissions stay in the entry.
  static constexpr PermissionChange kInvalid{.is_readable = false};
  /// Back as it was before kInvalid.
  static constexpr PermissionChange kValid{.is_readable = true};
  /// What a direct map is made with, whatever was done to it: the inverse of everything above.
  static constexpr PermissionChange kDefault{
      .is_readable = true, .is_writable = true, .is_executable = false, .key = arch::kDefaultPkey};
};

/// Returns whether a leaf is there for every address of `range`, readable or not.
///
/// Requires: Table::Shape::Contains(range).
template <typename Table>
bool IsMappedThroughout(Table& table, VirtRange range) {
  Cursor cursor(table);
  for (VirtRange rest = range; rest.bytes > 0; rest = Behind(cursor.range(), rest)) {
    cursor.Seek(rest.begin);
    if (!cursor.entry().IsLeaf()) {
      return false;
    }
  }
  return true;
}

/// Changes the permissions of exactly `range`.
///
/// Splits a leaf only if it lies across an end and says otherwise now. Flushes, through the gather,
/// what was readable and changed. Returns the leaves rewritten.
/// Errors: kInvalid, too, if something in the range is not mapped; kNoMemory if a split needs more
/// table pages than the source has. Nothing has changed then.
template <typename Table>
Result<Changes> SetMemory(Table& table, VirtRange range, const PermissionChange& change,
                          PtpSource& source, TlbGather& gather) {
  if (!Table::Shape::Contains(range) || !IsMappedThroughout(table, range)) {
    return Error::kInvalid;
  }
  return Mapper(table).Protect(range, change, source, gather);
}

}  // namespace pageward::ptable
