/*
 * On which hosts this worker may act. RabbitMQ gives a host's deliveries to one
 * worker at a time, but cannot know what the one before is still doing: so nothing
 * is done for a host before its tenure is held (worker/tenure.h), and deliveries
 * wait here until it is. Loop thread.
 */
#ifndef WORKER_SERVING_H
#define WORKER_SERVING_H

#include "worker/tenure.h"

struct delivery;
struct queue;
struct restore_request;
struct worker;

void serving_delivery(struct worker *w, struct delivery *delivery); /* now its own, or the life's */
void serving_queue(struct worker *w, size_t queue, bool up);
void serving_hypervisor_up(struct worker *w, size_t host);

/* Begin nothing more of a host, and let go of it when nothing runs any more. */
void serving_leave(struct worker *w, size_t host, const char *why);

/* Act on a host on which nobody acts, if it is this worker's to do. */
void serving_take(struct worker *w, size_t host);

/* Of tenures_open(). */
void serving_tenure(void *arg, size_t host, enum tenure_news news, const char *text);

/* After whatever may have ended a request: let go of the hosts that others ask for, once nothing of them runs. */
void serving_step(struct worker *w);

/* True if requests of the host may be begun. */
bool serving_may(void *arg, size_t host);

/* ... and its libvirt is there. */
bool serving_is_whole(void *arg, size_t host);

/* A queue that brings what comes for the host and is not consumed from; NULL: none, the host is consumed for. */
const struct queue *serving_missing(const struct worker *w, size_t host);

/* What waits goes: the broker has it, or will have it when the queue's channel is closed. */
void serving_forget_queue(struct worker *w, size_t queue);
void serving_forget_all(struct worker *w);

#endif
