/* Operations that only a plan records: fused ones and changes of layout. Shapes of their values are physical:
 * a blocked activation is (N, blocks, rows, columns, 16), its halo included (kernels/conv_pool).
 */
#ifndef TOWER_LAYERS_OPERATION_CONV_POOL_H
#define TOWER_LAYERS_OPERATION_CONV_POOL_H

#include "layers/graph/operation.h"

/* (x, packed weights, bias or none) -> y blocked, code or none. */
extern const struct tw_operation tw_operation_conv_pool_planar;
extern const struct tw_operation tw_operation_conv_pool;
/* (x, code, dy) -> slots of dw, slots of db. */
extern const struct tw_operation tw_operation_conv_pool_planar_gradient;
/* (x, code, dy, scatter weights or none) -> slots of dw in scatter form, slots of db, dx or none. */
extern const struct tw_operation tw_operation_conv_pool_gradient;

/* Weights (out, in, 3, 3) to a packed form; slots of their gradient in scatter form, folded, to (out, in, 3, 3), and as
 * another output what was folded, still in scatter form. */
extern const struct tw_operation tw_operation_pack_planar;
extern const struct tw_operation tw_operation_pack_winograd;
extern const struct tw_operation tw_operation_pack_scatter;
extern const struct tw_operation tw_operation_fold_scatter;

/* Activations between (N, C, H, W) and blocked. */
extern const struct tw_operation tw_operation_block;
extern const struct tw_operation tw_operation_unblock;

#endif
