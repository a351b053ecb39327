#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "tests/support/test_support.h"

/* The .npy format: "\x93NUMPY", version, header length (2 bytes in 1.0, 4 from 2.0 on), and a header such as
 *   {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */

static char *read_header(FILE *file, const char *path)
{
    unsigned char start[8], length[4] = {0};
    size_t bytes;
    char *text;

    if (fread(start, 1, 8, file) != 8 || memcmp(start, "\x93NUMPY", 6) != 0)
        fail_msg("%s: no .npy file", path);
    bytes = start[6] == 1 ? 2 : 4;
    if (fread(length, 1, bytes, file) != bytes)
        fail_msg("%s: ends in its header", path);
    bytes = (size_t)length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
    text = tw_alloc(bytes + 1);
    assert_non_null(text);
    if (fread(text, 1, bytes, file) != bytes)
        fail_msg("%s: ends in its header", path);
    return text;
}

static enum tw_dtype parse_dtype(const char *header, const char *path)
{
    static const struct {
        const char *name;
        enum tw_dtype dtype;
    } known[] = {
        {"'<f4'", TW_F32}, {"'<f8'", TW_F64}, {"'<i8'", TW_I64}, {"'<i4'", TW_I32}, {"'|u1'", TW_U8}};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(header, known[i].name) != NULL)
            return known[i].dtype;
    fail_msg("%s: no dtype of Tower: %s", path, header);
    return TW_F32;
}

static struct tw_shape parse_shape(const char *header, const char *path)
{
    const char *at = strstr(header, "'shape': (");
    struct tw_shape shape = {0};

    if (at == NULL || strstr(header, "'fortran_order': False") == NULL)
        fail_msg("%s: no array in C order: %s", path, header);
    for (at += strlen("'shape': ("); *at != ')' && *at != '\0';) {
        char *end;
        long long extent = strtoll(at, &end, 10);

        if (end == at || shape.ndim == TW_MAX_DIMS)
            fail_msg("%s: bad shape: %s", path, header);
        shape.extent[shape.ndim++] = (ptrdiff_t)extent;
        at = end + strspn(end, ", ");
    }
    return shape;
}

struct tw_tensor *tw_test_read_npy(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct tw_tensor *tensor;
    char *header;

    if (file == NULL)
        fail_msg("%s: cannot be opened", path);
    header = read_header(file, path);
    tensor = tw_tensor_new(parse_dtype(header, path), parse_shape(header, path));
    if (tensor == NULL)
        fail_msg("%s: %s", path, tw_error_message());
    if (fread(tensor->data, 1, tw_tensor_bytes(tensor), file) != tw_tensor_bytes(tensor) ||
        fgetc(file) != EOF)
        fail_msg("%s: length does not fit the shape", path);
    fclose(file);
    tw_free(header);
    return tensor;
}
