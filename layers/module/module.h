/* Modules: the tree that owns parameters, buffers and submodules and gives them names.
 *
 * A module is a struct whose first member is a tw_module called `super`, and a class that says how its
 * forward reads:
 *
 *     typedef struct { tw_module super; tw_module *fc1, *fc2; float *not_a_parameter; } tw_mlp;
 *
 *     static tw_value mlp_forward(tw_module *self, tw_graph *g, tw_value x)
 *     {
 *         tw_mlp *mlp = TW_SELF(self, tw_mlp);
 *         return tw_call(mlp->fc2, g, tw_relu(g, tw_call(mlp->fc1, g, x)));
 *     }
 *
 * What is registered is named, counted, trained, saved, moved down the tree by train/eval and apply; what is
 * merely a field is none of that. Names are paths: parameter "weight" of submodule "conv1" is "conv1.weight".
 * Registration order is kept everywhere. A tree is not thread-safe.
 *
 * After torch.nn.Module (PyTorch 1.13, torch/nn/modules/module.py).
 */
#ifndef TOWER_LAYERS_MODULE_MODULE_H
#define TOWER_LAYERS_MODULE_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/status.h"
#include "core/tensor.h"
#include "layers/graph/graph.h"
#include "layers/module/parameter.h"

typedef struct tw_module tw_module;

typedef struct tw_module_class {
    const char *name; /* "Conv2d" */
    /* Records the module's operations on x. NULL: the module only contains others, calling it is an error. */
    tw_value (*forward)(tw_module *self, tw_graph *graph, tw_value x);
    /* Writes what stands between the brackets of "Conv2d(1, 32, kernel_size=(3, 3))"; NULL: nothing. */
    void (*describe)(const tw_module *self, char *text, size_t bytes);
    /* Frees what the module owns beside its registrations and its own memory; NULL: nothing. */
    void (*destroy)(tw_module *self);
} tw_module_class;

/* One registered thing; `name` has no dot. Exactly one of the kinds' lists holds it. */
struct tw_module_parameter_entry {
    char *name;
    tw_parameter *parameter; /* NULL: registered as none; the name is taken, nothing is counted or saved */
};
struct tw_module_buffer_entry {
    char *name;
    struct tw_tensor *buffer; /* NULL: none */
    bool persistent;          /* part of the state dict */
};
struct tw_module_child_entry {
    char *name;
    tw_module *module; /* NULL: none */
};

struct tw_module {
    const tw_module_class *class;
    uint64_t initialised; /* TW_MODULE_INITIALISED once tw_module_init has run */
    int references;
    bool training; /* true at first, as in PyTorch */
    bool failed;   /* a registration or a child's construction failed; tw_module_ready reports it */
    struct tw_module_parameter_entry *parameters;
    size_t parameter_count, parameter_capacity;
    struct tw_module_buffer_entry *buffers;
    size_t buffer_count, buffer_capacity;
    struct tw_module_child_entry *children;
    size_t child_count, child_capacity;
};

#define TW_MODULE_INITIALISED UINT64_C(0x746f776572206d6f)

/* The enclosing struct of a module: `super` is its first member. */
#define TW_SELF(module, type) ((type *)(void *)(module))

/* --- life ----------------------------------------------------------------------------------------------- */

/* Allocates `bytes` zero bytes (at least sizeof(tw_module)) and initialises the module at their front; NULL
 * on failure. The caller owns one reference. */
void *tw_module_new(size_t bytes, const tw_module_class *class);

/* Initialises a module in memory that came from tw_alloc; done by tw_module_new. */
enum tw_status tw_module_init(tw_module *self, const tw_module_class *class);

/* The end of a constructor: `self`, or NULL (and everything released) if any registration in self or in a
 * module below it failed since tw_module_init; then the message of the latest failure is still there. */
tw_module *tw_module_ready(tw_module *self);

tw_module *tw_module_retain(tw_module *self);
/* Gives up one reference; the last one releases children, parameters, buffers, calls destroy and frees. NULL
 * does nothing. */
