#include "bus/headers.h"
#include "frames.h"

#define W HEADER_WITHIN

static struct delivery *kept;

static amqp_table_entry_t entry(const char *key, uint8_t kind)
{
    return (amqp_table_entry_t){.key = amqp_cstring_bytes(key), .value = {.kind = kind}};
}

static amqp_table_entry_t entry_text(const char *key, const char *text)
{
    amqp_table_entry_t e = entry(key, AMQP_FIELD_KIND_UTF8);

    e.value.value.bytes = amqp_cstring_bytes(text);
    return e;
}

/* The delivery that a bus which looks would make of these headers. */
static void take(amqp_table_entry_t *entries, int count)
{
    amqp_basic_properties_t p = {._flags = AMQP_BASIC_HEADERS_FLAG,
                                 .headers = {.num_entries = count, .entries = entries}};
    struct wire_reader *reader = wire_reader_new();
    struct script *s = calloc(1, sizeof(*s));
    struct wire_frame frame;
    struct err e;
    size_t used;

    assert_non_null(s);
    script_header(s, 1, 3, &p);
    assert_true(wire_read(reader, s->bytes, s->len, &used, &frame, &e));
    size_t bytes = wire_headers_list(&frame, NULL, 0);
    kept = calloc(1, sizeof(*kept) + 3 + bytes);
    assert_non_null(kept);
    kept->body_bytes = 3;
    memcpy(kept->body, "abc", 3);
    kept->headers_bytes = wire_headers_list(&frame, (char *)kept->body + 3, bytes);
    assert_int_equal(kept->headers_bytes, bytes);
    free(s);
    wire_reader_free(reader);
}

static int drop(void **state)
{
    (void)state;
    free(kept);
    kept = NULL;
    return 0;
}

static void next_is(const char **at, const char *name, char type, const char *text)
{
    struct header header;

    assert_true(header_next(kept, at, &header));
    assert_string_equal(header.name, name);
    assert_int_equal(header.type, type);
    assert_string_equal(header.text, text);
}

static void lists_values_of_every_type_as_text(void **state)
{
    amqp_table_entry_t all[] = {
        entry_text("text", "a b"),
        entry_text("empty", ""),
        entry("flag", AMQP_FIELD_KIND_BOOLEAN),
        entry("small", AMQP_FIELD_KIND_I8),
        entry("whole", AMQP_FIELD_KIND_I32),
        entry("large", AMQP_FIELD_KIND_I64),
        entry("time", AMQP_FIELD_KIND_TIMESTAMP),
        entry("real", AMQP_FIELD_KIND_F64),
        entry("nothing", AMQP_FIELD_KIND_VOID),
        entry("bytes", AMQP_FIELD_KIND_BYTES),
    };
    const char *at = NULL;
    struct header header;

    (void)state;
    all[2].value.value.boolean = 1;
    all[3].value.value.i8 = -3;
    all[4].value.value.i32 = -70000;
    all[5].value.value.i64 = INT64_C(1) << 40;
    all[6].value.value.u64 = 1800000000;
    all[7].value.value.f64 = 1.5;
    all[9].value.value.bytes = amqp_cstring_bytes("secret");
    take(all, COUNT(all));
    next_is(&at, "text", 'S', "a b");
    next_is(&at, "empty", 'S', "");
    next_is(&at, "flag", 't', "true");
    next_is(&at, "small", 'b', "-3");
    next_is(&at, "whole", 'I', "-70000");
    next_is(&at, "large", 'l', "1099511627776");
    next_is(&at, "time", 'T', "1800000000");
    next_is(&at, "real", 'd', "1.5");
    next_is(&at, "nothing", 'V', "");
    next_is(&at, "bytes", 'x', "6 bytes");
    assert_false(header_next(kept, &at, &header));
    assert_string_equal(header_text(kept, "time"), "1800000000");
    assert_null(header_text(kept, "bytes"));
    assert_null(header_text(kept, "none"));
}

static void what_is_within_others_has_a_name_that_nobody_can_give(void **state)
{
    amqp_table_entry_t death[] = {entry_text("queue", "q"), entry("routing-keys", AMQP_FIELD_KIND_ARRAY)};
    amqp_field_value_t key = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes("host.a")};
    amqp_field_value_t table = {.kind = AMQP_FIELD_KIND_TABLE,
                                .value.table = {.num_entries = COUNT(death), .entries = death}};
    amqp_table_entry_t all[] = {entry_text("x-death" W "0" W "queue", "forged"),
                                entry_text("x-death.0.queue", "forged"), entry("x-death", AMQP_FIELD_KIND_ARRAY)};

    (void)state;
    death[1].value.value.array = (amqp_array_t){.num_entries = 1, .entries = &key};
    all[2].value.value.array = (amqp_array_t){.num_entries = 1, .entries = &table};
    take(all, COUNT(all));
    assert_string_equal(header_text(kept, "x-death" W "0" W "queue"), "q");
    assert_string_equal(header_text(kept, "x-death" W "0" W "routing-keys" W "0"), "host.a");
    assert_string_equal(header_text(kept, "x-death 0 queue"), "forged");
}

static void text_with_a_nul_is_bytes(void **state)
{
    amqp_table_entry_t all[] = {entry_text("text", "")};

    (void)state;
    all[0].value.value.bytes = (amqp_bytes_t){.len = 5, .bytes = (char[]){'a', 'b', '\0', 'c', 'd'}};
    take(all, COUNT(all));
    assert_null(header_text(kept, "text"));
}

static void what_lies_too_deep_is_left_out(void **state)
{
    amqp_table_entry_t levels[6];

    (void)state;
    levels[5] = entry_text("deep", "x");
    for (int i = 4; i >= 0; i--) {
        levels[i] = entry("t", AMQP_FIELD_KIND_TABLE);
        levels[i].value.value.table = (amqp_table_t){.num_entries = 1, .entries = &levels[i + 1]};
    }
    take(levels, 1);
    assert_int_equal(kept->headers_bytes, 0);
}

static void no_headers_are_none(void **state)
{
    const char *at = NULL;
    struct header header;

    (void)state;
    kept = calloc(1, sizeof(*kept));
    assert_false(header_next(kept, &at, &header));
    assert_null(header_text(kept, "x"));
    assert_int_equal(wire_headers_list(&(struct wire_frame){0}, NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(lists_values_of_every_type_as_text, drop),
        cmocka_unit_test_teardown(what_is_within_others_has_a_name_that_nobody_can_give, drop),
        cmocka_unit_test_teardown(text_with_a_nul_is_bytes, drop),
        cmocka_unit_test_teardown(what_lies_too_deep_is_left_out, drop),
        cmocka_unit_test_teardown(no_headers_are_none, drop),
    };

    return cmocka_run_group_tests_name("wire_headers", tests, NULL, NULL);
}
