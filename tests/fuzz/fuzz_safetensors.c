/* Any bytes as a safetensors file: read or refused, never a crash or a leak, and what was read survives being
 * written and read again.
 */
#include <string.h>

#include "core/memory.h"
#include "layers/io/safetensors.h"
#include "tests/fuzz/memory_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds)
        abort();
}

static void check_round_trip(const tw_state_dict *dict)
{
    char path[64];
    tw_state_dict again;

    snprintf(path, sizeof path, "/tmp/fuzz-safetensors-%ld", (long)getpid());
    check(tw_safetensors_save(path, dict, NULL) == TW_OK);
    check(tw_safetensors_load(path, &again) == TW_OK);
    check(again.count == dict->count);
    for (size_t i = 0; i < dict->count; i++) {
        const struct tw_tensor *tensor = dict->items[i].tensor;
        const struct tw_tensor *copy = tw_state_dict_find(&again, dict->items[i].name);

        check(copy && copy->dtype == tensor->dtype && tw_shape_equal(&copy->shape, &tensor->shape));
        check(memcmp(copy->data, tensor->data, tw_tensor_bytes(tensor)) == 0);
    }
    tw_state_dict_release(&again);
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = memory_path(data, size);
    size_t live = tw_memory_usage().live_blocks;
    tw_state_dict dict;

    if (tw_safetensors_load(path, &dict) == TW_OK)
        check_round_trip(&dict);
    else
        check(dict.count == 0);
    tw_state_dict_release(&dict);
    check(tw_memory_usage().live_blocks == live);
    return 0;
}
