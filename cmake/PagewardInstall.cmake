# What `cmake --install` puts where: the libraries, the public headers, and how other builds find
# them (find_package and pkg-config).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS pageward_library EXPORT PagewardTargets COMPONENT library)
if(TARGET pageward_preload)
  install(TARGETS pageward_preload COMPONENT preload LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/pageward" TYPE INCLUDE COMPONENT development
  FILES_MATCHING PATTERN "*.h")

set(_package "${CMAKE_INSTALL_LIBDIR}/cmake/Pageward")
install(EXPORT PagewardTargets NAMESPACE Pageward:: DESTINATION "${_package}" COMPONENT development)
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/PagewardConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/PagewardConfig.cmake" INSTALL_DESTINATION "${_package}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/PagewardConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/PagewardConfig.cmake"
  "${PROJECT_BINARY_DIR}/PagewardConfigVersion.cmake"
  DESTINATION "${_package}" COMPONENT development)

# Paths relative to the file itself, so that an installed tree may be moved.
file(RELATIVE_PATH _up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file("${PROJECT_SOURCE_DIR}/cmake/pageward.pc.in" "${PROJECT_BINARY_DIR}/pageward.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/pageward.pc"
  DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)
