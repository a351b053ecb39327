/* tower-inspect: shows the machine, the model, its plan, and files of weights. */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "apps/common/number.h"
#include "apps/common/output.h"
#include "apps/tower-inspect/inspect.h"
#include "layers/plan/plan.h"

const char *argp_program_version = "tower-inspect " TOWER_VERSION;

struct request {
    bool cpu, model, plan;
    int64_t level, batch_size;
    const char *file;
};

enum key { KEY_CPU = 256, KEY_MODEL, KEY_PLAN, KEY_BATCH_SIZE };

static const struct argp_option option_table[] = {
    {.name = "cpu", .key = KEY_CPU, .doc = "CPU, instruction set, topology and team, with reasons"},
    {.name = "model", .key = KEY_MODEL, .doc = "the Tower: modules, operations, parameters"},
    {.name = "plan",
     .key = KEY_PLAN,
     .arg = "0|1|2",
     .flags = OPTION_ARG_OPTIONAL,
     .doc = "what a step runs (2)"},
    {.name = "batch-size", .key = KEY_BATCH_SIZE, .arg = "N", .doc = "of --plan (64)"},
    {0},
};

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct request *request = state->input;
    enum tw_status status = TW_OK;

    switch (key) {
    case KEY_CPU:
        request->cpu = true;
        break;
    case KEY_MODEL:
        request->model = true;
        break;
    case KEY_PLAN:
        request->plan = true;
        status = text ? app_parse_integer("--plan", text, 0, TW_PLAN_LEVELS - 1, &request->level) : TW_OK;
        break;
    case KEY_BATCH_SIZE:
        status = app_parse_integer("--batch-size", text, 1, 65536, &request->batch_size);
        break;
    case ARGP_KEY_ARG:
        if (request->file)
            status = tw_fail(TW_ERROR_ARGUMENT, "'%s': one file at a time", text);
        request->file = text;
        break;
    case ARGP_KEY_END:
        if (!request->cpu && !request->model && !request->plan && !request->file)
            status = tw_fail(TW_ERROR_ARGUMENT, "nothing to show: give --cpu, --model, --plan or a file");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    if (status)
        argp_error(state, "%s", tw_error_message());
    return 0;
}

static enum tw_status show(const struct request *request)
{
    enum tw_status status = TW_OK;

    if (request->cpu)
        status = inspect_cpu();
    if (!status && request->model)
        status = inspect_model();
    if (!status && request->plan)
        status = inspect_plan(request->level, request->batch_size);
    if (!status && request->file)
        status = inspect_file(request->file);
    return status;
}

int main(int argc, char **argv)
{
    static const struct argp parser = {
        .options = option_table,
        .parser = parse_option,
        .args_doc = "[FILE.safetensors]",
        .doc = "Shows the machine, the Tower, its plan, or the weights in a file."
               "\vExit status: 0 success, 1 the work failed, 2 bad usage.",
    };
    struct request request = {.batch_size = 64, .level = TW_PLAN_LEVELS - 1};
    enum tw_status status;

    output_open();
    argp_err_exit_status = 2;
    argp_parse(&parser, argc, argv, 0, NULL, &request);
    status = show(&request);
    if (!status)
        status = output_flush();
    if (status) {
        fflush(stdout);
        fprintf(stderr, "tower-inspect: %s\n", tw_error_message());
    }
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
