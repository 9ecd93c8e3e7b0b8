# Every option of the build, in one list. tests/static/options_test.py checks that
# each of them is read somewhere.

set(PAGEWARD_CHECK_LEVEL "hardened" CACHE STRING
  "Which run-time checks are compiled in: hardened, debug or paranoid")
set_property(CACHE PAGEWARD_CHECK_LEVEL PROPERTY STRINGS hardened debug paranoid)

option(PAGEWARD_WERROR "Treat compiler warnings as errors" OFF)
option(PAGEWARD_TESTS "Build the tests" ON)
option(PAGEWARD_BENCHMARKS "Build the benchmarks" ON)
option(PAGEWARD_TOOLS "Build the command" ON)
# A quarter of the time that tests take to compile; but a test that lacks an include is not found.
option(PAGEWARD_TEST_PCH "Compile GoogleTest's headers once for all tests" ON)
set(PAGEWARD_KEYS_KERNELS "6.1;6.12" CACHE STRING
  "Kernels on which the tests of keys run, where the processor has none")
option(PAGEWARD_FUZZ "Build the fuzzers (clang only)" OFF)
set(PAGEWARD_SANITIZE "" CACHE STRING
  "Sanitizers to build with, as for -fsanitize=; the preload library is left out then")
option(PAGEWARD_COVERAGE "Instrument for llvm-cov (clang only)" OFF)

set(PAGEWARD_JEMALLOC_SOURCE "" CACHE PATH
  "jemalloc 5.3 source directory to build from; empty takes Debian's libjemalloc_pic.a")

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
