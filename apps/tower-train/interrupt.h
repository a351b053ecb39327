/* Ctrl-C and SIGTERM as a question that the training loop asks after every step.
 */
#ifndef TOWER_TRAIN_INTERRUPT_H
#define TOWER_TRAIN_INTERRUPT_H

#include <stdbool.h>

/* From now on the first SIGINT or SIGTERM is only remembered; the second one ends the program as usual. */
void interrupt_listen(void);

/* Whether one has come. */
bool interrupt_received(void);

#endif
