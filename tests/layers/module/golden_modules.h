/* Reading what golden/record_init.py recorded.
 */
#ifndef TOWER_TESTS_LAYERS_MODULE_GOLDEN_MODULES_H
#define TOWER_TESTS_LAYERS_MODULE_GOLDEN_MODULES_H

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#include "core/memory.h"
#include "layers/module/module.h"
#include "tests/support/test_support.h"

#define TW_TEST_SHA256_BYTES 65

/* A file below tests/golden, open for reading. */
static inline FILE *tw_test_open_golden(const char *name)
{
    char path[4096];
    FILE *file;

    assert_true(snprintf(path, sizeof path, "%s/%s", TOWER_GOLDEN_DIR, name) < (int)sizeof path);
    file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("cannot open %s", path);
    }
    return file;
}

/* SHA-256 of a contiguous tensor's bytes alone, as record_init.py computes it. */
static inline void tw_test_sha256(const struct tw_tensor *tensor, char text[TW_TEST_SHA256_BYTES])
{
    unsigned char digest[(TW_TEST_SHA256_BYTES - 1) / 2];

    assert_int_equal(EVP_Digest(tensor->data, tw_tensor_bytes(tensor), digest, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < sizeof digest; i++) {
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
}

/* The first values first, so that a failure shows how far apart the two are. */
static inline void tw_test_compare_parameter(const struct tw_named_parameter *parameter, const char *name,
                                             const uint32_t bits[4], const char *sha256)
{
    const struct tw_tensor *data = parameter->parameter->data;
    ptrdiff_t count = tw_tensor_count(data) < 4 ? tw_tensor_count(data) : 4;
    char actual[TW_TEST_SHA256_BYTES];
    float expected[4];

    assert_string_equal(parameter->name, name);
    memcpy(expected, bits, sizeof expected);
    assert_bits_equal_f32(expected, data->data, count);
    tw_test_sha256(data, actual);
    assert_string_equal(actual, sha256);
}

/* Builds the model of that name with every recorded seed and compares every parameter, in order, with
 * weights.txt. Returns the number of parameters compared. */
static inline int tw_test_compare_weights(const char *model_name, tw_module *(*construct)(struct tw_rng *rng))
{
    FILE *file = tw_test_open_golden("modules/weights.txt");
    struct tw_parameter_list list = {0};
    char model[16], name[64], sha256[TW_TEST_SHA256_BYTES];
    tw_module *module = NULL;
    uint32_t bits[4];
    uint64_t seed;
    size_t next = 0;
    int compared = 0;

    while (fscanf(file, "%15s %" SCNu64 " %63s %64s %" SCNx32 " %" SCNx32 " %" SCNx32 " %" SCNx32, model,
                  &seed, name, sha256, &bits[0], &bits[1], &bits[2], &bits[3]) == 8) {
        if (strcmp(model, model_name) != 0) {
            continue;
        }
        if (next == list.count) {
            struct tw_rng rng;

            tw_parameter_list_release(&list);
            tw_module_release(module);
            tw_rng_seed(&rng, seed);
            module = construct(&rng);
            assert_non_null(module);
            assert_int_equal(tw_module_named_parameters(module, &list), TW_OK);
            next = 0;
        }
        tw_test_compare_parameter(&list.items[next++], name, bits, sha256);
        compared++;
    }
    assert_int_equal(next, list.count);
    tw_parameter_list_release(&list);
    tw_module_release(module);
    fclose(file);
    return compared;
}

/* Compares tw_module_text with paragraph `index` (from 0) of prints.txt. */
static inline void tw_test_compare_print(const tw_module *module, int index)
{
    FILE *file = tw_test_open_golden("modules/prints.txt");
    char recorded[4096], *paragraph = recorded, *end, *text = tw_module_text(module);
    size_t length = fread(recorded, 1, sizeof recorded - 1, file);

    recorded[length] = '\0';
    for (int i = 0; i < index; i++) {
        paragraph = strstr(paragraph, "\n\n") + 2;
    }
    end = strstr(paragraph, "\n\n");
    if (end == NULL) {
        end = recorded + length - 1;
    }
    *end = '\0';
    assert_non_null(text);
    assert_string_equal(text, paragraph);
    tw_free(text);
    fclose(file);
}

#endif
