#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/hv_xml.h"

#define UUID_1 "11111111-1111-4111-8111-111111111111"
#define UUID_2 "22222222-2222-4222-8222-222222222222"

#define SECRET(attributes, inner) "<secret " attributes "><uuid>" UUID_1 "</uuid>" inner "</secret>"
#define DOMAIN(inner)             "<domain type='qemu' id='3'><name>web-1</name>" inner "</domain>"
#define DEVICES(inner)            DOMAIN("<devices>" inner "</devices>")
#define ENCRYPTED                 "<tpm model='tpm-crb'><backend type='emulator'><encryption secret='" UUID_1 "'/></backend></tpm>"

static const struct uuid one = {UUID_1};

static void writes_what_libvirt_reads(void **state)
{
    struct hv_secret secret = {.uuid = one, .usage_id = "keyferry/vtpm/x", .description = "keyferry1; one"};
    char *xml = secret_xml_write(&secret);

    (void)state;
    assert_string_equal(xml, "<secret ephemeral=\"yes\" private=\"yes\"><uuid>" UUID_1 "</uuid>"
                             "<description>keyferry1; one</description>"
                             "<usage type=\"vtpm\"><name>keyferry/vtpm/x</name></usage></secret>\n");
    free(xml);
    secret.usage = HV_USAGE_VOLUME;
    xml = secret_xml_write(&secret);
    assert_non_null(strstr(xml, "<usage type=\"volume\"><volume>keyferry/vtpm/x</volume></usage>"));
    free(xml);
}

static void writes_no_markup_that_a_text_may_hold(void **state)
{
    struct hv_secret secret = {
        .uuid = one, .usage_id = "</name>", .description = "</description>&amp;<![CDATA[\"' \xc3\xbc"};
    struct hv_secret read = {0};
    char *xml = secret_xml_write(&secret);

    (void)state;
    assert_non_null(xml);
    assert_null(strstr(xml, "</name></name>"));
    assert_true(secret_xml_read(xml, &read));
    assert_string_equal(read.description, secret.description);
    free(xml);
}

