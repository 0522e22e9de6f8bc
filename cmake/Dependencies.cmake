# The TLS libraries. For each chosen backend <b> this defines the target siptls_dep_<b> (include folders and
# libraries), looked for in this order:
#
#   1. the user's own build:  OPENSSL_ROOT_DIR, MbedTLS_ROOT, wolfssl_ROOT
#   2. what cmake/deps/build-<b>.sh put into the dependency cache earlier (SIPTLS_DEPS_DIR)
#   3. the system's, if it is new enough and has what siptls needs (cmake/deps/check-<b>.c)
#   4. cmake/deps/build-<b>.sh: a static build from the distribution's newer source package
#
# SIPTLS_DEPS=auto does just that; =system leaves out 2 and 4; =build leaves out 3. OpenSSL is the exception: nearly
# every system's is new enough, so it is built only with SIPTLS_BUILD_OPENSSL=ON.

set(SIPTLS_DEPS auto CACHE STRING "Where mbedTLS and wolfSSL come from: auto, system or build")
set_property(CACHE SIPTLS_DEPS PROPERTY STRINGS auto system build)
set(SIPTLS_DEPS_DIR "${CMAKE_BINARY_DIR}/deps" CACHE PATH
    "The dependency cache; several build trees may share one")
option(SIPTLS_BUILD_DEPS "Build what the system lacks from the distribution's source packages" ON)
option(SIPTLS_BUILD_OPENSSL "Build OpenSSL 3.5 instead of using the system's" OFF)
set(OPENSSL_ROOT_DIR "${OPENSSL_ROOT_DIR}" CACHE PATH "Prefix of your own build of OpenSSL")
set(MbedTLS_ROOT "${MbedTLS_ROOT}" CACHE PATH "Prefix of your own build of mbedTLS")
set(wolfssl_ROOT "${wolfssl_ROOT}" CACHE PATH "Prefix of your own build of wolfSSL")

if(NOT SIPTLS_DEPS MATCHES "^(auto|system|build)$")
    message(FATAL_ERROR "SIPTLS_DEPS is \"${SIPTLS_DEPS}\"; it must be auto, system or build.")
endif()

find_package(Threads REQUIRED)

# What each library looks like: a header, its archives in link order, optional ones (a build may be without), and
# what else they need.
set(_openssl_title OpenSSL)
set(_openssl_root OPENSSL_ROOT_DIR)
set(_openssl_header openssl/ssl.h)
set(_openssl_libs ssl crypto)
set(_openssl_optional)
set(_openssl_system dl pthread)

set(_mbedtls_title mbedTLS)
set(_mbedtls_root MbedTLS_ROOT)
set(_mbedtls_header mbedtls/ssl.h)
set(_mbedtls_libs mbedtls mbedx509 mbedcrypto)
set(_mbedtls_optional everest p256m)
set(_mbedtls_system pthread)

set(_wolfssl_title wolfSSL)
set(_wolfssl_root wolfssl_ROOT)
set(_wolfssl_header wolfssl/ssl.h)
set(_wolfssl_libs wolfssl)
set(_wolfssl_optional)
set(_wolfssl_system m pthread)

# Sets include_dir and libraries in the caller if header and libraries are all there. With a prefix, only there.
function(_siptls_locate b prefix)
    if(prefix)
        set(where HINTS "${prefix}" NO_DEFAULT_PATH)
    else()
        set(where)
    endif()
    find_path(dir "${_${b}_header}" ${where} PATH_SUFFIXES include NO_CACHE)
    if(NOT dir)
        return()
    endif()
    set(found)
    foreach(name IN LISTS _${b}_libs _${b}_optional)
        unset(lib)
        find_library(lib "${name}" ${where} PATH_SUFFIXES lib lib64 "lib/${CMAKE_LIBRARY_ARCHITECTURE}" NO_CACHE)
        if(lib)
            list(APPEND found "${lib}")
        elseif(NOT name IN_LIST _${b}_optional)
            return()
        endif()
    endforeach()
    set(include_dir "${dir}" PARENT_SCOPE)
    set(libraries "${found}" PARENT_SCOPE)
endfunction()

# Compiles and links cmake/deps/check-<b>.c. Sets problem in the caller: empty if all is well, else a sentence.
function(_siptls_check b include_dir libraries)
    try_compile(ok "${CMAKE_BINARY_DIR}/CMakeFiles/check-${b}"
        SOURCES "${PROJECT_SOURCE_DIR}/cmake/deps/check-${b}.c"
        CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${include_dir}"
        LINK_LIBRARIES ${libraries} ${_${b}_system}
        OUTPUT_VARIABLE output)
    set(text)
    if(NOT ok)
        string(REGEX MATCHALL "siptls: [^\n\"]+" reasons "${output}")
        list(REMOVE_DUPLICATES reasons)
        string(REPLACE "siptls: " "" reasons "${reasons}")
        string(REPLACE ";" "; " text "${reasons}")
        if(NOT text)
            set(text "a test program does not compile or link with it:\n${output}")
        endif()
    endif()
    set(problem "${text}" PARENT_SCOPE)
