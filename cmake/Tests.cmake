# The tests, as far as their folders hold sources:
#   tests/conformance/*.c   one program per backend, conformance_<backend>
#   tests/interop/<name>.c  one program each, <name>: every backend against every other
#   tests/torture/*.c       one program per backend, torture_<backend>
#   tests/soak/*.c          what tests/soak/soak.sh runs besides `siptls proxy`: soak-load, soak-clock and soak-heap
#   tests/unit/<name>.c     one program each, unit_<name>
#   tests/faults/NAME*.c    one program per backend and NAME, faults_NAME_<backend> (allocation, secrets)
#   tests/adapters/*.c      one program each, adapter_<name>: see adapters/osip2
#   tests/hostile/          one program, and a peer that breaks the protocol: hostile_<backend>
#   tests/scripts/*.sh      run as they are; exit code 77 means skipped
#   tests/peers/*.sh        the same, each with SIP software that others wrote, peer_<name>
#   tests/fuzz/<name>.c     one libFuzzer target each, fuzz_<name> (SIPTLS_FUZZ)
#   tests/support/*.c       what the programs share

set(_tests_dir "${PROJECT_SOURCE_DIR}/tests")

# siptls_fuzzer(<source> [<target>]): one fuzz target, fuzz_<name> if it is not named.
function(siptls_fuzzer source)
    get_filename_component(name "${source}" NAME_WE)
    set(target fuzz_${name})
    if(ARGC GREATER 1)
        set(target ${ARGV1})
    endif()
    siptls_program(${target} "${source}")
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}")
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
endfunction()

# siptls_whole_fuzzer(<source>): one for each backend, with the rig of whole connections (tests/fuzz/whole), which puts
# random numbers of its own in the place of the libraries'.
function(siptls_whole_fuzzer source)
    get_filename_component(name "${source}" NAME_WE)
    file(GLOB rig CONFIGURE_DEPENDS "${_tests_dir}/fuzz/whole/*.c")
    foreach(b IN LISTS SIPTLS_BACKENDS)
        set(target fuzz_${name}_${b})
        siptls_fuzzer("${source}" ${target})
        target_sources(${target} PRIVATE ${rig})
        target_compile_definitions(${target} PRIVATE STLS_FUZZ_BACKEND="${b}")
        target_link_libraries(${target} PRIVATE siptls_dep_openssl)
        target_link_options(${target} PRIVATE
            LINKER:--wrap=mbedtls_ctr_drbg_random LINKER:--wrap=wc_RNG_GenerateBlock)
    endforeach()
endfunction()

