#include "bus/stream.h"
#include "frames.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* A stream on one end of a socket pair, and the other end. */
struct rig {
    struct event_base *base;
    struct stream stream;
    int peer;
    int heartbeats, drained, ended;
    char why[200];
};

static bool on_frame(void *arg, const struct wire_frame *frame, struct err *e)
{
    struct rig *rig = arg;

    if (frame->kind != WIRE_HEARTBEAT)
        return err_set(e, ERR_BUS, "only heartbeats, please");
    rig->heartbeats++;
    return true;
}

static void on_ended(void *arg, const char *why)
{
    struct rig *rig = arg;

    rig->ended++;
    snprintf(rig->why, sizeof(rig->why), "%s", why);
    stream_cut(&rig->stream);
}

static void on_drained(void *arg)
{
    ((struct rig *)arg)->drained++;
}

static const struct stream_owner owner = {.frame = on_frame, .ended = on_ended, .drained = on_drained};

static void plug_in(struct rig *rig)
{
    struct err e;
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    rig->peer = fds[1];
    assert_true(stream_begin(&rig->stream, bufferevent_socket_new(rig->base, fds[0], BEV_OPT_CLOSE_ON_FREE), &e));
}

static void begin(struct rig *rig)
{
    struct err e;

    *rig = (struct rig){.base = event_base_new()};
    assert_true(stream_init(&rig->stream, rig->base, &owner, rig, &e));
    plug_in(rig);
}

static void turn(struct rig *rig)
{
    event_base_loop(rig->base, EVLOOP_NONBLOCK);
}

static void end(struct rig *rig)
{
    stream_done(&rig->stream);
    turn(rig);
    close(rig->peer);
    event_base_free(rig->base);
}

static void frames_go_out_at_the_end_of_a_turn(void **state)
{
    struct rig rig;
    uint8_t bytes[64];

    (void)state;
    begin(&rig);
    wire_put_heartbeat(&rig.stream.out);
    wire_put_heartbeat(&rig.stream.out);
    assert_true(recv(rig.peer, bytes, sizeof(bytes), 0) < 0);
    turn(&rig);
    assert_int_equal(recv(rig.peer, bytes, sizeof(bytes), 0), 16);
    assert_true(rig.drained >= 1);
    end(&rig);
}

/* More than the socket takes at once. */
static void the_rest_follows_when_the_socket_is_free(void **state)
{
    enum { BYTES = 3 * 1024 * 1024 };
    static uint8_t bytes[65536];
    struct rig rig;
    size_t got = 0;

    (void)state;
    begin(&rig);
    for (int i = 0; i < BYTES / 8; i++)
        wire_put_heartbeat(&rig.stream.out);
    turn(&rig);
    assert_int_equal(rig.drained, 0);
    while (got < BYTES) {
        ssize_t len = recv(rig.peer, bytes, sizeof(bytes), 0);
        got += len > 0 ? (size_t)len : 0;
        turn(&rig);
    }
    turn(&rig);
    assert_true(rig.drained >= 1);
    end(&rig);
}

static void frames_come_in_and_the_owner_may_end_it(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    assert_int_equal(send(rig.peer, "\10\0\0\0\0\0\0\316\10\0\0\0\0\0\0\316", 16, 0), 16);
    turn(&rig);
    assert_int_equal(rig.heartbeats, 2);
    assert_int_equal(send(rig.peer, "\3\0\1\0\0\0\1x\316\10\0\0\0\0\0\0\316", 17, 0), 17);
    turn(&rig);
    assert_int_equal(rig.ended, 1);
    assert_string_equal(rig.why, "only heartbeats, please");
    assert_int_equal(rig.heartbeats, 2);
    end(&rig);
}

static void a_peer_that_hangs_up_is_told_and_another_may_follow(void **state)
{
    struct rig rig;

    (void)state;
    begin(&rig);
    close(rig.peer);
    turn(&rig);
    assert_int_equal(rig.ended, 1);
    assert_string_equal(rig.why, "the broker hung up without a word");
    wire_put_heartbeat(&rig.stream.out);
    turn(&rig);
    plug_in(&rig);
    assert_int_equal(send(rig.peer, "\10\0\0\0\0\0\0\316", 8, 0), 8);
    turn(&rig);
    assert_int_equal(rig.heartbeats, 1);
    end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_go_out_at_the_end_of_a_turn),
        cmocka_unit_test(the_rest_follows_when_the_socket_is_free),
        cmocka_unit_test(frames_come_in_and_the_owner_may_end_it),
        cmocka_unit_test(a_peer_that_hangs_up_is_told_and_another_may_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
