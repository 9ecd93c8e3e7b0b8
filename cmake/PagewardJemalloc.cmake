# jemalloc, made ready to live inside our libraries:
#
#   * taken from Debian's static PIC archive, or built from PAGEWARD_JEMALLOC_SOURCE
#   * its public names get the prefix jemalloc_, because we define malloc and mallctl ourselves
#   * its calls to mmap, munmap, mprotect and madvise go to hooks/jemalloc/metadata_area.cc: what
#     jemalloc maps by itself is metadata, since every arena that serves the program has our hooks
#   * its thread and fork handlers are given to us, who must run around them
#   * its constructor is left out: it starts when the heap does, and not before
#   * its C++ operators are left out: ours need no libstdc++
#
# All of it happens at configure time, and a program then checks what the hooks rely on, so that a
# jemalloc that is not fit fails here with a sentence and not in somebody's process.
#
# Sets PAGEWARD_JEMALLOC_ARCHIVE, PAGEWARD_JEMALLOC_INCLUDE and PAGEWARD_JEMALLOC_BATCH.

set(_jemalloc_dir "${PROJECT_BINARY_DIR}/jemalloc")
set(_jemalloc_redefine "${PROJECT_SOURCE_DIR}/hooks/jemalloc/redefine_symbols.txt")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${_jemalloc_redefine}")
file(MAKE_DIRECTORY "${_jemalloc_dir}")

if(PAGEWARD_JEMALLOC_SOURCE)
  set(_jemalloc_built "${_jemalloc_dir}/source/lib/libjemalloc_pic.a")
  if(NOT EXISTS "${_jemalloc_built}")
    message(STATUS "Building jemalloc from ${PAGEWARD_JEMALLOC_SOURCE}")
    execute_process(
      COMMAND "${PROJECT_SOURCE_DIR}/cmake/build_jemalloc.sh" "${PAGEWARD_JEMALLOC_SOURCE}" "${_jemalloc_dir}/source"
      RESULT_VARIABLE _failed OUTPUT_FILE "${_jemalloc_dir}/build.log" ERROR_FILE "${_jemalloc_dir}/build.log")
    if(_failed)
      message(FATAL_ERROR "jemalloc did not build; see ${_jemalloc_dir}/build.log")
    endif()
  endif()
  set(_jemalloc_original "${_jemalloc_built}")
  set(PAGEWARD_JEMALLOC_INCLUDE "${_jemalloc_dir}/source/include")
else()
  find_library(_jemalloc_original NAMES libjemalloc_pic.a NO_CACHE)
  find_path(PAGEWARD_JEMALLOC_INCLUDE NAMES jemalloc/jemalloc.h NO_CACHE)
  if(NOT _jemalloc_original OR NOT PAGEWARD_JEMALLOC_INCLUDE)
    message(FATAL_ERROR "libjemalloc_pic.a and jemalloc/jemalloc.h are missing: install libjemalloc-dev, or set PAGEWARD_JEMALLOC_SOURCE to a jemalloc 5.3 source directory")
  endif()
endif()

set(PAGEWARD_JEMALLOC_ARCHIVE "${_jemalloc_dir}/libjemalloc_renamed.a")
find_program(_jemalloc_objcopy objcopy REQUIRED NO_CACHE)
file(COPY_FILE "${_jemalloc_original}" "${_jemalloc_dir}/libjemalloc_original.a")
# The C++ member is called jemalloc_cpp.pic.o or jemalloc_cpp.sym.o, by build; it need not be there.
execute_process(
  COMMAND sh -c "for member in $('${CMAKE_AR}' t libjemalloc_original.a | grep jemalloc_cpp); do '${CMAKE_AR}' d libjemalloc_original.a $member; done"
  WORKING_DIRECTORY "${_jemalloc_dir}" COMMAND_ERROR_IS_FATAL ANY)
execute_process(
  COMMAND "${_jemalloc_objcopy}" --redefine-syms=${_jemalloc_redefine}
    --remove-section=.init_array --remove-section=.rela.init_array --remove-section=.ctors
    "${_jemalloc_dir}/libjemalloc_original.a" "${PAGEWARD_JEMALLOC_ARCHIVE}"
  COMMAND_ERROR_IS_FATAL ANY)

# Whether the batch entry points can be used is asked of the program that uses them: check_jemalloc
# prints what it finds wrong and exits with 1 (unfit) or 2 (fit, but without the batch entry points).
unset(_jemalloc_exit CACHE)
unset(_jemalloc_compiles CACHE)
try_run(_jemalloc_exit _jemalloc_compiles
  "${_jemalloc_dir}/check" "${PROJECT_SOURCE_DIR}/cmake/check_jemalloc.cc"
  CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${PROJECT_SOURCE_DIR}"
  COMPILE_DEFINITIONS -DPW_CHECK_LEVEL=0
  LINK_LIBRARIES "${PAGEWARD_JEMALLOC_ARCHIVE}" -lpthread -lm -ldl
  CXX_STANDARD 20
  COMPILE_OUTPUT_VARIABLE _jemalloc_compile_output
  RUN_OUTPUT_VARIABLE _jemalloc_run_output)
if(NOT _jemalloc_compiles)
  message(FATAL_ERROR "This jemalloc lacks something that the hooks rely on:\n${_jemalloc_compile_output}")
endif()
if(_jemalloc_exit EQUAL 0)
  set(PAGEWARD_JEMALLOC_BATCH 1)
elseif(_jemalloc_exit EQUAL 2)
  set(PAGEWARD_JEMALLOC_BATCH 0)
  message(WARNING "jemalloc is used without its batch entry points, one object at a time: ${_jemalloc_run_output}")
else()
  message(FATAL_ERROR "This jemalloc does not behave as the hooks rely on: ${_jemalloc_run_output}")
endif()
