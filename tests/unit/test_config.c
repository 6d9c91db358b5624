#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "schemas/seal.h"
#include "worker/config.h"

#define HOST "[host.c0ffee00111142228333444455556666]\n"
#define BUS  "[bus]\nurl = amqp://guest@localhost\n"

static char path[] = "/tmp/keyferry-config-XXXXXX";

static bool read_text(const char *text, struct config *out, struct err *e)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return config_read(path, out, e);
}

static void refuses(const char *text, int line, const char *says)
{
    struct config config;
    char where[64];
    struct err e;

    if (read_text(text, &config, &e))
        fail_msg("accepted: %s", text);
    assert_int_equal(e.kind, ERR_CONFIG);
    snprintf(where, sizeof(where), "%s:%d: ", path, line);
    if (line != 0 && strncmp(e.text, where, strlen(where)) != 0)
        fail_msg("'%s' does not begin with '%s'", e.text, where);
    if (strstr(e.text, says) == NULL)
        fail_msg("'%s' does not say '%s'", e.text, says);
}

static void fills_in_the_defaults(void **state)
{
    struct config c;
    struct err e;

    (void)state;
    assert_true(read_text(BUS HOST, &c, &e));
    assert_string_equal(c.urls, "amqp://guest@localhost");
    assert_int_equal(c.prefetch, 64);
    assert_int_equal(c.heartbeat_s, 15);
    assert_int_equal(c.declare, 1);
    assert_string_equal(c.ca_file, "");
    assert_int_equal(c.sasl, SASL_PLAIN);
    assert_int_equal(c.plaintext_dek, PLAINTEXT_LOOPBACK);
    assert_int_equal(c.envelope, SEAL_BOUND);
    assert_string_equal(c.exchange, "keyferry.p2p");
    assert_string_equal(c.reply_exchange, "");
    assert_int_equal(c.host_count, 1);
    assert_string_equal(c.hosts[0].uuid.text, "c0ffee00-1111-4222-8333-444455556666");
    assert_string_equal(c.hosts[0].libvirt_uri, "qemu:///system");
    assert_string_not_equal(c.name, "");
    config_done(&c);
}

static void reads_every_kind_of_value(void **state)
{
    struct config c;
    struct err e;

    (void)state;
    assert_true(read_text("# a comment\n" BUS "  amqp://b:5673/v ; the second one\nprefetch = 8\nqueue_type = classic\n"
                          "declare = no\nca_file = /etc/ca.pem\ncert_file = c\nkey_file = k\nsasl = external\n"
                          "[worker]\nname = w-1\nplaintext_dek = refuse\nenvelope = both\nlog_level = debug\n" HOST
                          "libvirt_uri = qemu+unix:///session?socket=/tmp/s\n"
                          "[host.00000000-0000-4000-8000-00000000000A]\n",
                          &c, &e));
    assert_string_equal(c.urls, "amqp://guest@localhost,amqp://b:5673/v");
    assert_int_equal(c.prefetch, 8);
    assert_int_equal(c.queue_type, 1);
    assert_int_equal(c.declare, 0);
    assert_string_equal(c.ca_file, "/etc/ca.pem");
    assert_string_equal(c.cert_file, "c");
    assert_string_equal(c.key_file, "k");
    assert_int_equal(c.sasl, SASL_EXTERNAL);
    assert_string_equal(c.name, "w-1");
    assert_int_equal(c.plaintext_dek, PLAINTEXT_REFUSE);
    assert_int_equal(c.envelope, SEAL_BOTH);
    assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(c.host_count, 2);
    assert_string_equal(c.hosts[0].libvirt_uri, "qemu+unix:///session?socket=/tmp/s");
    assert_string_equal(c.hosts[1].uuid.text, "00000000-0000-4000-8000-00000000000a");
    config_done(&c);
}

static void names_file_and_line_of_what_is_wrong(void **state)
{
    (void)state;
    refuses(BUS "prefetchh = 8\n" HOST, 3, "unknown key 'prefetchh' in [bus]");
    refuses(BUS "[buss]\nurl = x\n" HOST, 3, "unknown section [buss]");
    refuses(BUS HOST "[empty]\n", 4, "unknown section [empty]");
    refuses(BUS "prefetch = 1\n" HOST, 3, "prefetch must be a whole number from 2 to 10000");
    refuses(BUS "prefetch = 8x\n" HOST, 3, "prefetch must be");
    refuses(BUS "prefetch = 8\nprefetch = 9\n" HOST, 4, "given twice");
    refuses(BUS "sasl = gssapi\n" HOST, 3, "sasl must be one of: plain, external");
    refuses(BUS "queue_type = lazy\n" HOST, 3, "queue_type must be one of: quorum, classic");
    refuses(BUS "[host.nonsense]\n", 3, "not a UUID");
    refuses(BUS HOST HOST, 4, "given twice");
    refuses(BUS HOST "uri = x\n", 4, "unknown key 'uri'");
    refuses(BUS HOST "libvirt_uri = a\nlibvirt_uri = b\n", 5, "given twice");
    refuses(BUS HOST "just words\n", 4, "neither");
}

