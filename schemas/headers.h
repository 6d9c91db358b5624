/* The names of the AMQP headers that Keyferry reads and writes. All hold text. */
#ifndef SCHEMAS_HEADERS_H
#define SCHEMAS_HEADERS_H

/* Of a dead letter that a worker wrote: why, from which queue, by which key it had come, who had sent it, and when (ms). */
#define CODE_HEADER        "x-keyferry-code"
#define DETAILS_HEADER     "x-keyferry-details"
#define QUEUE_HEADER       "x-keyferry-queue"
#define ROUTING_KEY_HEADER "x-keyferry-routing-key"
#define USER_HEADER        "x-keyferry-user"
#define TIME_HEADER        "x-keyferry-time"

/* Of a dead letter that an operator sends again: who had sent it, and, where only the letter says so, who wrote that. */
#define ON_BEHALF_OF_HEADER "x-keyferry-on-behalf-of"
#define VOUCHED_BY_HEADER   "x-keyferry-vouched-by"

/* W3C Trace Context: schemas/trace.h. */
#define TRACEPARENT_HEADER "traceparent"

#endif
