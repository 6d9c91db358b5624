/*
 * Hosts that are held by a worker that stands still: it would be found out by the next
 * worker's first delivery, and until then nobody restores what the host loses, nor ends
 * its leases. Here that worker asks for the host without a delivery (worker/tenure.h),
 * if it is the one to act on it and two things are so: the holder does not announce
 * itself any more, and the broker gives its deliveries to us, as a canary that comes
 * tells. So nobody is asked who would ask back. Loop thread.
 */
#ifndef WORKER_SILENCE_H
#define WORKER_SILENCE_H

struct worker;

/* Of sharing_look(): look at the holders of some hosts, one after the other. */
void silence_look(struct worker *w);

#endif
