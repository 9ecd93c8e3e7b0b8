// The tables that the heap has beside its zone.
#pragma once

#include "runtime/object/object_map.h"

namespace pageward::engine {

/// By index, as space::ZoneReservation has them.
enum Table : unsigned {
  kGuardedFlags,
  kProtectedFlags,
  kBlockRecords,
  kLeaves,  ///< Empty if they are table pages.
  kTableLinks,
  kTableCounts,
  kObjectClasses,
  /// Closed up to here; malloc and free write the rest wherever they are called.
  kFirstLiveObjects,
  kClosedTableCount = kFirstLiveObjects,
  kTableCount = kFirstLiveObjects + object::ObjectMap::kLiveTableCount,
};

}  // namespace pageward::engine
