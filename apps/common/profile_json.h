/* A plan's profile as JSON: what tools/scaling-model reads. */
#ifndef TOWER_APPS_COMMON_PROFILE_JSON_H
#define TOWER_APPS_COMMON_PROFILE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "layers/plan/plan_profile.h"

/* The profile as an object of its own, the caller's; NULL without memory. Fields are named as in
 * layers/plan/plan_profile.h: those of tw_plan_profile, and "stages" with "nodes" in each. */
cJSON *profile_json(const tw_plan *plan);

#endif
