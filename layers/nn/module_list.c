#include "layers/nn/nn.h"

#include <stdio.h>

#include "layers/nn/nn_children.h"

static const tw_module_class module_list_class = {.name = "ModuleList"};

enum tw_status tw_nn_append_child(tw_module *self, tw_module *module)
{
    char name[32];

    snprintf(name, sizeof name, "%zu", self->child_count);
    return tw_module_add(self, name, module) != NULL ? TW_OK : tw_error_status();
}

tw_module *tw_nn_module_list(void)
{
    return tw_module_new(sizeof(tw_module), &module_list_class);
}

enum tw_status tw_nn_module_list_append(tw_module *list, tw_module *module)
{
    if (list == NULL || list->class != &module_list_class) {
        tw_module_release(module);
        return tw_fail(TW_ERROR_ARGUMENT, "ModuleList: append to %s, expected a ModuleList",
                       list != NULL ? list->class->name : "NULL");
    }
    return tw_nn_append_child(list, module);
}

size_t tw_nn_module_list_count(const tw_module *list)
{
    return list->child_count;
}

tw_module *tw_nn_module_list_at(const tw_module *list, size_t i)
{
    if (i >= list->child_count) {
        return tw_fail_null(TW_ERROR_ARGUMENT, "%s: child %zu, expected one below %zu", list->class->name, i,
                            list->child_count);
    }
    return list->children[i].module;
}
