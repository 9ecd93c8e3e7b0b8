// Says what a pointer is that is not what it was taken for.
#pragma once

#include "runtime/core/text.h"
#include "runtime/object/object_map.h"
#include "runtime/os/os.h"

namespace pageward::hooks {

/// Dies with the violation that fits `pointer`, which `operation` (such as "free") was given though
/// no live object starts there, and one line that says what is there instead: an object that was
/// freed already, the inside of one, a stack, a static variable, a mapping, nothing. The line ends
/// with the address in the program's code that the call came from.
///
/// Never allocates; reads /proc/self/maps.
[[noreturn, gnu::cold]] void DieOfBadPointer(const object::ObjectMap& map, os::Os& os,
                                             const char* operation, const void* pointer);

/// Writes what lies at `address` outside the heap, from the text of /proc/self/maps: "the stack",
/// "static data of /usr/bin/x", "a mapping without a name", "no mapping". For tests as well.
void DescribeMapping(std::string_view maps, std::uint64_t address, TextWriter* out);

}  // namespace pageward::hooks
