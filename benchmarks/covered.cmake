# Writes what covered.c includes: MEMBERS(apply), which is apply(name, type, compared) for every function of struct tw_kernels,
# whether the tests compare it with the reference.
#
#   cmake -DSOURCE=… -DTESTS=… -DOUTPUT=… -P covered.cmake      TESTS: the files in tests/kernels
#
# Compared is a member that a test of its family (tests/kernels/<family>/test_*.c and the headers it includes, comments left
# out; accuracy compares with double) calls
#   - on a table other than the reference's, while it asks for variants_here(): the tables of all ISAs this CPU has; or
#   - by the names of its functions, of every ISA (by ## or in full), while it asks tw_isa_available.
# So one list holds for all ISAs.
cmake_minimum_required(VERSION 3.22)

# The text of a source file without comments; `;`, `[` and `]` mean something to CMake's lists.
function(read_code path code)
    file(READ ${path} text)
    string(REGEX REPLACE "[][;]" " " text "${text}")
    string(REGEX REPLACE "/\\*([^*]|\\*+[^*/])*\\*+/" " " text "${text}")
    string(REGEX REPLACE "//[^\n]*" " " text "${text}")
    set(${code} "${text}" PARENT_SCOPE)
endfunction()

# The same with the headers of the tests that it includes, each once.
function(read_test path code)
    set(files ${path})
    set(seen "")
    set(all "")
    while(files)
        list(POP_FRONT files file)
        list(APPEND seen ${file})
        read_code(${file} text)
        string(APPEND all "${text}\n")
        string(REGEX MATCHALL "#include \"tests/kernels/[^\"]+" headers "${text}")
        list(TRANSFORM headers REPLACE "#include \"" "${SOURCE}/")
        foreach(header IN LISTS headers)
            if(NOT header IN_LIST seen AND NOT header IN_LIST files)
                list(APPEND files ${header})
            endif()
        endforeach()
    endwhile()
    set(${code} "${all}" PARENT_SCOPE)
endfunction()

set(compared "")
list(FILTER TESTS INCLUDE REGEX "/kernels/[^/]+/test_[^/]*\\.c$")
list(FILTER TESTS EXCLUDE REGEX "/accuracy/")
foreach(test IN LISTS TESTS)
    read_test(${test} code)
    if(code MATCHES "variants_here\\(\\)")
        string(REGEX REPLACE "reference(\\(\\))?->" " " variants "${code}")
        string(REGEX MATCHALL "->f32_[a-z0-9_]+ *\\(" called "${variants}")
        list(TRANSFORM called REPLACE "->(f32_[a-z0-9_]+).*" "\\1")
        list(APPEND compared ${called})
    endif()
    if(code MATCHES "tw_isa_available\\(")
        string(REGEX MATCHALL "tw_f32_[a-z0-9_]+__(##|avx2|avx512|neon)" named "${code}")
        foreach(function IN LISTS named)
            string(REGEX REPLACE "tw_(.*)__.*" "\\1" name ${function})
            if(tw_${name}__\#\# IN_LIST named OR (tw_${name}__avx2 IN_LIST named AND
               tw_${name}__avx512 IN_LIST named AND tw_${name}__neon IN_LIST named))
                list(APPEND compared ${name})
            endif()
        endforeach()
    endif()
endforeach()

set(lines "#define MEMBERS(apply)")
read_code(${SOURCE}/kernels/kernels.h table)
string(REGEX MATCHALL "tw_f32_[a-z0-9_]+_fn \\*f32_[a-z0-9_]+" members "${table}")
foreach(member IN LISTS members)
    string(REGEX REPLACE "(.*) \\*(.*)" "\\1" type "${member}")
    string(REGEX REPLACE "(.*) \\*(.*)" "\\2" name "${member}")
    set(is_compared false)
    if(name IN_LIST compared)
        set(is_compared true)
    endif()
    string(APPEND lines " \\\n    apply(${name}, ${type}, ${is_compared})")
endforeach()
file(WRITE ${OUTPUT} "${lines}\n")
