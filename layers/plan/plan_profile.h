/* What a plan's stages cost: work counted from shapes, time measured while it runs.
 *
 * Work is known without running. *Dense* operations are what an operation costs in its textbook form; *done*
 * are those that its algorithm performs: 16/36 of a convolution by Winograd, and of a gradient through max-pool
 * and relu only the products of windows that are open, counted in the runs that were timed. Both count
 * multiply-adds (as 2) of products; what Winograd's transforms and the pooling add or compare is left out of
 * both.
 *
 * Time is measured between tw_plan_profile_start and tw_plan_profile_stop. Every thread cuts its time in the
 * parallel region into laps without gaps,
 *
 *     entry | node, node, … | wait | node, … | wait | … | (sums) | wait
 *
 * so that a thread's laps add up to the time of the run. A lap costs one look at the clock (core/clock.h). While
 * nothing is measured the cost is one branch per node and barrier. Measuring changes no result and allocates
 * nothing in a run.
 */
#ifndef TOWER_LAYERS_PLAN_PLAN_PROFILE_H
#define TOWER_LAYERS_PLAN_PLAN_PROFILE_H

#include "layers/plan/plan.h"

/* Times every run from now on; forgets what was measured before. TW_ERROR_MEMORY. Not during a run. */
enum tw_status tw_plan_profile_start(tw_plan *plan);

/* Ends measuring; what was measured can still be read, until the next start or the plan's end. */
void tw_plan_profile_stop(tw_plan *plan);

#endif
