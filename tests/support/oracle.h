/* An independent evaluator of recorded graphs, in double.
 *
 * Every forward node is computed from its definition by the plainest loops there are, from the operation's
 * name and attributes alone: no kernel, no plan and no rule of differentiation of Tower takes part. Central
 * differences of what it computes are what gradients are checked against.
 *
 * Beside the graph itself it evaluates the graph's *majorant*: all leaves replaced by their absolute values,
 * all operations by ones with only non-negative terms that dominate them (relu by the identity, a maximum by
 * the sum of its window, softmax and log-softmax by what dominates their derivatives). A derivative of the
 * majorant is at least the sum of the absolute values of the products that add up to the derivative of the
 * graph: the magnitude that rounding errors are relative to (Higham, "Accuracy and Stability of Numerical
 * Algorithms", 2nd ed., chapter 3).
 */
#ifndef TOWER_TESTS_SUPPORT_ORACLE_H
#define TOWER_TESTS_SUPPORT_ORACLE_H

#include "layers/graph/graph.h"

struct tw_oracle {
    const tw_graph *graph; /* borrowed; not differentiated or differentiated, only forward nodes are read */
    double **leaf;         /* per graph value: the elements of inputs and parameters; NULL for results */
    double **value;        /* per graph value: what evaluation works on */
    double margin;         /* of the last evaluation: how far the nearest decision (sign at a relu, winner of
                              a maximum) was from falling the other way */
};

/* Fails the test without memory. Leaves are zeros at first. */
struct tw_oracle tw_oracle_new(const tw_graph *graph);
void tw_oracle_release(struct tw_oracle *oracle);

/* Sets an input or parameter from memory of its dtype. */
void tw_oracle_set(struct tw_oracle *oracle, tw_value leaf, const void *data);

/* Evaluates the whole forward, or its majorant, and returns the scalar `loss`. Afterwards oracle->value holds
 * every value. Fails the test on an operation it does not know. */
double tw_oracle_evaluate(struct tw_oracle *oracle, tw_value loss, bool majorant);

/* Central difference of loss with respect to one element of a leaf, moved by `step` to either side. */
double tw_oracle_difference(struct tw_oracle *oracle, tw_value loss, tw_value leaf, ptrdiff_t element,
                            double step, bool majorant);

/* An upper bound of the number of roundings between the leaves and any one gradient element: over all forward
 * nodes, the longest sum in the operation or its gradients. */
double tw_oracle_roundings(const tw_graph *graph);

#endif