endfunction()

function(_siptls_version b include_dir)
    set(text "version unknown")
    if(b STREQUAL "openssl")
        set(file openssl/opensslv.h)
        set(pattern "define +OPENSSL_VERSION_STR +\"([^\"]+)\"")
    elseif(b STREQUAL "mbedtls")
        set(file mbedtls/build_info.h)
        set(pattern "define +MBEDTLS_VERSION_STRING +\"([^\"]+)\"")
    else()
        set(file wolfssl/version.h)
        set(pattern "define +LIBWOLFSSL_VERSION_STRING +\"([^\"]+)\"")
    endif()
    foreach(dir IN LISTS include_dir)
        if(EXISTS "${dir}/${file}")
            file(READ "${dir}/${file}" content)
            if(content MATCHES "${pattern}")
                set(text "${CMAKE_MATCH_1}")
            endif()
        endif()
    endforeach()
    set(version "${text}" PARENT_SCOPE)
endfunction()

function(_siptls_ways_out b reason)
    message(FATAL_ERROR
        "siptls needs ${_${b}_title} for the backend \"${b}\", and ${reason}.\n"
        "Ways out:\n"
        "  1. install a development package of it that is new enough (Debian 13: lib${b}-dev);\n"
        "  2. name your own build of it with -D${_${b}_root}=<its prefix>;\n"
        "  3. let siptls build it from the distribution's source package: -DSIPTLS_BUILD_DEPS=ON"
        " -DSIPTLS_DEPS=auto (Debian);\n"
        "  4. leave this backend out: -DSIPTLS_BACKENDS=\"...\" without ${b}.")
endfunction()

# The scripts use the system's compiler whatever this build tree's is: several trees share what they build, and CMake
# puts its own choice into CC.
set(_siptls_clean_env "${CMAKE_COMMAND}" -E env --unset=CC --unset=CFLAGS --unset=CPPFLAGS --unset=LDFLAGS
    --unset=DESTDIR --unset=MAKEFLAGS)
if(SIPTLS_SANITIZE MATCHES "memory") # which must see every write, the libraries' too
    list(APPEND _siptls_clean_env SIPTLS_DEPS_SANITIZE=memory)
endif()