static void refuses_a_word_that_is_none_of_them(void **state)
{
    (void)state;
    refuses(BUS "[worker]\norphan_policy = keep\n" HOST, 4, "orphan_policy");
}

#define A "aaaaaaaa-0000-4000-8000-00000000000a"
#define B "aaaaaaaa-0000-4000-8000-00000000000b"

static void reads_who_may_say_what(void **state)
{
    struct config c;
    struct err e;

    (void)state;
    assert_true(read_text(BUS "[senders]\nrequire_user_id = yes\nmgmt = manager ; them\nhost-* = peer " A "\n  " B
                              " ; too\n"
                              "any = peer *\n" HOST,
                          &c, &e));
    assert_int_equal(c.senders.require_user_id, 1);
    assert_int_equal(c.senders.count, 3);
    assert_int_equal(senders_find(&c.senders, "mgmt")->role, ROLE_MANAGER);
    assert_int_equal(senders_find(&c.senders, "host-1")->host_count, 2);
    assert_true(senders_find(&c.senders, "any")->serves_any);
    config_done(&c);
}

static void names_the_line_of_a_sender_that_is_wrong(void **state)
{
    (void)state;
    refuses(BUS "[senders]\n" HOST, 3, "[senders] names nobody");
    refuses(BUS "[senders]\nrequire_signature = yes\n" HOST, 0, "sender.<user> in [trust]");
    refuses(BUS "[senders]\nmgmt = boss\n" HOST, 4, "must be one of: reader, manager, operator, peer");
    refuses(BUS "[senders]\nmgmt = manager\nmgmt = reader\n" HOST, 5, "mgmt is given twice");
    refuses(BUS "[senders]\nh = peer\n" HOST, 4, "either the UUIDs of its hosts or '*'");
    refuses(BUS "[senders]\nh = peer nonsense\n" HOST, 4, "'nonsense' in [senders] is not a host's UUID");
    refuses(BUS "[senders]\n= peer *\n" HOST, 4, "a user in [senders] has 1 to 255 characters");
    refuses(BUS "[senders]\na*b = manager\n" HOST, 4, "a '*' may only be the last character");
}

#define FINGERPRINT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define KEY         "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static void reads_whom_to_trust(void **state)
{
    struct config c;
    struct err e;

    (void)state;
    assert_true(
        read_text(BUS "[trust]\ndst_key = pinned\nhost." A " = " FINGERPRINT "\nsender.mgmt = " KEY "\n" HOST, &c, &e));
    assert_int_equal(c.trust.pins.dst_key, DST_KEY_PINNED);
    assert_int_equal(c.trust.pins.count, 1);
    assert_string_equal(c.trust.pins.list[0].host.text, A);
    assert_int_equal(c.trust.key_count, 1);
    config_done(&c);
    refuses(BUS "[trust]\ndst_key = none\n" HOST, 4, "dst_key must be one of: any, pinned");
    refuses(BUS "[trust]\nhost.x = " FINGERPRINT "\n" HOST, 4, "host.x in [trust]: not a host's UUID");
    refuses(BUS "[trust]\nhost." A " = abc\n" HOST, 4, "must be a fingerprint: 64 hex digits");
    refuses(BUS "[trust]\nsender.m = abc\n" HOST, 4, "must be an Ed25519 public key");
    refuses(BUS "[trust]\nsender.m = " KEY "\nsender.m = " KEY "\n" HOST, 5, "sender.m is given twice");
    refuses(BUS "[trust]\nsender. = " KEY "\n" HOST, 4, "1 to 255 characters");
    refuses(BUS "[trust]\nsendr.m = " KEY "\n" HOST, 4, "unknown key 'sendr.m' in [trust]");
}

static void wants_a_broker_and_a_host(void **state)
{
    (void)state;
    refuses(HOST, 0, "url in [bus] is required");
    refuses(BUS, 0, "at least one [host.<uuid>] section is required");
    refuses(BUS "[worker]\nname = a b\n" HOST, 0, "name may have only");
    refuses(BUS "exchange =\n" HOST, 0, "exchange in [bus] is required");
    refuses(BUS "dead_exchange =\n" HOST, 0, "dead_exchange in [bus] is required");
    refuses(BUS "events_exchange =\n" HOST, 0, "events_exchange in [bus] is required");
    refuses(BUS "[worker]\nstate_dir =\n" HOST, 0, "state_dir in [worker] is required");
}

