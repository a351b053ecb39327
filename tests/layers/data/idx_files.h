/* Small IDX files made by the tests, plain and gzip.
 */
#ifndef TOWER_TESTS_LAYERS_DATA_IDX_FILES_H
#define TOWER_TESTS_LAYERS_DATA_IDX_FILES_H

#include <zlib.h>

#include "tests/support/test_support.h"

/* A growing piece of content that fits any file of these tests. */
struct bytes {
    unsigned char data[4096];
    size_t size;
};

static inline void put_u32(struct bytes *bytes, uint32_t value)
{
    assert_true(bytes->size + 4 <= sizeof bytes->data);
    for (int shift = 24; shift >= 0; shift -= 8)
        bytes->data[bytes->size++] = (unsigned char)(value >> shift);
}

static inline void put_u8(struct bytes *bytes, unsigned value)
{
    assert_true(bytes->size < sizeof bytes->data);
    bytes->data[bytes->size++] = (unsigned char)value;
}

/* `count` images of height x width whose byte i is 7 * i + 3 modulo 256. */
static inline struct bytes idx_images(uint32_t count, uint32_t height, uint32_t width)
{
    struct bytes file = {.size = 0};

    put_u32(&file, 0x00000803);
    put_u32(&file, count);
    put_u32(&file, height);
    put_u32(&file, width);
    for (uint32_t i = 0; i < count * height * width; i++)
        put_u8(&file, 7 * i + 3);
    return file;
}

/* `count` labels i modulo 10. */
static inline struct bytes idx_labels(uint32_t count)
{
    struct bytes file = {.size = 0};

    put_u32(&file, 0x00000801);
    put_u32(&file, count);
    for (uint32_t i = 0; i < count; i++)
        put_u8(&file, i % 10);
    return file;
}

/* One gzip member holding `content`. */
static inline struct bytes gzip(const struct bytes *content)
{
    struct bytes packed = {.size = 0};
    z_stream stream = {.next_in = (Bytef *)content->data, .avail_in = (uInt)content->size};

    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_out = packed.data;
    stream.avail_out = sizeof packed.data;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.size = stream.total_out;
    deflateEnd(&stream);
    return packed;
}

#endif
