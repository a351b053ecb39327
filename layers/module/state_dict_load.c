/* Loading: compare everything, then copy everything. */
#include "layers/module/state_dict.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"

/* A message that grows key by key. What does not fit is counted, so that the end still says how many keys
 * there are. Some room is left for what callers put in front. */
struct complaint {
    char text[TW_ERROR_MESSAGE_BYTES - 192];
    size_t length;
    size_t left_out;
    bool cut; /* a key did not fit: the later ones are only counted, or the order would mislead */
};

static void complain(struct complaint *complaint, const char *what, const char *key, const char *detail)
{
    size_t room = sizeof complaint->text - complaint->length;
    int length = complaint->cut ? -1
                                : snprintf(complaint->text + complaint->length, room, "%s%s \"%s\"%s",
                                           complaint->length > 0 ? "; " : "", what, key, detail);

    if (length >= 0 && (size_t)length < room) {
        complaint->length += (size_t)length;
    } else {
        complaint->text[complaint->length] = '\0';
        complaint->cut = true;
        complaint->left_out++;
    }
}

static enum tw_status end_complaint(const struct complaint *complaint, enum tw_status status,
                                    const char *class)
{
    if (complaint->left_out > 0) {
        return tw_fail(status, "load state dict into %s: %s%s%zu more keys do not fit", class,
                       complaint->text, complaint->length > 0 ? "; and " : "", complaint->left_out);
    }
    return tw_fail(status, "load state dict into %s: %s", class, complaint->text);
}

/* TW_OK, or a failure whose message names every key that stands in the way. */
static enum tw_status compare(const tw_state_dict *own, const tw_state_dict *dict, bool strict,
                              const char *class)
{
    struct complaint complaint = {.length = 0};
    enum tw_status status = TW_OK;

    for (size_t i = 0; i < own->count; i++) {
        const struct tw_tensor *target = own->items[i].tensor;
        const struct tw_tensor *source = tw_state_dict_find(dict, own->items[i].name);

        if (source != NULL && !tw_shape_equal(&source->shape, &target->shape)) {
            char found[TW_SHAPE_TEXT_BYTES], expected[TW_SHAPE_TEXT_BYTES];
            char detail[2 * TW_SHAPE_TEXT_BYTES + 32];

            snprintf(detail, sizeof detail, " has shape %s, expected %s",
                     tw_shape_text(&source->shape, found), tw_shape_text(&target->shape, expected));
            complain(&complaint, "misshaped", own->items[i].name, detail);
            status = TW_ERROR_SHAPE;
        }
    }
    for (size_t i = 0; strict && i < own->count; i++) {
        if (tw_state_dict_find(dict, own->items[i].name) == NULL) {
            complain(&complaint, "missing", own->items[i].name, "");
            status = status == TW_OK ? TW_ERROR_ARGUMENT : status;
        }
    }
    for (size_t i = 0; strict && i < dict->count; i++) {
        if (tw_state_dict_find(own, dict->items[i].name) == NULL) {
            complain(&complaint, "unexpected", dict->items[i].name, "");
            status = status == TW_OK ? TW_ERROR_ARGUMENT : status;
        }
    }
    return status == TW_OK ? TW_OK : end_complaint(&complaint, status, class);
}

static bool shares_with_any(const tw_state_dict *own, const struct tw_tensor *source)
{
    for (size_t i = 0; i < own->count; i++) {
        if (tw_tensor_shares_storage(own->items[i].tensor, source)) {
            return true;
        }
    }
    return false;
}

/* What is to be copied: for each item of `own` the dict's tensor, or NULL where it has none. A tensor that
 * views the module's own memory is cloned first, since copying the others might change it. */
static enum tw_status gather(const tw_state_dict *own, const tw_state_dict *dict,
                             const struct tw_tensor **sources, struct tw_tensor **clones)
{
    for (size_t i = 0; i < own->count; i++) {
        sources[i] = tw_state_dict_find(dict, own->items[i].name);
        if (sources[i] == NULL || !shares_with_any(own, sources[i])) {
            continue;
        }
        clones[i] = tw_tensor_clone(sources[i]);
        if (clones[i] == NULL) {
            return TW_ERROR_MEMORY;
        }
        sources[i] = clones[i];
    }
    return TW_OK;
}

static enum tw_status copy_all(const tw_state_dict *own, const tw_state_dict *dict)
{
    const struct tw_tensor **sources = tw_alloc_array(own->count, sizeof *sources);
    struct tw_tensor **clones = tw_alloc_array(own->count, sizeof *clones);
    enum tw_status status = TW_ERROR_MEMORY;

    if (sources != NULL && clones != NULL) {
        status = gather(own, dict, sources, clones);
    }
    /* Shapes are equal by now, so a copy cannot fail any more: all are written or none. */
    for (size_t i = 0; status == TW_OK && i < own->count; i++) {
        if (sources[i] != NULL) {
            status = tw_tensor_copy(own->items[i].tensor, sources[i]);
        }
    }
    for (size_t i = 0; clones != NULL && i < own->count; i++) {
        tw_tensor_release(clones[i]);
    }
    tw_free(clones);
    tw_free(sources);
    return status;
}

enum tw_status tw_module_load_state_dict(tw_module *self, const tw_state_dict *dict, bool strict)
{
    tw_state_dict own;
    enum tw_status status = tw_module_state_dict(self, &own);

    if (status != TW_OK) {
        return status;
    }
    status = compare(&own, dict, strict, self->class->name);
    if (status == TW_OK) {
        status = copy_all(&own, dict);
    }
    tw_state_dict_release(&own);
    return status;
}
