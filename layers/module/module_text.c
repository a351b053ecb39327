/* A tree as PyTorch prints it (torch.nn.Module.__repr__):
 *
 *     Tower(
 *       (conv1): Conv2d(1, 32, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
 *       (pool): None
 *     )
 */
#include "layers/module/module.h"

#include <stdio.h>
#include <string.h>

#include "core/memory.h"

/* Longest description of one module; longer ones are cut. */
#define DESCRIPTION_BYTES 512

/* Writes to `text` when there is one, and counts: a first pass measures, a second one fills. */
struct output {
    char *text;
    size_t length;
};

static void put(struct output *output, const char *text)
{
    size_t length = strlen(text);

    if (output->text != NULL) {
        memcpy(output->text + output->length, text, length);
    }
    output->length += length;
}

static void put_line_start(struct output *output, int depth)
{
    put(output, "\n");
    for (int i = 0; i < depth; i++) {
        put(output, "  ");
    }
}

static void put_module(struct output *output, const tw_module *module, int depth)
{
    char description[DESCRIPTION_BYTES] = "";

    if (module->class->describe != NULL) {
        module->class->describe(module, description, sizeof description);
    }
    put(output, module->class->name);
    put(output, "(");
    if (description[0] != '\0') {
        if (module->child_count > 0) {
            put_line_start(output, depth + 1);
        }
        put(output, description);
    }
    for (size_t i = 0; i < module->child_count; i++) {
        put_line_start(output, depth + 1);
        put(output, "(");
        put(output, module->children[i].name);
        put(output, "): ");
        if (module->children[i].module != NULL) {
            put_module(output, module->children[i].module, depth + 1);
        } else {
            put(output, "None");
        }
    }
    if (module->child_count > 0) {
        put_line_start(output, depth);
    }
    put(output, ")");
}

char *tw_module_text(const tw_module *self)
{
    struct output output = {0};

    put_module(&output, self, 0);
    output.text = tw_alloc(output.length + 1);
    if (output.text != NULL) {
        output.length = 0;
        put_module(&output, self, 0);
    }
    return output.text;
}
