# SPDX-License-Identifier: MIT
# Finds the packages of vendor/README.md. Archives are preferred, so that the program starts without loading libraries.
if(APPLE) # formulas of another version than the newest are not linked into the prefix
    foreach(prefix /opt/homebrew /usr/local)
        list(APPEND CMAKE_PREFIX_PATH "${prefix}" "${prefix}/opt/lua@5.4" "${prefix}/opt/curl")
    endforeach()
endif()
find_path(LUA_INCLUDE lua.h PATH_SUFFIXES lua5.4 lua-5.4 lua REQUIRED)
find_library(LUA_LIBRARY NAMES liblua5.4.a liblua.a lua5.4 lua REQUIRED)
find_library(CJSON_LIBRARY NAMES liblua5.4-cjson.a libcjson_lua.a lua5.4-cjson REQUIRED)
find_path(SODIUM_INCLUDE sodium.h REQUIRED)
find_library(SODIUM_LIBRARY NAMES libsodium.a sodium REQUIRED)
find_path(CURL_INCLUDE curl/curl.h REQUIRED) # only the header: the library is loaded at the first request
find_path(BEARSSL_INCLUDE bearssl.h)
find_library(BEARSSL_LIBRARY NAMES libbearssl.a)

# The guest runs on rented machines, whatever the program runs on: it has a compiler and archives of its own, found by its own triple.
# Headers of the packages come after those of musl.
set(GUEST_TRIPLE x86_64-linux-musl CACHE STRING "What rented machines are, for the guest's compiler and archives")
string(REGEX MATCH "^[^-]+" guest_processor "${GUEST_TRIPLE}")
set(guest_names "${GUEST_TRIPLE}-gcc")
if(CMAKE_HOST_SYSTEM_PROCESSOR STREQUAL guest_processor)
    list(APPEND guest_names musl-gcc) # of this computer
endif()
find_program(MUSL_GCC NAMES ${guest_names})
set(GUEST_PLACES "/usr/lib/${guest_processor}-linux-gnu")
if(CMAKE_SYSTEM_PROCESSOR STREQUAL guest_processor)
    list(APPEND GUEST_PLACES /usr/lib /usr/local/lib)
endif()
find_library(GUEST_BEARSSL NAMES libbearssl.a PATHS ${GUEST_PLACES} NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
find_library(GUEST_SODIUM NAMES libsodium.a PATHS ${GUEST_PLACES} NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
set(GUEST_CC)
if(MUSL_GCC AND GUEST_BEARSSL AND GUEST_SODIUM)
    set(GUEST_CC "${MUSL_GCC}")
    set(GUEST_FLAGS -idirafter "${SODIUM_INCLUDE}" -idirafter "${BEARSSL_INCLUDE}" -idirafter "/usr/include/${guest_processor}-linux-gnu")
endif()
