/* Children named "0", "1", … of Sequential and ModuleList. For the files of layers/nn/ only. */
#ifndef TOWER_LAYERS_NN_NN_CHILDREN_H
#define TOWER_LAYERS_NN_NN_CHILDREN_H

#include "layers/module/module.h"

/* Registers `module` under the next number, taking it over; NULL is a failed constructor. A failure is the
 * status that was recorded last, and stays with `self`. */
enum tw_status tw_nn_append_child(tw_module *self, tw_module *module);

#endif
