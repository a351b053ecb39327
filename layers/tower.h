/* Tower, all of it: what a program that defines, trains, saves or loads a model includes.
 *
 *     #include <tower/tower.h>        cc … $(pkg-config --cflags --libs tower)
 */
#ifndef TOWER_TOWER_H
#define TOWER_TOWER_H

#include "core/cpu.h"
#include "core/memory.h"
#include "core/rng.h"
#include "core/status.h"
#include "core/team.h"
#include "core/tensor.h"
#include "core/topology.h"
#include "kernels/kernels.h"
#include "layers/data/dataset.h"
#include "layers/graph/functional.h"
#include "layers/graph/graph.h"
#include "layers/graph/operation.h"
#include "layers/io/atomic_file.h"
#include "layers/io/safetensors.h"
#include "layers/models/tower.h"
#include "layers/module/init.h"
#include "layers/module/module.h"
#include "layers/module/module_call.h"
#include "layers/module/parameter.h"
#include "layers/module/state_dict.h"
#include "layers/nn/nn.h"
#include "layers/optim/optim.h"
#include "layers/plan/plan.h"

#endif