static void reads_the_form_and_the_description_of_a_secret(void **state)
{
    static const struct {
        const char *xml, *description;
        bool is_ours_in_form;
    } cases[] = {
        {SECRET("ephemeral='yes' private='yes'", "<description>a &lt; b</description>"), "a < b", true},
        {SECRET("ephemeral='yes' private='yes'", "<description/>"), "", true},
        {SECRET("ephemeral='yes' private='yes'", ""), "", true},
        {SECRET("ephemeral='no' private='yes'", "<description>x</description>"), "x", false},
        {SECRET("ephemeral='yes' private='no'", "<usage><description>deep</description></usage>"), "", false},
        {"<secret/>", "", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct hv_secret read = {.description = "before"};

        assert_true(secret_xml_read(cases[i].xml, &read));
        assert_string_equal(read.description, cases[i].description);
        assert_int_equal(read.is_ours_in_form, cases[i].is_ours_in_form);
    }
}

static void a_description_longer_than_any_of_ours_reads_as_none(void **state)
{
    char xml[HV_DESCRIPTION_MAX_BYTES + 100];
    struct hv_secret read;

    (void)state;
    snprintf(xml, sizeof(xml), "<secret><description>%0*d</description></secret>", HV_DESCRIPTION_MAX_BYTES, 0);
    assert_true(secret_xml_read(xml, &read));
    assert_int_equal(strlen(read.description), HV_DESCRIPTION_MAX_BYTES);
    snprintf(xml, sizeof(xml), "<secret><description>%0*d</description></secret>", HV_DESCRIPTION_MAX_BYTES + 1, 0);
    assert_true(secret_xml_read(xml, &read));
    assert_string_equal(read.description, "");
}

static bool names(const char *xml, const char *usage_id)
{
    bool named;

    assert_true(domain_xml_names(xml, &one, usage_id, &named));
    return named;
}

static void a_domain_names_a_secret_by_any_attribute_that_is_its_uuid(void **state)
{
    (void)state;
    assert_true(names(DEVICES(ENCRYPTED), NULL));
    assert_true(
        names(DEVICES("<disk><encryption><secret type='passphrase' uuid='" UUID_1 "'/></encryption></disk>"), NULL));
    assert_true(names(DOMAIN("<metadata><x:y xmlns:x='urn:x' x:z='" UUID_1 "'/></metadata>"), NULL));
    assert_true(
        names(DEVICES("<a b='1111111111114111811111111111111'/><a b='11111111111141118111111111111111'/>"), NULL));
    assert_false(names(DEVICES("<a b='" UUID_2 "'/><a b=' " UUID_1 "'/><b>" UUID_1 "</b>"), NULL));
}

static void a_uuid_in_capitals_is_the_same_uuid(void **state)
{
    const struct uuid uuid = {"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"};
    bool named;

    (void)state;
    assert_true(domain_xml_names(DEVICES("<a b='AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE'/>"), &uuid, NULL, &named));
    assert_true(named);
}

static void a_domain_names_a_secret_by_an_attribute_usage_that_is_its_usage_id(void **state)
{
    (void)state;
    assert_true(names(DEVICES("<disk><auth><secret type='iscsi' usage='keyferry/x'/></auth></disk>"), "keyferry/x"));
    assert_false(names(DEVICES("<secret type='iscsi' usage='keyferry/x1'/>"), "keyferry/x"));
    assert_false(names(DEVICES("<secret use='keyferry/x'/>"), "keyferry/x"));
    assert_false(names(DEVICES("<secret usage='keyferry/x'/>"), NULL));
}

static void reads_the_tpm_of_a_domain(void **state)
{
    static const struct {
        const char *xml;
        bool live, present, encrypted;
    } cases[] = {
        {DEVICES(ENCRYPTED), true, true, true},
        {"<domain><devices>" ENCRYPTED "</devices></domain>", false, true, true},
        {DEVICES("<tpm><backend type='emulator'/></tpm>"), true, true, false},
        {DEVICES("<tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>"), true,
         true, false},
        {DEVICES("<tpm model='tpm-spapr-proxy'/><disk/>" ENCRYPTED), true, true, true},
        {DEVICES("<disk/>"), true, false, false},
        {DOMAIN(ENCRYPTED), true, false, false},
        {DOMAIN("<metadata><devices>" ENCRYPTED "</devices></metadata>"), true, false, false},
        {"<domain/>", false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct hv_tpm tpm;
        bool live;

        assert_true(domain_xml_tpm(cases[i].xml, &live, &tpm));
        assert_int_equal(live, cases[i].live);
        assert_int_equal(tpm.present, cases[i].present);
        assert_int_equal(tpm.encrypted, cases[i].encrypted);
        assert_string_equal(tpm.secret_uuid.text, cases[i].encrypted ? UUID_1 : "");
    }
}

static void refuses_a_tpm_whose_secret_is_no_uuid(void **state)
{
    static const char *const bad[] = {
        DEVICES("<tpm><backend><encryption/></backend></tpm>"),
        DEVICES("<tpm><backend><encryption secret=''/></backend></tpm>"),
        DEVICES("<tpm><backend><encryption secret='" UUID_1 "0'/></backend></tpm>"),
        DEVICES("<tpm><backend><encryption secret='00000000-0000-0000-0000-000000000000'/></backend></tpm>"),
    };
    struct hv_tpm tpm;
    bool live;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(domain_xml_tpm(bad[i], &live, &tpm));
}

#define BILLION                                                                                                        \
    "<!DOCTYPE domain [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;'>]>"

static void refuses_what_is_not_plain_well_formed_xml_of_its_kind(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "domain",
        "<domain",
        "<domain></secret>",
        "<domain/><domain/>",
        "<secret/>",
        "<Domain/>",
        "<domain>&unknown;</domain>",
        "<domain>\x01</domain>",
        "<domain>\xff</domain>",
        "<!DOCTYPE domain><domain/>",
        "<!DOCTYPE domain SYSTEM 'http://127.0.0.1:9/x.dtd'><domain/>",
        "<!DOCTYPE domain [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain a='b'>&x;</domain>",
        BILLION "<domain a='&c;'>&c;</domain>",
    };
    struct hv_tpm tpm;
    bool live, named;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (domain_xml_names(bad[i], &one, NULL, &named))
            fail_msg("took '%s'", bad[i]);
        assert_false(domain_xml_tpm(bad[i], &live, &tpm));
    }
    assert_false(secret_xml_read("<domain/>", &(struct hv_secret){0}));
}

static void refuses_what_is_nested_without_end(void **state)
{
    enum { DEPTH = 100000 };
    char *xml = malloc(DEPTH * 3 + 16);
    bool named;

    (void)state;
    strcpy(xml, "<domain>");
    for (size_t i = 0; i < DEPTH; i++)
        memcpy(xml + 8 + 3 * i, "<a>", 4);
    assert_false(domain_xml_names(xml, &one, NULL, &named));
    free(xml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_libvirt_reads),
        cmocka_unit_test(writes_no_markup_that_a_text_may_hold),
        cmocka_unit_test(reads_the_form_and_the_description_of_a_secret),
        cmocka_unit_test(a_description_longer_than_any_of_ours_reads_as_none),
        cmocka_unit_test(a_domain_names_a_secret_by_any_attribute_that_is_its_uuid),
        cmocka_unit_test(a_uuid_in_capitals_is_the_same_uuid),
        cmocka_unit_test(a_domain_names_a_secret_by_an_attribute_usage_that_is_its_usage_id),
        cmocka_unit_test(reads_the_tpm_of_a_domain),
        cmocka_unit_test(refuses_a_tpm_whose_secret_is_no_uuid),
        cmocka_unit_test(refuses_what_is_not_plain_well_formed_xml_of_its_kind),
        cmocka_unit_test(refuses_what_is_nested_without_end),
    };

    return cmocka_run_group_tests_name("hypervisor XML", tests, NULL, NULL);
}
