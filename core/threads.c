#include "core/threads.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "core/memory.h"

static void *wait_for_the_others(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

enum tw_status tw_threads_can_start(int count)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    int started = 0, refused = 0;
    pthread_t *thread;

    if (count < 1) {
        return TW_OK;
    }
    thread = tw_alloc_array((size_t)count, sizeof *thread);
    if (thread == NULL) {
        return TW_ERROR_MEMORY;
    }
    pthread_mutex_lock(&gate);
    while (started < count && refused == 0) {
        refused = pthread_create(&thread[started], NULL, wait_for_the_others, &gate);
        started += refused == 0;
    }
    pthread_mutex_unlock(&gate);
    for (int i = 0; i < started; i++) {
        pthread_join(thread[i], NULL);
    }
    pthread_mutex_destroy(&gate);
    tw_free(thread);
    if (refused != 0) {
        return tw_fail(TW_ERROR_UNSUPPORTED, "threads: %d of %d could be started: %s", started, count,
                       strerror(refused));
    }
    return TW_OK;
}

/* A cpu_set_t has room for 1024 CPUs; the kernel refuses a set that is too small for the machine. */
int tw_threads_affinity(void)
{
    for (int cpus = CPU_SETSIZE; cpus <= 64 * CPU_SETSIZE; cpus *= 2) {
        cpu_set_t *set = CPU_ALLOC(cpus);
        int count = 0;

        if (set != NULL && sched_getaffinity(0, CPU_ALLOC_SIZE(cpus), set) == 0) {
            count = CPU_COUNT_S(CPU_ALLOC_SIZE(cpus), set);
        }
        CPU_FREE(set);
        if (count > 0) {
            return count;
        }
    }
    return 1;
}
