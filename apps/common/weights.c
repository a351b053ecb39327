#include "apps/common/weights.h"

#include "layers/io/safetensors.h"
#include "layers/module/state_dict.h"

enum tw_status weights_load(tw_module *model, const char *path)
{
    tw_state_dict dict = {0};
    enum tw_status status = tw_safetensors_load(path, &dict);

    if (!status && tw_module_load_state_dict(model, &dict, true)) {
        status = tw_fail_in("%s: ", path);
    }
    tw_state_dict_release(&dict);
    return status;
}
