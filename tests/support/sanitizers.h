// What tests have to know of the sanitizer that they run under.
#pragma once

namespace pageward::testing_support {

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PW_HAS_THREAD_SANITIZER 1
#endif
#endif

#ifdef PW_HAS_THREAD_SANITIZER
inline constexpr bool kHasThreadSanitizer = true;
#else
inline constexpr bool kHasThreadSanitizer = false;
#endif

/// Whether a child of fork(2) gets mappings that nobody asked for: the thread sanitizer starts a
/// thread of its own there, whose stack may lie in a hole that the parent's memory has left.
inline constexpr bool kChildrenMapOnTheirOwn = kHasThreadSanitizer;

/// Whether a terabyte of addresses can't be counted on: the thread sanitizer leaves programs one
/// and a half, with their libraries somewhere in the middle.
inline constexpr bool kHasFewAddresses = kHasThreadSanitizer;

}  // namespace pageward::testing_support
