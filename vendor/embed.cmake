# SPDX-License-Identifier: MIT
# embed(OUTPUT out.c NAMES n1;n2 FILES f1;f2): a C file whose table `embedded_files` holds every FILE under its NAME, scripts compiled.
# The work is done by vendor/embed.c, a program of the building machine; it needs the very Lua that the product gets.
function(embed)
    cmake_parse_arguments(arg "" "OUTPUT" "NAMES;FILES" ${ARGN})
    add_executable(embed "${CMAKE_SOURCE_DIR}/vendor/embed.c" ${MORE_SOURCES})
    target_include_directories(embed SYSTEM PRIVATE "${LUA_INCLUDE}")
    target_link_libraries(embed PRIVATE "${LUA_LIBRARY}" m ${CMAKE_DL_LIBS})
    set(blob "${arg_OUTPUT}.bin")
    set(pairs)
    foreach(name file IN ZIP_LISTS arg_NAMES arg_FILES)
        list(APPEND pairs "${name}" "${file}")
    endforeach()
    add_custom_command(OUTPUT "${arg_OUTPUT}" "${blob}" VERBATIM COMMAND embed "${arg_OUTPUT}" "${blob}" ${pairs}
        DEPENDS embed ${arg_FILES})
    set_source_files_properties("${arg_OUTPUT}" PROPERTIES OBJECT_DEPENDS "${blob}")
endfunction()
