# Runs PROGRAM on the JSON files and targets.txt beside this file and compares what it prints with expected.md.
execute_process(COMMAND ${PROGRAM} --targets targets.txt avx2.json avx512.json WORKING_DIRECTORY ${CMAKE_CURRENT_LIST_DIR}
    OUTPUT_VARIABLE printed RESULT_VARIABLE status)
file(READ ${CMAKE_CURRENT_LIST_DIR}/expected.md expected)
if(NOT status EQUAL 0 OR NOT printed STREQUAL expected)
    message(FATAL_ERROR "status ${status}, expected 0 and what expected.md says; printed:\n${printed}")
endif()