void tw_module_release(tw_module *self);

/* --- registration --------------------------------------------------------------------------------------- */

/* Each function takes over the caller's reference to what it registers, also when it fails (then it is
 * released). NULL registers the name with nothing behind it. Failures: TW_ERROR_STATE before tw_module_init;
 * TW_ERROR_ARGUMENT for a NULL, empty or dotted name, or one that is taken by any kind of registration of
 * this module, or a child that is self or has self below it; TW_ERROR_MEMORY. They quote class and name and
 * set self->failed. The one reference that is not released is the last one to such a circular child, for it
 * is what keeps self alive. */
enum tw_status tw_module_register_parameter(tw_module *self, const char *name, tw_parameter *parameter);
enum tw_status tw_module_register_buffer(tw_module *self, const char *name, struct tw_tensor *buffer,
                                         bool persistent);
enum tw_status tw_module_register_module(tw_module *self, const char *name, tw_module *child);

/* Creates a parameter and registers it. Returns it (owned by the module), NULL on failure. */
tw_parameter *tw_module_new_parameter(tw_module *self, const char *name, struct tw_shape shape);

/* Registers a freshly constructed child and returns it (owned by self). A NULL child means that its
 * constructor failed: self->failed is set, NULL returned, the constructor's message left in place. */
tw_module *tw_module_add(tw_module *self, const char *name, tw_module *child);

/* --- use ------------------------------------------------------------------------------------------------ */

/* Records self's forward on x. The graph learns the module's path below the module that was called first
 * (whose own is ""), so that a shape error deep inside reads "fc1: linear: …"; a module that is not
 * registered below the one that calls it appears as its class, "<Linear>". An invalid x, a NULL module or a
 * class without forward gives an invalid value and an error on the graph; so do calls nested more than a
 * thousand deep, which is modules calling each other in circles. Modules called otherwise than with one
 * value: module_call.h. */
tw_value tw_call(tw_module *self, tw_graph *graph, tw_value x);

/* train(true) / eval = train(false), for self and everything below. Takes effect when a forward is recorded: graphs
 * that exist, and their plans, stay as they were recorded. */
void tw_module_train(tw_module *self, bool training);

/* requires_grad of every parameter at or below self. */
void tw_module_requires_grad(tw_module *self, bool requires_grad);

/* tw_parameter_zero_grad for every parameter at or below self. */
void tw_module_zero_grad(tw_module *self);

/* Calls visit(context, path, module) for every module at or below self, children before their parent as
 * torch.nn.Module.apply; a module reached twice is visited once. The first status other than TW_OK ends it
 * and is returned. `path` is "" for self; valid during the call. */
typedef enum tw_status tw_module_visit(void *context, const char *path, tw_module *module);
enum tw_status tw_module_apply(tw_module *self, tw_module_visit *visit, void *context);

/* The submodule at a dotted path ("features.0"), borrowed; "" is self. NULL with TW_ERROR_ARGUMENT naming the
 * part that is missing. */
tw_module *tw_module_find(tw_module *self, const char *path);

/* --- named traversal ------------------------------------------------------------------------------------ */

struct tw_named_parameter {
    char *name; /* "conv1.weight" */
    tw_parameter *parameter;
};
struct tw_parameter_list {
    struct tw_named_parameter *items; /* parameters borrowed from the tree */
    size_t count;
};
/* Every parameter at or below self, depth first in registration order, a module's own before its children's;
 * a shared one once, under its first name. Released with tw_parameter_list_release. */
enum tw_status tw_module_named_parameters(const tw_module *self, struct tw_parameter_list *list);
void tw_parameter_list_release(struct tw_parameter_list *list);

/* Elements of all parameters at or below self, shared ones once; only those that require a gradient if
 * `trainable`. -1 with TW_ERROR_MEMORY. */
ptrdiff_t tw_module_parameter_elements(const tw_module *self, bool trainable);

/* The tree as PyTorch prints it, with every class, description and child name, one per line. Released with
 * tw_free. */
char *tw_module_text(const tw_module *self);

#endif
