# What "cmake --install" puts where, so that pkg-config and find_package(siptls) find it.
#
# The shared library is complete in itself. The static one needs the TLS libraries at link time: an archive that was
# built for siptls is installed beside it (in <libdir>/siptls, under a name of its own, so that the linker cannot
# take the system's library of the same name for it); the system's and the user's own are referred to where they are.

include(CMakePackageConfigHelpers)

set(_private_archives ${CMAKE_INSTALL_LIBDIR}/siptls)

install(DIRECTORY api/include/siptls DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(TARGETS siptls siptls_static EXPORT siptls-targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(SIPTLS_PROGRAMS)
    install(TARGETS ${SIPTLS_PROGRAMS} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(EXISTS "${PROJECT_SOURCE_DIR}/docs/siptls.1")
    install(FILES docs/siptls.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(SIPTLS_PC_LIBS_PRIVATE)
set(SIPTLS_PC_REQUIRES_PRIVATE)
set(SIPTLS_STATIC_LIBRARIES)
set(_system_libraries)
set(_have_private_archives FALSE)
foreach(b IN LISTS SIPTLS_BACKENDS)
    get_target_property(origin siptls_dep_${b} SIPTLS_ORIGIN)
    get_target_property(libraries siptls_dep_${b} SIPTLS_LIBRARIES)
    get_target_property(system siptls_dep_${b} SIPTLS_SYSTEM_LIBRARIES)
    list(APPEND _system_libraries ${system})
    foreach(library IN LISTS libraries)
        get_filename_component(file "${library}" NAME)
        get_filename_component(folder "${library}" DIRECTORY)
        string(REGEX REPLACE "^lib([^.]+)\\..*$" "\\1" name "${file}")
        if(origin STREQUAL "built")
            set(_have_private_archives TRUE)
            install(FILES "${library}" DESTINATION ${_private_archives} RENAME libsiptls_${name}.a)
            string(APPEND SIPTLS_PC_LIBS_PRIVATE " -lsiptls_${name}")
            list(APPEND SIPTLS_STATIC_LIBRARIES "@PACKAGE_LIBDIR@/siptls/libsiptls_${name}.a")
        elseif(origin STREQUAL "user")
            string(APPEND SIPTLS_PC_LIBS_PRIVATE " -L${folder} -l${name}")
            list(APPEND SIPTLS_STATIC_LIBRARIES "${library}")
        else()
            if(NOT b STREQUAL "openssl")
                string(APPEND SIPTLS_PC_LIBS_PRIVATE " -l${name}")
            endif()
            list(APPEND SIPTLS_STATIC_LIBRARIES ${name})
        endif()
    endforeach()
    if(origin STREQUAL "system" AND b STREQUAL "openssl")
        string(APPEND SIPTLS_PC_REQUIRES_PRIVATE " openssl >= 3.0")
    endif()
endforeach()
list(REMOVE_DUPLICATES _system_libraries)
foreach(name IN LISTS _system_libraries)
    string(APPEND SIPTLS_PC_LIBS_PRIVATE " -l${name}")
endforeach()
list(APPEND SIPTLS_STATIC_LIBRARIES ${_system_libraries})
if(_have_private_archives)
    string(PREPEND SIPTLS_PC_LIBS_PRIVATE "-L\${libdir}/siptls")
endif()
string(STRIP "${SIPTLS_PC_LIBS_PRIVATE}" SIPTLS_PC_LIBS_PRIVATE)
string(STRIP "${SIPTLS_PC_REQUIRES_PRIVATE}" SIPTLS_PC_REQUIRES_PRIVATE)
string(REPLACE "@PACKAGE_LIBDIR@" "\${_siptls_libdir}" SIPTLS_STATIC_LIBRARIES "${SIPTLS_STATIC_LIBRARIES}")

# Relative to the .pc file itself: an installed tree can be moved, or staged below DESTDIR, and still be used.
set(_pc_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH _up "${CMAKE_INSTALL_PREFIX}/${_pc_dir}" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" SIPTLS_PC_UP "${_up}")
foreach(pc siptls.pc siptls-static.pc)
    configure_file(cmake/${pc}.in "${PROJECT_BINARY_DIR}/${pc}" @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/${pc}" DESTINATION ${_pc_dir})
endforeach()

set(_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/siptls)
set(LIBDIR ${CMAKE_INSTALL_LIBDIR})
configure_package_config_file(cmake/siptlsConfig.cmake.in "${PROJECT_BINARY_DIR}/siptlsConfig.cmake"
    INSTALL_DESTINATION ${_config_dir} PATH_VARS LIBDIR)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/siptlsConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/siptlsConfig.cmake" "${PROJECT_BINARY_DIR}/siptlsConfigVersion.cmake"
    DESTINATION ${_config_dir})
install(EXPORT siptls-targets NAMESPACE siptls:: DESTINATION ${_config_dir})
