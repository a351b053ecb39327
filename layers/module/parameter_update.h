/* Updates made piece by piece: how a plan has an optimizer change parameters as their gradients come about.
 */
#ifndef TOWER_LAYERS_MODULE_PARAMETER_UPDATE_H
#define TOWER_LAYERS_MODULE_PARAMETER_UPDATE_H

#include "layers/module/parameter.h"

struct tw_parameter_update {
    void *context; /* borrowed; the first argument of the functions */

    /* A handle of the parameter, kept for all runs; negative: it is not updated. Asked once, by the thread that plans. */
    ptrdiff_t (*find)(void *context, const tw_parameter *parameter);

    /* Called before a run that updates has changed anything, with the handles of all that it updates, and -1 any number of
     * times; another status than TW_OK ends the run. */
    enum tw_status (*begin)(void *context, const ptrdiff_t *handles, size_t count);

    /* Updates elements [begin, end); `gradient` is that of element `begin`. In one run, every element of every handle
     * that `begin` was told comes once, on any thread, while other threads are at other elements. */
    void (*apply)(void *context, ptrdiff_t handle, ptrdiff_t begin, ptrdiff_t end, const float *gradient);
};

#endif
