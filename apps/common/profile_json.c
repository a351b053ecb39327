#include "apps/common/profile_json.h"

static bool add_number(cJSON *object, const char *name, double value)
{
    return cJSON_AddNumberToObject(object, name, value) != NULL;
}

static bool add_text(cJSON *object, const char *name, const char *text)
{
    return cJSON_AddStringToObject(object, name, text) != NULL;
}

static bool add_work(cJSON *object, const struct tw_plan_work *work)
{
    return add_number(object, "dense", work->dense) && add_number(object, "done", work->done) &&
           add_number(object, "read", work->read) && add_number(object, "written", work->written);
}

static bool add_node(cJSON *nodes, const struct tw_plan_node_profile *node)
{
    cJSON *object = cJSON_CreateObject();

    return object && cJSON_AddItemToArray(nodes, object) && add_text(object, "operation", node->operation) &&
           add_text(object, "algorithm", node->algorithm) && add_text(object, "layout", node->layout) &&
           add_text(object, "path", node->path) && add_number(object, "units", (double)node->units) &&
           add_work(object, &node->work) && add_number(object, "busy_seconds", node->busy_seconds);
}

static bool add_nodes(cJSON *object, const tw_plan *plan, size_t stage)
{
    cJSON *nodes = cJSON_AddArrayToObject(object, "nodes");
    bool done = nodes != NULL;

    for (size_t i = 0; done && i < tw_plan_profile_nodes(plan); i++) {
        struct tw_plan_node_profile node;

        done =
            tw_plan_profile_node(plan, i, &node) == TW_OK && (node.stage != stage || add_node(nodes, &node));
    }
    return done;
}

static bool add_stage(cJSON *stages, const tw_plan *plan, size_t index)
{
    cJSON *object = cJSON_CreateObject();
    struct tw_plan_stage_profile stage;

    return object && cJSON_AddItemToArray(stages, object) &&
           tw_plan_profile_stage(plan, index, &stage) == TW_OK &&
           cJSON_AddBoolToObject(object, "backward", stage.backward) &&
           cJSON_AddBoolToObject(object, "barrier", stage.barrier) &&
           add_text(object, "split", stage.split) && add_number(object, "units", (double)stage.units) &&
           add_number(object, "threads", stage.threads) && add_work(object, &stage.work) &&
           add_number(object, "seconds", stage.seconds) &&
           add_number(object, "busy_seconds", stage.busy_seconds) &&
           add_number(object, "longest_seconds", stage.longest_seconds) &&
           add_number(object, "wait_seconds", stage.wait_seconds) && add_nodes(object, plan, index);
}

static bool add_whole(cJSON *object, const struct tw_plan_profile *profile)
{
    return add_number(object, "runs", (double)profile->runs) &&
           add_number(object, "threads", profile->threads) &&
           add_number(object, "samples", (double)profile->samples) &&
           add_number(object, "peak_flops", profile->peak_flops) &&
           add_number(object, "seconds", profile->seconds) &&
           add_number(object, "entry_seconds", profile->entry_seconds) &&
           add_number(object, "sums_seconds", profile->sums_seconds) &&
           add_number(object, "beside_seconds", profile->beside_seconds) &&
           add_number(object, "counting_seconds", profile->counting_seconds);
}

cJSON *profile_json(const tw_plan *plan)
{
    struct tw_plan_profile profile = tw_plan_profile(plan);
    cJSON *object = cJSON_CreateObject(), *stages;
    bool done;

    if (!object) {
        return NULL;
    }
    done = add_whole(object, &profile);
    stages = done ? cJSON_AddArrayToObject(object, "stages") : NULL;
    done = stages != NULL;
    for (size_t i = 0; done && i < tw_plan_profile_stages(plan); i++) {
        done = add_stage(stages, plan, i);
    }
    if (!done) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}