static void refuses_a_line_that_would_be_cut_off(void **state)
{
    char text[1024] = BUS "exchange = ";

    (void)state;
    memset(text + strlen(text), 'x', 300);
    strcat(text, "\n" HOST);
    refuses(text, 3, "longer than");
}

static void prints_what_it_would_read_again(void **state)
{
    struct config c, again;
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    struct err e;

    (void)state;
    assert_true(read_text("[bus]\nurl = amqp://u:secret@h1:5672/v,amqp://u:secret@h2\nheartbeat_s = 7\n"
                          "[senders]\nh-* = peer " A "," B "\nm = manager\n*=peer *\n[trust]\nhost." A
                          " = 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
                          "sender.m = 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n" HOST,
                          &c, &e));
    config_print(&c, to);
    fclose(to);
    assert_null(strstr(text, "secret"));
    assert_non_null(strstr(text, "url = amqp://u@h1:5672/v,amqp://u@h2\n"));
    assert_non_null(strstr(text, "heartbeat_s = 7\n"));
    assert_true(read_text(text, &again, &e));
    assert_int_equal(again.heartbeat_s, 7);
    assert_int_equal(again.senders.count, 3);
    assert_memory_equal(&again.trust.pins.list[0], &c.trust.pins.list[0], sizeof(struct pin));
    assert_memory_equal(&again.trust.keys[0], &c.trust.keys[0], sizeof(struct sender_key));
    assert_int_equal(senders_find(&again.senders, "h-1")->host_count, 2);
    assert_string_equal(senders_find(&again.senders, "h-1")->hosts[1].text, B);
    assert_int_equal(senders_find(&again.senders, "m")->role, ROLE_MANAGER);
    assert_true(senders_find(&again.senders, "x")->serves_any);
    assert_string_equal(again.hosts[0].uuid.text, c.hosts[0].uuid.text);
    config_done(&c);
    config_done(&again);
    free(text);
}

/* What is printed of `text`, and that it is read again as it was. To be free()d. */
static char *printed_again(const char *text)
{
    struct config c;
    char *printed[2] = {NULL, NULL};
    size_t len;
    struct err e;

    for (int i = 0; i < 2; i++) {
        FILE *to = open_memstream(&printed[i], &len);

        if (!read_text(i == 0 ? text : printed[0], &c, &e))
            fail_msg("%s", e.text);
        config_print(&c, to);
        fclose(to);
        config_done(&c);
    }
    assert_string_equal(printed[0], printed[1]);
    free(printed[1]);
    return printed[0];
}

static void prints_a_long_list_of_brokers_on_lines_of_their_own(void **state)
{
    char text[2048] = "[bus]\nurl = amqp://u:secret@h0/v,\n", *printed;

    (void)state;
    for (int i = 1; i < 12; i++)
        sprintf(text + strlen(text), "  amqp://user:secret@broker-%d.example.com:5672/vhost ; number %d\n", i, i);
    strcat(text, HOST);
    printed = printed_again(text);
    assert_null(strstr(printed, "secret"));
    assert_non_null(strstr(printed, "url =\n amqp://u@h0/v\n amqp://user@broker-1.example.com:5672/vhost\n"));
    free(printed);
}

/* Else it would be laid out otherwise when it is read again. */
static void a_password_takes_no_room_in_a_line_that_it_is_not_in(void **state)
{
    char text[1024] = "[bus]\n", *printed;

    (void)state;
    for (int i = 0; i < 5; i++)
        sprintf(text + strlen(text), "%samqp://u:a-password-of-some-length-%d@h%d/v\n", i == 0 ? "url = " : "  ", i, i);
    strcat(text, HOST);
    printed = printed_again(text);
    assert_non_null(strstr(printed, "url = amqp://u@h0/v,amqp://u@h1/v,amqp://u@h2/v,amqp://u@h3/v,amqp://u@h4/v\n"));
    free(printed);
}

static void prints_a_vhost_as_it_is(void **state)
{
    char *printed = printed_again("[bus]\nurl = amqp://u:secret@h/v:x@y , amqp://h/a:b@c\n" HOST);

    (void)state;
    assert_non_null(strstr(printed, "url = amqp://u@h/v:x@y,amqp://h/a:b@c\n"));
    free(printed);
}

