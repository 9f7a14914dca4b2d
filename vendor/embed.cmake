# SPDX-License-Identifier: MIT
# embed(OUTPUT out.c NAMES n1;n2 FILES f1;f2): writes a C file whose table `embedded_files` holds every FILE under its NAME.
# The assembler copies the bytes, so a change of a file costs no compiling of arrays.
function(embed)
    cmake_parse_arguments(arg "" "OUTPUT" "NAMES;FILES" ${ARGN})
    set(section ".section .rodata")
    set(underscore "")
    if(APPLE)
        set(section ".section __DATA,__const")
        set(underscore "_")
    endif()
    set(bytes "")
    set(names "")
    set(table "")
    set(index 0)
    foreach(name file IN ZIP_LISTS arg_NAMES arg_FILES)
        set(symbol "embedded_${index}")
        string(APPEND bytes "__asm__(\"${section}\\n.globl ${underscore}${symbol}, ${underscore}${symbol}_end\\n\"\n"
            "        \"${underscore}${symbol}: .incbin \\\"${file}\\\"\\n${underscore}${symbol}_end: .byte 0\\n.text\\n\");\n"
            "extern const char ${symbol}[], ${symbol}_end[];\n")
        string(APPEND table "    {\"${name}\", ${symbol}, ${symbol}_end},\n")
        math(EXPR index "${index} + 1")
    endforeach()
    file(CONFIGURE OUTPUT "${arg_OUTPUT}" @ONLY CONTENT "/* SPDX-License-Identifier: MIT */
#include <stddef.h>
struct embedded {
    const char *name;
    const char *start, *end;
};
extern const struct embedded embedded_files[];
extern const size_t embedded_count;
@bytes@const struct embedded embedded_files[] = {
@table@    {NULL, NULL, NULL},
};
const size_t embedded_count = @index@;
")
    set_source_files_properties("${arg_OUTPUT}" PROPERTIES OBJECT_DEPENDS "${arg_FILES}")
endfunction()
