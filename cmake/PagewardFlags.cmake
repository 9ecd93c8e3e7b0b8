# Two interface targets instead of global flags.
#
#   pageward::config  public: language level and check level. Whoever includes a
#                     header of ours must see the same inline assertions as the
#                     library was built with, or the one-definition rule breaks
#                     without a word.
#   pageward::flags   private: warnings, hardening, sanitizers.

set(_levels hardened debug paranoid)
list(FIND _levels "${PAGEWARD_CHECK_LEVEL}" _level)
if(_level EQUAL -1)
  message(FATAL_ERROR "PAGEWARD_CHECK_LEVEL is '${PAGEWARD_CHECK_LEVEL}'; it must be one of: hardened, debug, paranoid")
endif()

add_library(pageward_config INTERFACE)
add_library(pageward::config ALIAS pageward_config)
target_compile_features(pageward_config INTERFACE cxx_std_20)
target_compile_definitions(pageward_config INTERFACE PW_CHECK_LEVEL=${_level})
target_include_directories(pageward_config INTERFACE "${PROJECT_SOURCE_DIR}")

add_library(pageward_flags INTERFACE)
add_library(pageward::flags ALIAS pageward_flags)
target_compile_options(pageward_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wcast-align -Wcast-qual
  -Wformat=2 -Wundef -Wnull-dereference -Wimplicit-fallthrough -Wvla -Wdouble-promotion
  $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual>
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wduplicated-branches -Wlogical-op>
  $<$<CXX_COMPILER_ID:Clang>:-Wshorten-64-to-32 -Wunreachable-code>
  $<$<AND:$<CXX_COMPILER_ID:Clang>,$<COMPILE_LANGUAGE:CXX>>:-Wthread-safety -Wthread-safety-beta -Wextra-semi>
  $<$<BOOL:${PAGEWARD_WERROR}>:-Werror>
  -fvisibility=hidden -fno-omit-frame-pointer
  $<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>)

if(PAGEWARD_SANITIZE)
  # No check of virtual tables: it wants type information, which the runtime has none of.
  target_compile_options(pageward_flags INTERFACE
    -fsanitize=${PAGEWARD_SANITIZE} -fno-sanitize-recover=all -fno-sanitize=vptr)
  target_link_options(pageward_config INTERFACE -fsanitize=${PAGEWARD_SANITIZE})
endif()
if(PAGEWARD_COVERAGE)
  target_compile_options(pageward_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(pageward_config INTERFACE -fprofile-instr-generate)
endif()

# What only the runtime's own code gets: it runs inside other people's processes,
# below their C++ runtime, so it has no exceptions, no RTTI and no lazily bound TLS.
add_library(pageward_runtime_flags INTERFACE)
add_library(pageward::runtime_flags ALIAS pageward_runtime_flags)
target_compile_options(pageward_runtime_flags INTERFACE
  -fno-exceptions -fno-rtti -fno-threadsafe-statics -ftls-model=initial-exec)
target_link_libraries(pageward_runtime_flags INTERFACE pageward::flags)