# Is the cached build of this recipe there? Sets current in the caller.
function(_siptls_cached b)
    execute_process(
        COMMAND ${_siptls_clean_env} "${PROJECT_SOURCE_DIR}/cmake/deps/build-${b}.sh" --is-current "${SIPTLS_DEPS_DIR}"
        RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
    if(result EQUAL 0)
        set(current TRUE PARENT_SCOPE)
    else()
        set(current FALSE PARENT_SCOPE)
    endif()
endfunction()

function(_siptls_find b)
    set(title "${_${b}_title}")
    set(origin)
    set(include_dir)
    set(libraries)
    set(reason "it was not found on this system")

    set(use_cache TRUE)
    set(use_system TRUE)
    set(use_build "${SIPTLS_BUILD_DEPS}")
    if(b STREQUAL "openssl")
        set(use_cache "${SIPTLS_BUILD_OPENSSL}")
        set(use_build "${SIPTLS_BUILD_OPENSSL}")
        if(SIPTLS_BUILD_OPENSSL)
            set(use_system FALSE)
        endif()
    elseif(SIPTLS_DEPS STREQUAL "system")
        set(use_cache FALSE)
        set(use_build FALSE)
    elseif(SIPTLS_DEPS STREQUAL "build")
        set(use_system FALSE)
        set(reason "SIPTLS_DEPS=build does not look at the system's")
    endif()

    set(root "${${_${b}_root}}")
    if(NOT root AND DEFINED ENV{${_${b}_root}})
        set(root "$ENV{${_${b}_root}}")
    endif()

    if(root)
        _siptls_locate(${b} "${root}")
        if(NOT libraries)
            message(FATAL_ERROR "${_${b}_root} is ${root}, but ${_${b}_header} and the libraries of ${title} are "
                "not below it. Point it at the prefix that ${title} was installed into.")
        endif()
        _siptls_check(${b} "${include_dir}" "${libraries}")
        if(problem)
            message(FATAL_ERROR "siptls cannot use the ${title} in ${root}: ${problem}.")
        endif()
        set(origin user)
    endif()

    if(NOT origin AND use_cache)
        _siptls_cached(${b})
        if(current)
            set(origin built)
        endif()
    endif()

    if(NOT origin AND use_system)
        _siptls_locate(${b} "")
        if(libraries)
            _siptls_check(${b} "${include_dir}" "${libraries}")
            if(problem)
                set(reason "siptls cannot use the system's: ${problem}")
                message(STATUS "The system's ${title} will not do: ${problem}")
            else()
                set(origin system)
            endif()
        endif()
    endif()

    if(NOT origin)
        if(NOT use_build)
            if(b STREQUAL "openssl")
                message(FATAL_ERROR "siptls needs OpenSSL >= 3.0 for the backend \"openssl\", and ${reason}. Install "
                    "libssl-dev, name your own with -DOPENSSL_ROOT_DIR=<prefix>, let siptls build it with "
                    "-DSIPTLS_BUILD_OPENSSL=ON, or leave the backend out of SIPTLS_BACKENDS.")
            endif()
            _siptls_ways_out(${b} "${reason}")
        endif()
        if(CMAKE_CROSSCOMPILING)
            _siptls_ways_out(${b} "siptls does not cross-compile it by itself")
        endif()
        execute_process(
            COMMAND ${_siptls_clean_env} "${PROJECT_SOURCE_DIR}/cmake/deps/build-${b}.sh" "${SIPTLS_DEPS_DIR}"
            RESULT_VARIABLE result)
        if(NOT result EQUAL 0)
            message(FATAL_ERROR "${title} was not built; the reason stands above.")
        endif()
        set(origin built)
    endif()

    if(origin STREQUAL "built")
        _siptls_locate(${b} "${SIPTLS_DEPS_DIR}/${b}")
        if(NOT libraries)
            message(FATAL_ERROR "The dependency cache ${SIPTLS_DEPS_DIR}/${b} is damaged. Delete that folder "
                "and configure again.")
        endif()
    endif()

    _siptls_version(${b} "${include_dir}")
    add_library(siptls_dep_${b} INTERFACE)
    target_include_directories(siptls_dep_${b} SYSTEM INTERFACE "${include_dir}")
    target_link_libraries(siptls_dep_${b} INTERFACE ${libraries} ${_${b}_system})
    set_target_properties(siptls_dep_${b} PROPERTIES
        SIPTLS_ORIGIN "${origin}" SIPTLS_LIBRARIES "${libraries}" SIPTLS_SYSTEM_LIBRARIES "${_${b}_system}")

    list(GET libraries 0 first)
    if(origin STREQUAL "user")
        message(STATUS "${title} ${version}: your own, ${first}")
    elseif(origin STREQUAL "built")
        message(STATUS "${title} ${version}: built for siptls, ${first}")
    else()
        message(STATUS "${title} ${version}: the system's, ${first}")
    endif()
endfunction()

foreach(b IN LISTS SIPTLS_BACKENDS)
    _siptls_find(${b})
endforeach()

# CUnit, for the tests only. Sets SIPTLS_HAVE_CUNIT.
set(SIPTLS_HAVE_CUNIT FALSE)
find_path(CUNIT_INCLUDE_DIR CUnit/CUnit.h)
find_library(CUNIT_LIBRARY cunit)
mark_as_advanced(CUNIT_INCLUDE_DIR CUNIT_LIBRARY)
if(CUNIT_INCLUDE_DIR AND CUNIT_LIBRARY)
    set(SIPTLS_HAVE_CUNIT TRUE)
    add_library(siptls_dep_cunit INTERFACE)
    target_include_directories(siptls_dep_cunit SYSTEM INTERFACE "${CUNIT_INCLUDE_DIR}")
    target_link_libraries(siptls_dep_cunit INTERFACE "${CUNIT_LIBRARY}")
endif()

# inih, for files of profiles (siptls/profiles.h). Sets SIPTLS_HAVE_INIH; the target is empty without it.
set(SIPTLS_PROFILE_FILES AUTO CACHE STRING "Read files of profiles: ON, OFF, or AUTO (if inih is there)")
set_property(CACHE SIPTLS_PROFILE_FILES PROPERTY STRINGS AUTO ON OFF)
set(SIPTLS_HAVE_INIH FALSE)
add_library(siptls_dep_inih INTERFACE)
if(SIPTLS_PROFILE_FILES)
    find_path(INIH_INCLUDE_DIR ini.h)
    find_library(INIH_LIBRARY inih)
    mark_as_advanced(INIH_INCLUDE_DIR INIH_LIBRARY)
    if(INIH_INCLUDE_DIR AND INIH_LIBRARY)
        set(SIPTLS_HAVE_INIH TRUE)
        target_include_directories(siptls_dep_inih SYSTEM INTERFACE "${INIH_INCLUDE_DIR}")
        target_link_libraries(siptls_dep_inih INTERFACE "${INIH_LIBRARY}")
        target_compile_definitions(siptls_dep_inih INTERFACE STLS_HAVE_INIH)
    elseif(NOT SIPTLS_PROFILE_FILES STREQUAL "AUTO")
        message(FATAL_ERROR "Files of profiles need inih, which was not found. Install libinih-dev, name it with "
            "-DINIH_INCLUDE_DIR=... -DINIH_LIBRARY=..., or leave them out with -DSIPTLS_PROFILE_FILES=OFF.")
    else()
        message(STATUS "inih was not found, so files of profiles cannot be read (Debian: apt-get install libinih-dev)")
    endif()
endif()
