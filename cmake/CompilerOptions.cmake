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

# ---- hardening

set(_optimised "$<AND:$<BOOL:${CMAKE_BUILD_TYPE}>,$<NOT:$<CONFIG:Debug>>>")
target_compile_options(siptls_options INTERFACE -fstack-protector-strong)
if(NOT SIPTLS_SANITIZE AND NOT SIPTLS_FUZZ)
    # Undefined first: some distributions' compilers define it themselves, to another value.
    target_compile_options(siptls_options INTERFACE
        "$<${_optimised}:-U_FORTIFY_SOURCE>" "$<${_optimised}:-D_FORTIFY_SOURCE=2>")
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|i[3-6]86)$")
    target_compile_options(siptls_options INTERFACE -fcf-protection)
endif()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
    target_link_options(siptls_options INTERFACE LINKER:-z,relro LINKER:-z,now)
endif()

# ---- sanitizers

if(SIPTLS_SANITIZE)
    string(REPLACE ";" "," _sanitizers "${SIPTLS_SANITIZE}")
    target_compile_options(siptls_options INTERFACE
        -fsanitize=${_sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(siptls_options INTERFACE -fsanitize=${_sanitizers})
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
