# Tests: GoogleTest programs, python3 scripts and small programs that are run by them.

if(PAGEWARD_TESTS)
  find_package(GTest 1.12 REQUIRED)
  find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
  include(GoogleTest)
  add_library(pageward_test_flags INTERFACE)
  add_library(pageward::test_flags ALIAS pageward_test_flags)
  # Linked last, for the last option about a warning counts.
  add_library(pageward_test_warnings INTERFACE)
  target_link_libraries(pageward_test_flags INTERFACE
    pageward::flags pageward::config GTest::gtest pageward_test_warnings)
  # GoogleTest's macros trip these two in every test.
  target_compile_options(pageward_test_warnings INTERFACE
    $<$<CXX_COMPILER_ID:Clang>:-Wno-gnu-zero-variadic-macro-arguments>
    $<$<CXX_COMPILER_ID:GNU>:-Wno-null-dereference>
    # What is tested ships as it is; the tests need not be fast.
    $<$<CONFIG:Release>:-O1>)
  if(PAGEWARD_TEST_PCH)
    add_library(pageward_test_headers OBJECT "${CMAKE_CURRENT_LIST_DIR}/test_headers.cc")
    target_link_libraries(pageward_test_headers PRIVATE pageward::test_flags)
    target_precompile_headers(pageward_test_headers PRIVATE
      <gtest/gtest.h> <algorithm> <map> <memory> <optional> <string> <thread> <vector>)
  endif()
endif()

# pw_test(name LABELS label... SOURCES file... [USES target...] [TIMEOUT seconds] [SERIAL])
#
# One GoogleTest program; each case becomes a ctest test with the given labels.
# Skipped cases show as "Skipped" in ctest's summary, never as passed.
function(pw_test name)
  if(NOT PAGEWARD_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "TIMEOUT" "LABELS;SOURCES;USES")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE pageward::test_flags ${arg_USES} GTest::gtest_main)
  if(PAGEWARD_TEST_PCH)
    target_precompile_headers(${name} REUSE_FROM pageward_test_headers)
  endif()
  set(properties LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT})
  if(arg_SERIAL)
    list(APPEND properties RUN_SERIAL ON)
  endif()
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 NO_PRETTY_TYPES NO_PRETTY_VALUES TEST_PREFIX "${name}:" PROPERTIES ${properties})
endfunction()

# pw_python_test(name LABELS label... SCRIPT file [ARGS ...] [TIMEOUT seconds])
#
# A script that exits 0 for passed and 77 for skipped, after printing why.
function(pw_python_test name)
  if(NOT PAGEWARD_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "SERIAL" "SCRIPT;TIMEOUT" "LABELS;ARGS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_test(NAME ${name} COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/${arg_SCRIPT}" ${arg_ARGS}
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77
    ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")
  if(arg_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()
