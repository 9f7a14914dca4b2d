# SPDX-License-Identifier: MIT
# Finds the packages of vendor/README.md. Archives are preferred, so that the program starts without loading libraries.
find_path(LUA_INCLUDE lua.h PATH_SUFFIXES lua5.4 lua-5.4 lua REQUIRED)
find_library(LUA_LIBRARY NAMES liblua5.4.a liblua.a lua5.4 lua REQUIRED)
find_library(CJSON_LIBRARY NAMES liblua5.4-cjson.a libcjson_lua.a lua5.4-cjson REQUIRED)
find_path(SODIUM_INCLUDE sodium.h REQUIRED)
find_library(SODIUM_LIBRARY NAMES libsodium.a sodium REQUIRED)
find_path(CURL_INCLUDE curl/curl.h REQUIRED) # only the header: the library is loaded at the first request
find_path(BEARSSL_INCLUDE bearssl.h)
find_library(BEARSSL_LIBRARY NAMES libbearssl.a)
find_program(MUSL_GCC musl-gcc)

# The guest needs Linux archives. Headers of the packages come after those of musl.
set(GUEST_CC)
if(MUSL_GCC AND BEARSSL_LIBRARY AND SODIUM_LIBRARY MATCHES "\\.a$")
    set(GUEST_CC "${MUSL_GCC}")
    set(GUEST_FLAGS -idirafter "${SODIUM_INCLUDE}" -idirafter "/usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE}")
endif()
