# What every target of Tower shares: language flags, sanitizers, and the flags of an ISA, which only the files whose
# name ends in that ISA get.

# Of this folder, not of tower_flags: a project that has Tower as a subfolder keeps warnings and arithmetic of its own.
add_compile_definitions($<$<COMPILE_LANGUAGE:C>:_GNU_SOURCE>)
add_compile_options("$<$<COMPILE_LANGUAGE:C>:\
-Wall;-Wextra;-Wshadow;-Wstrict-prototypes;-Wmissing-prototypes;-Wvla;-Wformat=2;-Wundef;-Wpointer-arith>")
# Determinism: a product and a sum are fused only where the source says fma, and nothing is reordered.
add_compile_options("$<$<COMPILE_LANGUAGE:C>:-ffp-contract=off;-fno-math-errno;-fno-trapping-math>")
if(TOWER_WERROR)
    add_compile_options($<$<COMPILE_LANGUAGE:C>:-Werror>)
endif()

add_library(tower_flags INTERFACE)
target_include_directories(tower_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_link_libraries(tower_flags INTERFACE m)
if(TOWER_SANITIZE)
    target_compile_options(tower_flags INTERFACE -fsanitize=${TOWER_SANITIZE} -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    target_link_options(tower_flags INTERFACE -fsanitize=${TOWER_SANITIZE})
endif()

# tower_sources(<target>): every .c file below the current folder. CONFIGURE_DEPENDS makes the build notice new ones.
# Kernels of an ISA that the target architecture lacks are left out.
function(tower_sources target)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
        list(FILTER sources EXCLUDE REGEX "_neon\\.c$")
    elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
        list(FILTER sources EXCLUDE REGEX "_avx(2|512)\\.c$")
    else()
        list(FILTER sources EXCLUDE REGEX "_(neon|avx2|avx512)\\.c$")
    endif()
    # prefetchw needs no look at the CPU: one with AVX2 that does not know it passes it over.
    foreach(source IN LISTS sources)
        if(source MATCHES "_avx2\\.c$")
            set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mprfchw")
        elseif(source MATCHES "_avx512\\.c$")
            set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS
                "-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mavx2;-mfma;-mprfchw;-mprefer-vector-width=512")
        endif()
    endforeach()
    target_sources(${target} PRIVATE ${sources})
endfunction()

# tower_headers(<folder> [<name>...]): installs the public headers of a folder with the tail they are included by. Not
# the private ones: those whose kind of name says so, the folder simd, and the names given.
function(tower_headers folder)
    set(private)
    foreach(name IN LISTS ARGN)
        list(APPEND private PATTERN ${name} EXCLUDE)
    endforeach()
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tower
        FILES_MATCHING PATTERN "*.h" PATTERN simd EXCLUDE REGEX "_(lanes|internal|workspace|avx2|avx512|neon)\\.h$" EXCLUDE
        ${private})
endfunction()