/* With blanks around its '=' it would be too long to be read again. */
static void prints_a_line_that_was_as_long_as_can_be(void **state)
{
    char text[1024] = BUS "exchange=", line[256] = "", *printed;

    (void)state;
    memset(line, 'x', 198 - strlen("exchange="));
    strcat(strcat(text, line), "\n[senders]\n");
    line[198 - strlen("=peer ") - 32] = '\0';
    strcat(strcat(text, line), "=peer aaaaaaaa00004000800000000000000a\n" HOST);
    printed = printed_again(text);
    assert_non_null(strstr(printed, "xxx=peer aaaaaaaa00004000800000000000000a\n"));
    free(printed);
}

static void sees_a_section_wherever_inih_does(void **state)
{
    (void)state;
    refuses(BUS HOST "libvirt_uri = a\n  [host." A "]\n", 5, "a section must begin at the beginning of its line");
    refuses(BUS HOST "\f[nonsense]\n", 4, "a section must begin at the beginning of its line");
    refuses("\xef\xbb\xbf[nonsense]\n" BUS HOST, 1, "unknown section [nonsense]");
    free(printed_again("\xef\xbb\xbf" BUS HOST));
}

static void refuses_what_stands_behind_a_section(void **state)
{
    (void)state;
    refuses(BUS HOST "[senders] mgmt = manager\n", 4, "nothing may follow [senders] in its line");
    free(printed_again("[bus] ; a comment\nurl = amqp://localhost\n[host." A "]\t# another\n"));
}

/* inih would give the second line's hosts to a user of another name. */
static void refuses_to_go_on_with_a_key_too_long_for_inih(void **state)
{
    (void)state;
    refuses(BUS "[senders]\nthe-worker-of-the-host-in-the-second-rack-of-the-third-room = peer " A "\n  peer " B
                "\n" HOST,
            5, "is too long to go on in another line");
}

static void refuses_what_may_be_a_comment_or_not(void **state)
{
    (void)state;
    refuses(BUS "[worker]\nhttp =;127.0.0.1:9464\n" HOST, 4, "http: a comment needs a blank before its ';'");
}

static void takes_the_password_from_the_file_or_the_environment(void **state)
{
    char secret[] = "/tmp/keyferry-password-XXXXXX", text[256], *password;
    int fd = mkstemp(secret);
    struct config c;
    struct err e;

    (void)state;
    assert_int_equal(write(fd, "s3cret\n", 7), 7);
    close(fd);
    snprintf(text, sizeof(text), BUS "password_file = %s\n" HOST, secret);
    assert_true(read_text(text, &c, &e));
    assert_true(config_password(&c, &password, &e));
    assert_string_equal(password, "s3cret");
    free(password);
    setenv("KEYFERRY_BUS_PASSWORD", "other", 1);
    assert_true(config_password(&c, &password, &e));
    assert_string_equal(password, "other");
    free(password);
    unsetenv("KEYFERRY_BUS_PASSWORD");
    unlink(secret);
    assert_false(config_password(&c, &password, &e));
    config_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_in_the_defaults),
        cmocka_unit_test(reads_every_kind_of_value),
        cmocka_unit_test(names_file_and_line_of_what_is_wrong),
        cmocka_unit_test(refuses_a_word_that_is_none_of_them),
        cmocka_unit_test(reads_who_may_say_what),
        cmocka_unit_test(names_the_line_of_a_sender_that_is_wrong),
        cmocka_unit_test(reads_whom_to_trust),
        cmocka_unit_test(wants_a_broker_and_a_host),
        cmocka_unit_test(refuses_a_line_that_would_be_cut_off),
        cmocka_unit_test(prints_what_it_would_read_again),
        cmocka_unit_test(prints_a_long_list_of_brokers_on_lines_of_their_own),
        cmocka_unit_test(a_password_takes_no_room_in_a_line_that_it_is_not_in),
        cmocka_unit_test(prints_a_vhost_as_it_is),
        cmocka_unit_test(prints_a_line_that_was_as_long_as_can_be),
        cmocka_unit_test(sees_a_section_wherever_inih_does),
        cmocka_unit_test(refuses_what_stands_behind_a_section),
        cmocka_unit_test(refuses_to_go_on_with_a_key_too_long_for_inih),
        cmocka_unit_test(refuses_what_may_be_a_comment_or_not),
        cmocka_unit_test(takes_the_password_from_the_file_or_the_environment),
    };
    int failed;

    close(mkstemp(path));
    failed = cmocka_run_group_tests_name("config", tests, NULL, NULL);
    unlink(path);
    return failed;
}
