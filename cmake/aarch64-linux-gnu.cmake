# Toolchain of the preset `aarch64`: Debian's cross compiler, libraries from the private sysroot that
# tools/test-aarch64 fills, and qemu-user to run what was built.

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

get_filename_component(TOWER_AARCH64_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/aarch64-sysroot ABSOLUTE)
if(TOWER_AARCH64_SYSROOT MATCHES "[ \t]")
    message(FATAL_ERROR "'${TOWER_AARCH64_SYSROOT}' has a space, where pkg-config would split it; clone to another folder")
endif()
if(NOT EXISTS ${TOWER_AARCH64_SYSROOT}/complete)
    message(FATAL_ERROR "no libraries for aarch64 in ${TOWER_AARCH64_SYSROOT}; tools/test-aarch64 puts them there")
endif()
set(library_folder ${TOWER_AARCH64_SYSROOT}/usr/lib/aarch64-linux-gnu)

# The C library to compile against comes with the cross compiler, which knows where; all else is in the sysroot.
set(CMAKE_C_STANDARD_INCLUDE_DIRECTORIES
    ${TOWER_AARCH64_SYSROOT}/usr/include ${TOWER_AARCH64_SYSROOT}/usr/include/aarch64-linux-gnu)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-L${library_folder} -Wl,-rpath-link,${library_folder}")
set(CMAKE_SHARED_LINKER_FLAGS_INIT ${CMAKE_EXE_LINKER_FLAGS_INIT})

# GCC 12.2, Debian 12's cross compiler, crashes on ordered sums of doubles ("in vect_transform_reduction") when it
# vectorizes loops. The NEON kernels are intrinsics, so what is tested here is as it ships.
set(CMAKE_C_FLAGS_INIT -fno-tree-loop-vectorize)

set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH ${TOWER_AARCH64_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${library_folder}/pkgconfig:${TOWER_AARCH64_SYSROOT}/usr/share/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${TOWER_AARCH64_SYSROOT})

set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L ${TOWER_AARCH64_SYSROOT})
