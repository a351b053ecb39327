/* How the oracle computes one node: shared by the oracle's two files and nobody else.
 */
#ifndef TOWER_TESTS_SUPPORT_ORACLE_INTERNAL_H
#define TOWER_TESTS_SUPPORT_ORACLE_INTERNAL_H

#include "tests/support/oracle.h"

/* One node being evaluated. */
struct tw_oracle_work {
    struct tw_oracle *oracle;
    const struct tw_graph_node *node;
    bool majorant;
    const double *in[TW_NODE_MAX_INPUTS]; /* NULL: absent */
    double *out;
    const struct tw_shape *in_shape[TW_NODE_MAX_INPUTS], *out_shape;
};

/* One operation from its definition. */
struct tw_oracle_definition {
    const char *name;
    void (*evaluate)(struct tw_oracle_work *work);
    double (*roundings)(const struct tw_oracle_work *work); /* longest sum in it or its gradients */
};

/* Fails the test if there is none. */
const struct tw_oracle_definition *tw_oracle_definition_of(const struct tw_graph_node *node);

#endif
