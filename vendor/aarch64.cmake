# SPDX-License-Identifier: MIT
# For 64-bit ARM, on Debian: -DCMAKE_TOOLCHAIN_FILE=vendor/aarch64.cmake -DPACKAGES=DIR, where DIR is what `vendor/bootstrap arm64 DIR` made.
# Programs of the build itself (vendor/embed.c) and the result run under qemu.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PACKAGES)
set(CMAKE_FIND_ROOT_PATH "${PACKAGES}" /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_C_FLAGS_INIT "-isystem ${PACKAGES}/usr/include/aarch64-linux-gnu")
