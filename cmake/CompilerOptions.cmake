# How our own code is compiled: the target siptls_options carries warnings, hardening and sanitizers.

add_library(siptls_options INTERFACE)

target_compile_options(siptls_options INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wold-style-definition -Wpointer-arith -Wcast-qual -Wcast-align -Wwrite-strings -Wformat=2 -Wundef -Wvla
    -Wimplicit-fallthrough -Wnull-dereference -Wdouble-promotion)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(siptls_options INTERFACE -Wlogical-op -Wduplicated-cond -Wduplicated-branches)
endif()
option(SIPTLS_WERROR "Treat warnings in siptls's own code as errors" ON)
if(SIPTLS_WERROR)
    target_compile_options(siptls_options INTERFACE -Werror)
endif()

target_compile_definitions(siptls_options INTERFACE _GNU_SOURCE)

# ---- hardening: tests/scripts/hardening.sh looks at what comes of it

include(CheckCCompilerFlag)
include(CheckPIESupported)
check_pie_supported() # else CMake compiles programs as such, and leaves it to the linker's habits to make them

set(_optimised "$<AND:$<BOOL:${CMAKE_BUILD_TYPE}>,$<NOT:$<CONFIG:Debug>>>")
target_compile_options(siptls_options INTERFACE -fstack-protector-strong)
if(NOT SIPTLS_SANITIZE AND NOT SIPTLS_FUZZ)
    set(_fortify 2)
    if((CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_C_COMPILER_VERSION VERSION_GREATER_EQUAL 12) OR
       (CMAKE_C_COMPILER_ID MATCHES "Clang" AND CMAKE_C_COMPILER_VERSION VERSION_GREATER_EQUAL 12))
        set(_fortify 3) # sizes that are known at run time only
    endif()
    # Undefined first: some distributions' compilers define it themselves, to another value.
    target_compile_options(siptls_options INTERFACE
        "$<${_optimised}:-U_FORTIFY_SOURCE>" "$<${_optimised}:-D_FORTIFY_SOURCE=${_fortify}>")
endif()
check_c_compiler_flag("-Werror -fstack-clash-protection" SIPTLS_HAVE_STACK_CLASH_PROTECTION)
if(SIPTLS_HAVE_STACK_CLASH_PROTECTION)
    target_compile_options(siptls_options INTERFACE -fstack-clash-protection)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|i[3-6]86)$")
    target_compile_options(siptls_options INTERFACE -fcf-protection)
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    target_link_options(siptls_options INTERFACE LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
endif()

# ---- sanitizers

if(SIPTLS_SANITIZE)
    string(REPLACE ";" "," _sanitizers "${SIPTLS_SANITIZE}")
    target_compile_options(siptls_options INTERFACE
        -fsanitize=${_sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(siptls_options INTERFACE -fsanitize=${_sanitizers})
    if(SIPTLS_SANITIZE MATCHES "memory")
        target_compile_options(siptls_options INTERFACE -fsanitize-memory-track-origins)
    endif()
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        # gcc 12 finds null dereferences in the checks that the sanitizers themselves insert.
        target_compile_options(siptls_options INTERFACE -Wno-null-dereference)
    endif()
endif()

if(SIPTLS_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "SIPTLS_FUZZ needs clang (libFuzzer), and the compiler is ${CMAKE_C_COMPILER}. "
            "Configure with -DCMAKE_C_COMPILER=clang, or with the preset \"fuzz\".")
    endif()
    target_compile_options(siptls_options INTERFACE -fsanitize=fuzzer-no-link)
    target_link_options(siptls_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(SIPTLS_COVERAGE)
    target_compile_options(siptls_options INTERFACE --coverage)
    target_link_options(siptls_options INTERFACE --coverage)
endif()
