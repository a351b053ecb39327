/* Weights from files that tower-train --save has written.
 */
#ifndef TOWER_APPS_COMMON_WEIGHTS_H
#define TOWER_APPS_COMMON_WEIGHTS_H

#include "layers/module/module.h"

/* Loads a safetensors file into `model`; every parameter must be there, with its shape, and nothing else. Errors name
 * the file and what does not fit; the model is then as it was. */
enum tw_status weights_load(tw_module *model, const char *path);

#endif
