// What tests have to know of the sanitizer that they run under.
#pragma once

namespace pageward::testing_support {

/// Whether a child of fork(2) gets mappings that nobody asked for: the thread sanitizer starts a
/// thread of its own there, whose stack may lie in a hole that the parent's memory has left.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool kChildrenMapOnTheirOwn = true;
#else
inline constexpr bool kChildrenMapOnTheirOwn = false;
#endif
#else
inline constexpr bool kChildrenMapOnTheirOwn = false;
#endif

}  // namespace pageward::testing_support