if(SIPTLS_FUZZ)
    file(GLOB _fuzzers CONFIGURE_DEPENDS tests/fuzz/*.c)
    list(FILTER _fuzzers EXCLUDE REGEX "/sips_[a-z]*\\.c$") # of an adapter, which adds it
    set(_whole "/(connection|ticket)\\.c$")
    foreach(source IN LISTS _fuzzers)
        if(source MATCHES "${_whole}")
            if("openssl" IN_LIST SIPTLS_BACKENDS) # whose cryptography the rig uses
                siptls_whole_fuzzer("${source}")
            endif()
        elseif(source MATCHES "/hello\\.c$")
            if("mbedtls" IN_LIST SIPTLS_BACKENDS)
                siptls_fuzzer("${source}")
                target_link_libraries(fuzz_hello PRIVATE siptls_dep_mbedtls)
            endif()
        else()
            siptls_fuzzer("${source}")
        endif()
    endforeach()
endif()

if(NOT SIPTLS_TESTS)
    return()
endif()
if(NOT SIPTLS_HAVE_CUNIT)
    if(NOT SIPTLS_TESTS STREQUAL "AUTO")
        message(FATAL_ERROR "The tests need CUnit, which was not found. Install libcunit1-dev, name it with "
            "-DCUNIT_INCLUDE_DIR=... -DCUNIT_LIBRARY=..., or leave the tests out with -DSIPTLS_TESTS=OFF.")
    endif()
    message(STATUS "CUnit was not found, so no tests are built (Debian: apt-get install libcunit1-dev)")
    return()
endif()

enable_testing()

set(SIPTLS_CORPORA "" CACHE PATH "Folder of the certificate corpora (default: tests/corpora, then ../shared/corpora)")
set(_corpora "${SIPTLS_CORPORA}")
if(NOT _corpora)
    set(_corpora "${PROJECT_SOURCE_DIR}/../shared/corpora")
    file(GLOB _own "${_tests_dir}/corpora/*.cases*")
    if(_own)
        set(_corpora "${_tests_dir}/corpora")
    endif()
endif()
get_filename_component(_corpora "${_corpora}" ABSOLUTE) # it is named where tests are skipped for want of it

string(REPLACE ";" "," _sanitize "${SIPTLS_SANITIZE}")
string(JOIN " " _backends ${SIPTLS_BACKENDS})
set(_origins)
foreach(b IN LISTS SIPTLS_BACKENDS)
    get_target_property(origin siptls_dep_${b} SIPTLS_ORIGIN)
    list(APPEND _origins "${b}=${origin}")
endforeach()
string(JOIN " " _origins ${_origins})

set(_pki "${PROJECT_BINARY_DIR}/pki")
set(_environment
    "SIPTLS_TEST_PKI=${_pki}"
    "SIPTLS_CORPORA=${_corpora}"
    "SIPTLS_TOOL=${PROJECT_BINARY_DIR}/bin/siptls"
    "SIPTLS_VERDICTS=${PROJECT_BINARY_DIR}/bin/siptls-verdicts"
    "SIPTLS_OSIP2_UA=${PROJECT_BINARY_DIR}/bin/siptls-osip2-ua"
    "SIPTLS_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "SIPTLS_BUILD_DIR=${PROJECT_BINARY_DIR}"
    "SIPTLS_DEPS_DIR=${SIPTLS_DEPS_DIR}"
    "SIPTLS_BACKENDS=${_backends}"
    "SIPTLS_ORIGINS=${_origins}"
    "SIPTLS_SANITIZE=${_sanitize}"
    "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/cmake/tsan.supp")

# The certificates that the tests use are made once per build tree, by the first test.
set(_fixture)
if(EXISTS "${_tests_dir}/pki/make.sh")
    add_test(NAME pki COMMAND "${_tests_dir}/pki/make.sh" "${_pki}")
    set_tests_properties(pki PROPERTIES FIXTURES_SETUP pki LABELS setup ENVIRONMENT "${_environment}" TIMEOUT 300)
    set(_fixture FIXTURES_REQUIRED pki)
endif()

# Many seconds, so that only what hangs is ended; ThreadSanitizer and MemorySanitizer take ten times as long.
set(_timeout 900)
if(SIPTLS_SANITIZE MATCHES "thread|memory")
    set(_timeout 3600)
endif()

function(siptls_register_test name label)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "${_environment}" LABELS ${label} SKIP_RETURN_CODE 77
        TIMEOUT ${_timeout} ${_fixture})
endfunction()

file(GLOB _support CONFIGURE_DEPENDS tests/support/*.c)
set(_helpers siptls_dep_cunit)
if(_support)
    add_library(stls_test_support STATIC ${_support})
    target_include_directories(stls_test_support PUBLIC "${PROJECT_SOURCE_DIR}")
    target_link_libraries(stls_test_support PUBLIC siptls_static siptls_dep_cunit PRIVATE siptls_options)
    target_compile_definitions(stls_test_support PRIVATE "STLS_TEST_PKI=\"${_pki}\"" "STLS_TEST_ORIGINS=\"${_origins}\""
        "STLS_TEST_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\"")
    set(_helpers stls_test_support siptls_dep_cunit)
endif()

function(siptls_test name label)
    siptls_program(${name} ${ARGN})
    target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
    # Before the library: what the helpers use is found in it.
    target_link_libraries(${name} PRIVATE ${_helpers} siptls_static)
    add_test(NAME ${name} COMMAND ${name})
    siptls_register_test(${name} ${label})
endfunction()

file(GLOB _unit CONFIGURE_DEPENDS tests/unit/*.c)
foreach(source IN LISTS _unit)
    get_filename_component(name "${source}" NAME_WE)
    siptls_test(unit_${name} unit "${source}")
endforeach()
foreach(_raw unit_identities unit_exporters) # whose peer is OpenSSL's own
    if("openssl" IN_LIST SIPTLS_BACKENDS AND TARGET ${_raw})
        target_link_libraries(${_raw} PRIVATE siptls_dep_openssl)
        target_compile_definitions(${_raw} PRIVATE STLS_TEST_OPENSSL)
    endif()
endforeach()

file(GLOB _conformance CONFIGURE_DEPENDS tests/conformance/*.c)
if(_conformance)
    foreach(b IN LISTS SIPTLS_BACKENDS)
        siptls_test(conformance_${b} conformance ${_conformance})
        target_compile_definitions(conformance_${b} PRIVATE STLS_TEST_BACKEND="${b}")
    endforeach()
endif()

file(GLOB _torture CONFIGURE_DEPENDS tests/torture/*.c)
if(_torture)
    foreach(b IN LISTS SIPTLS_BACKENDS)
        siptls_test(torture_${b} torture ${_torture})
        target_compile_definitions(torture_${b} PRIVATE STLS_TEST_BACKEND="${b}")
    endforeach()
endif()

file(GLOB _interop CONFIGURE_DEPENDS tests/interop/*.c)
foreach(source IN LISTS _interop)
    get_filename_component(name "${source}" NAME_WE)
    siptls_test(${name} interop "${source}")
endforeach()

# A peer in Python against the program, which runs on the backend that it is told.
siptls_program(hostile "${_tests_dir}/hostile/driver.c")
foreach(b IN LISTS SIPTLS_BACKENDS)
    add_test(NAME hostile_${b} COMMAND "${_tests_dir}/hostile/run.py" $<TARGET_FILE:hostile> ${b})
    siptls_register_test(hostile_${b} hostile)
endforeach()

# What tests/scripts/differential.sh compares ours with.
if("openssl" IN_LIST SIPTLS_BACKENDS)
    siptls_program(openssl_verdicts tests/pki/corpus/openssl_verdicts.c)
    target_link_libraries(openssl_verdicts PRIVATE siptls_dep_openssl)
endif()

# What stands in for `siptls proxy` elsewhere is compiled here, too, so that it does not rot.
if(SIPTLS_TOOLS AND CMAKE_SYSTEM_NAME STREQUAL "Linux")
    add_library(noproxy OBJECT tools/siptls/noproxy.c)
    target_link_libraries(noproxy PRIVATE siptls_options siptls_static)
endif()

# The soak's programs: Linux only, as the proxy is.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND EXISTS "${_tests_dir}/soak/load.c")
    siptls_program(soak-load tests/soak/load.c)
    foreach(name clock heap) # for LD_PRELOAD into any program, so without sanitizers
        add_library(soak-${name} MODULE tests/soak/${name}.c)
        set_target_properties(soak-${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
        target_compile_definitions(soak-${name} PRIVATE _GNU_SOURCE)
    endforeach()
endif()


foreach(name allocation secrets)
    file(GLOB _faults CONFIGURE_DEPENDS tests/faults/${name}*.c)
    foreach(b IN LISTS SIPTLS_BACKENDS)
        siptls_test(faults_${name}_${b} faults ${_faults})
        target_compile_definitions(faults_${name}_${b} PRIVATE STLS_TEST_BACKEND="${b}")
        if(name STREQUAL "secrets" AND "openssl" IN_LIST SIPTLS_BACKENDS) # whose cryptography finds them
            target_link_libraries(faults_secrets_${b} PRIVATE siptls_dep_openssl)
            target_compile_definitions(faults_secrets_${b} PRIVATE STLS_TEST_OPENSSL)
        endif()
    endforeach()
endforeach()

siptls_program(faults_constant tests/faults/constant.c) # for tests/scripts/constant-time.sh
target_include_directories(faults_constant PRIVATE "${PROJECT_SOURCE_DIR}")

# Scripts run alone: they open ports and start servers.
file(GLOB _scripts CONFIGURE_DEPENDS tests/scripts/*.sh tests/peers/*.sh tests/install/run.sh)
if(NOT SIPTLS_BENCH)
    list(FILTER _scripts EXCLUDE REGEX "/bench\\.sh$")
endif()
foreach(script IN LISTS _scripts)
    get_filename_component(name "${script}" NAME_WE)
    get_filename_component(folder "${script}" DIRECTORY)
    get_filename_component(folder "${folder}" NAME)
    if(folder STREQUAL "install")
        set(name script_install)
    elseif(folder STREQUAL "peers")
        set(name peer_${name})
    else()
        set(name script_${name})
    endif()
    add_test(NAME ${name} COMMAND "${script}")
    siptls_register_test(${name} script)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
endforeach()

# cmake --build --preset coverage --target coverage_report: runs the tests, and says which lines and branches ran.
if(SIPTLS_COVERAGE)
    find_program(SIPTLS_GCOVR gcovr)
    if(SIPTLS_GCOVR)
        add_custom_target(coverage_report
            COMMAND ${CMAKE_CTEST_COMMAND} --output-on-failure
            COMMAND ${SIPTLS_GCOVR} --root ${PROJECT_SOURCE_DIR} --filter "(api|base|certstore|backends)/" --branches .
            COMMAND ${SIPTLS_GCOVR} --root ${PROJECT_SOURCE_DIR} --filter "(api|base|certstore|backends)/" .
            WORKING_DIRECTORY ${PROJECT_BINARY_DIR} USES_TERMINAL VERBATIM)
    else()
        message(STATUS "gcovr was not found: the target coverage_report is left out (Debian: apt-get install gcovr)")
    endif()
endif()
