# Runs at install time, after the headers of core, kernels and layers are in place: #include "core/tensor.h" becomes
# #include "tower/core/tensor.h", so that one -I, or none for a prefix the compiler searches anyway, is enough.
if(NOT IS_ABSOLUTE "${TOWER_INCLUDEDIR}")
    set(TOWER_INCLUDEDIR "${CMAKE_INSTALL_PREFIX}/${TOWER_INCLUDEDIR}")
endif()
file(GLOB_RECURSE headers "$ENV{DESTDIR}${TOWER_INCLUDEDIR}/tower/*.h")
foreach(header IN LISTS headers)
    file(READ "${header}" text)
    string(REGEX REPLACE "#include \"(core|kernels|layers)/" "#include \"tower/\\1/" text "${text}")
    file(WRITE "${header}" "${text}")
endforeach()
