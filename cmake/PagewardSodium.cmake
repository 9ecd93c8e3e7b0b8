# libsodium, for the programs that compare the guarded heap with it: PkgConfig::SODIUM, if
# SODIUM_FOUND. Nothing that is shipped links it.
find_package(PkgConfig)
set(SODIUM_FOUND FALSE)
if(PkgConfig_FOUND)
  pkg_check_modules(SODIUM IMPORTED_TARGET libsodium)
endif()
if(NOT SODIUM_FOUND)
  message(STATUS "Programs that need libsodium are left out: there is no libsodium-dev, or no pkg-config")
endif()
